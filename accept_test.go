package do_test

import (
	"context"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
	"github.com/go-chi/chi/v5"
)

// shake is a handshake.
func shake(t *testing.T) *http.Request {
	t.Helper()
	r := request(t, "/")
	for k, v := range map[string]string{"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
		"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="} {
		r.Header.Set(k, v)
	}
	return r
}

// rawJoin opens a socket and gives its raw frames (W22).
func rawJoin(t *testing.T, stub *do.Stub) io.ReadWriteCloser {
	t.Helper()
	response, err := stub.Fetch(t.Context(), shake(t))
	wantNil(t, err)
	body, ok := response.Body.(io.ReadWriteCloser)
	if response.StatusCode != 101 || !ok {
		t.Fatalf("answer %s, its body is a %T", response.Status, response.Body)
	}
	return body
}

// frame writes a raw frame, with a mask of zeros.
func frame(t *testing.T, w io.Writer, first byte, payload string) {
	t.Helper()
	_, err := w.Write(append([]byte{first, 0x80 | byte(len(payload)), 0, 0, 0, 0}, payload...))
	wantNil(t, err)
}

// TestW2_Answer: the event answers with the 101, or the socket is dropped and nobody is told.
func TestW2_Answer(t *testing.T) {
	s := &chats{}
	chatting(t, s, func(t *testing.T, env *dotest.Runtime, stub *do.Stub) {
		var response *http.Response
		accept := func(c *chat, r *http.Request) *do.WebSocket {
			ws, answer, err := c.state.Accept(r)
			wantNil(t, err)
			wantNil(t, ws.Send(do.Message{Text: "welcome"}))
			if len(c.state.WebSockets()) == 0 {
				t.Error("not listed at once")
			}
			response = answer
			return ws
		}
		for name, fetch := range map[string]func(context.Context, *chat, *http.Request) (*http.Response, error){
			"another answer": func(_ context.Context, c *chat, r *http.Request) (*http.Response, error) {
				accept(c, r)
				return do.Text(200, ""), nil
			},
			"an error": func(_ context.Context, c *chat, r *http.Request) (*http.Response, error) {
				accept(c, r)
				return response, errBoom
			},
			"nothing": func(_ context.Context, c *chat, r *http.Request) (*http.Response, error) {
				accept(c, r)
				return nil, nil
			},
			"a copy with another body": func(_ context.Context, c *chat, r *http.Request) (*http.Response, error) {
				accept(c, r)
				other := *response
				other.Body = http.NoBody
				return &other, nil
			},
			"closed before": func(_ context.Context, c *chat, r *http.Request) (*http.Response, error) {
				wantNil(t, accept(c, r).Close(1000, ""))
				return do.Text(200, ""), nil
			},
		} {
			s.fetch = fetch
			if answer, err := stub.Fetch(t.Context(), shake(t)); err == nil {
				wantNil(t, answer.Body.Close())
			}
			if n := listed(t, env, stub); n != 0 {
				t.Errorf("%s: %d sockets are listed, want 0", name, n)
			}
		}
		inChat(t, env, stub, func(ctx context.Context, c *chat) error {
			accept(c, shake(t).WithContext(ctx)) // no way to answer with it
			if _, _, err := c.state.Accept(shake(t)); !is(err, do.ErrOutsideTurn) {
				t.Errorf("a request of nobody's: %v", err)
			}
			return nil
		})
		if n := listed(t, env, stub); n != 0 {
			t.Errorf("a call: %d sockets are listed, want 0", n)
		}
		synctest.Wait()
		s.want(t, "") // no event

		s.fetch, s.message = nil, func(ctx context.Context, c *chat, ws *do.WebSocket, m do.Message) error {
			accept(c, shake(t).WithContext(ctx))
			return ws.Send(m)
		}
		first := join(t, env, stub, "")
		tell(t, first, "accept")
		hears(t, first, "accept")
		if n := listed(t, env, stub); n != 1 {
			t.Errorf("a message: %d sockets are listed, want 1", n)
		}
		s.fetch = func(_ context.Context, c *chat, r *http.Request) (*http.Response, error) {
			accept(c, r) // a second one in the same event
			ws := accept(c, r)
			wantNil(t, ws.Send(do.Message{Text: "and"}))
			wantNil(t, ws.Close(1000, "bye"))
			return response, nil
		}
		ws := join(t, env, stub, "")
		hears(t, ws, "welcome", "and")
		ends(t, ws, 1000, "bye")
	})
}

// TestW21_Pass: the 101 goes through another object; not used within 30 s, or closed, it is a
// lost connection. Meanwhile it keeps the instance in memory (L8). All time is virtual: chatting
// runs it in a synctest bubble.
func TestW21_Pass(t *testing.T) {
	s := &chats{}
	chatting(t, s, func(t *testing.T, env *dotest.Runtime, stub *do.Stub) {
		s.fetch = func(ctx context.Context, c *chat, r *http.Request) (*http.Response, error) {
			if c.state.ID().Name() == "front" {
				return c.env.Namespace("CHAT").GetByName("x").Fetch(ctx, r)
			}
			_, response, err := c.state.Accept(r)
			response.Header.Set("Sec-WebSocket-Protocol", "chat")
			return response, err
		}
		front := env.Namespace("CHAT").GetByName("front")
		ws := join(t, env, front, "")
		tell(t, ws, "hello")
		hears(t, ws, "hello")
		wantNil(t, env.Evict(front))
		tell(t, ws, "again")
		hears(t, ws, "again")
		if listed(t, env, front) != 0 || listed(t, env, stub) != 1 {
			t.Error("the socket is not only the accepting object's")
		}
		wantNil(t, ws.Close(1000, ""))
		ends(t, ws, 1000, "")

		response, err := stub.Fetch(t.Context(), shake(t))
		wantNil(t, err)
		if response.Header.Get("Sec-WebSocket-Protocol") != "chat" {
			t.Error("the subprotocol is lost")
		}
		time.Sleep(29 * time.Second)
		before := s.built.Load()
		if n := listed(t, env, stub); n != 1 || s.built.Load() != before {
			t.Errorf("before its time is over: %d sockets, want 1, and the same instance", n)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if _, err := response.Body.Read(make([]byte, 1)); err == nil {
			t.Error("used too late, it works")
		}
		response, err = stub.Fetch(t.Context(), shake(t))
		wantNil(t, err)
		wantNil(t, response.Body.Close())
		synctest.Wait()
		s.want(t, "hello again close:1000::true close:1006::false close:1006::false")
		time.Sleep(11 * time.Second) // nothing holds the instance
		synctest.Wait()
		if err := env.Evict(stub); !is(err, do.ErrNotRunning) {
			t.Errorf("the instance stays: %v", err)
		}
	})
}

// TestW23_Serve: a handler that called Accept has answered with the 101.
func TestW23_Serve(t *testing.T) {
	s := &chats{}
	chatting(t, s, func(t *testing.T, env *dotest.Runtime, stub *do.Stub) {
		s.fetch = func(_ context.Context, c *chat, r *http.Request) (*http.Response, error) {
			m := chi.NewRouter()
			m.Get("/", func(w http.ResponseWriter, r *http.Request) {
				_, _, err := c.state.Accept(r)
				wantNil(t, err)
			})
			return do.Serve(m, r)
		}
		ws := join(t, env, stub, "")
		tell(t, ws, "hello")
		hears(t, ws, "hello")
	})
}
