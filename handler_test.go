package do_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
)

// TestW10_HandlerError is logged; socket, object and what was sent stay.
func TestW10_HandlerError(t *testing.T) {
	s, log := &chats{}, new(logged)
	synctest.Test(t, func(t *testing.T) {
		o := s.script(do.Class[*chat]{})
		o.Logger = log.logger()
		env := dotest.New(t, dotest.Options{Runtime: o})
		stub := env.Namespace("CHAT").GetByName("x")
		ws := join(t, env, stub, "")
		s.message = func(_ context.Context, _ *chat, ws *do.WebSocket, m do.Message) error {
			wantNil(t, ws.Send(m))
			return errBoom
		}
		tell(t, ws, "one")
		tell(t, ws, "two")
		hears(t, ws, "one", "two")
		synctest.Wait()
		if !log.has("a socket handler failed") || !log.has("boom") || s.built.Load() != 1 || listed(t, env, stub) != 1 {
			t.Errorf("%d instances, log:\n%s", s.built.Load(), log)
		}
		s.message = func(context.Context, *chat, *do.WebSocket, do.Message) error { panic("boom") }
		tell(t, ws, "three")
		ends(t, ws, 1011, "the object was reset")
	})
}

// deaf is an object that accepts sockets and hears nothing of them.
type deaf struct{ state *do.State }

func (d *deaf) Fetch(_ context.Context, r *http.Request) (*http.Response, error) {
	_, response, err := d.state.Accept(r)
	return response, err
}

// TestW8_NoHandler: the events of a class without handlers vanish, and wake nobody.
func TestW8_NoHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		script, built := do.NewScript("main"), 0
		do.RegisterIn(script, do.Class[*deaf]{Binding: "DEAF", New: func(_ context.Context, state *do.State, _ *do.Env) (*deaf, error) {
			built++
			return &deaf{state}, nil
		}})
		env := dotest.New(t, dotest.Options{Runtime: do.Options{Scripts: []*do.Script{script}}})
		stub := env.Namespace("DEAF").GetByName("x")
		ws, err := env.Dial(stub, "/")
		wantNil(t, err)
		wantNil(t, env.Evict(stub))
		for range 3 {
			tell(t, ws, "anybody there?")
		}
		wantNil(t, ws.Close(4000, ""))
		ends(t, ws, 4000, "")
		synctest.Wait()
		if built != 1 {
			t.Errorf("%d instances, want 1", built)
		}
	})
}
