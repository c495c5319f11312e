package do

import (
	"context"
	"net/http"

	"github.com/durablego/do/internal/actor"
	"github.com/durablego/do/internal/bridge"
	"github.com/durablego/do/internal/socket"
)

var _ = func() bool {
	bridge.Open = func(options any, c bridge.Config) (any, bridge.Control, error) {
		rt, err := open(options.(Options), c)
		if err != nil {
			return nil, nil, err
		}
		return rt, control{rt}, nil
	}
	bridge.FetchOwned = func(ctx context.Context, stub any, r *http.Request) (*http.Response, error) {
		return stub.(*Stub).fetchOwned(ctx, r)
	}
	bridge.MaxCallBytes = func(stub any) int { return stub.(*Stub).ns.rt.options.MaxCallBytes }
	return true
}()

// control is the runtime as tests see it.
type control struct{ rt *Runtime }

func (control) Evict(ctx context.Context, stub any, closeSockets bool) error {
	s := stub.(*Stub)
	if s.ns.rt.closed.Load() {
		return ErrClosed
	}
	c := s.ns.peek(s.id)
	if c == nil || !c.mb.Running() && !(closeSockets && c.stays()) {
		return ErrNotRunning
	}
	if c.mb.Running() {
		if err := c.mb.Leave(ctx, actor.StopIdle, false); err != nil {
			return err
		}
	}
	if closeSockets {
		c.closeSockets(socket.CodeGoingAway, "the object was evicted", true)
	}
	return nil
}

func (t control) CutSockets() { t.rt.sockets.Cut() }

func (t control) Sockets() int { return t.rt.sockets.Count() }

func (control) Path(stub any) string {
	s := stub.(*Stub)
	return s.ns.path(s.id)
}

func (t control) OpenDatabases() int { return t.rt.databases.count() }

func (t control) Cells() int { return len(t.rt.cells()) }

func (t control) InMemory() []string {
	var names []string
	for _, c := range t.rt.cells() {
		names = append(names, c.served.class.name+"/"+c.id.String())
	}
	return names
}

func (t control) RunAlarm(ctx context.Context, stub any) (bool, error) {
	s := stub.(*Stub)
	if s.err != nil {
		return false, s.err
	}
	if s.ns.away != nil {
		return false, errAway
	}
	return s.ns.rt.alarmNow(ctx, s.ns.served, s.id)
}

// visit is the event of Control.Run, and its task.
type visit struct {
	actor.Event
	fn func(ctx context.Context, instance, state any) error
}

func (control) Run(ctx context.Context, stub any, fn func(ctx context.Context, instance, state any) error) error {
	s := stub.(*Stub)
	v := &visit{fn: fn}
	v.Init(v)
	err := s.send(ctx, &v.Event)
	if err == nil || v.FromTask() {
		return err
	}
	return s.fail(ctx, "run", err, false)
}

func (v *visit) Do(ctx context.Context, object any) error {
	state := enter(ctx, &v.Event)
	err := state.closeTxs(v.fn(ctx, object, state))
	state.settle(v.Turn(), nil)
	return err
}

func (v *visit) Drop() {}
