package do_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
)

// TestW6_AutoResponse wakes nobody, outlives eviction and not a reset, and wants the exact text.
func TestW6_AutoResponse(t *testing.T) {
	s := &chats{}
	chatting(t, s, func(t *testing.T, env *dotest.Runtime, stub *do.Stub) {
		set := func(request, response string) (err error) {
			inChat(t, env, stub, func(_ context.Context, c *chat) error {
				err = c.state.SetAutoResponse(request, response)
				return nil
			})
			return err
		}
		wantNil(t, set("ping", "pong"))
		long := strings.Repeat("x", 2049)
		if err := set(long, ""); !is(err, do.ErrValueTooLarge) { // N23
			t.Errorf("a long request: %v", err)
		}
		if err := set("", long); !is(err, do.ErrValueTooLarge) {
			t.Errorf("a long response: %v", err)
		}
		if err := set("\xff", ""); !is(err, do.ErrInvalidValue) {
			t.Errorf("not UTF-8: %v", err)
		}
		time.Sleep(11 * time.Second) // it leaves memory, and has no socket yet
		synctest.Wait()
		ws := join(t, env, stub, "")
		wantNil(t, env.Evict(stub))
		time.Sleep(time.Second)
		built, at := s.built.Load(), time.Now()
		tell(t, ws, "ping")
		hears(t, ws, "pong")
		if s.built.Load() != built {
			t.Error("an automatic response woke the object")
		}
		inChat(t, env, stub, func(_ context.Context, c *chat) error {
			if got := c.state.WebSockets()[0].AutoResponseAt(); !got.Equal(at) {
				t.Errorf("answered at %v, want %v", got, at)
			}
			if q, a, ok := c.state.AutoResponse(); q != "ping" || a != "pong" || !ok {
				t.Errorf("AutoResponse = %q, %q, %v", q, a, ok)
			}
			return nil
		})
		tell(t, ws, "ping ")
		wantNil(t, ws.Send(do.Message{Binary: []byte("ping")}))
		hears(t, ws, "ping ")
		m, err := ws.Receive(t.Context())
		if err != nil || string(m.Binary) != "ping" {
			t.Errorf("a binary one came back as %+v, %v", m, err)
		}
		inChat(t, env, stub, func(_ context.Context, c *chat) error { return c.state.ClearAutoResponse() })
		s.message = func(_ context.Context, _ *chat, ws *do.WebSocket, m do.Message) error {
			return ws.Send(do.Message{Text: "app"})
		}
		tell(t, ws, "ping")
		hears(t, ws, "app")
		wantNil(t, set("ping", "pong"))
		abort(t, env, stub)
		inChat(t, env, stub, func(_ context.Context, c *chat) error {
			if _, _, ok := c.state.AutoResponse(); ok {
				t.Error("it outlived a reset")
			}
			return nil
		})
	})
}

// abort resets the object.
func abort(t *testing.T, env *dotest.Runtime, stub *do.Stub) {
	t.Helper()
	err := dotest.RunInObject(env, stub, func(ctx context.Context, c *chat, state *do.State) error {
		state.Abort(ctx, errBoom)
		return nil
	})
	wantErr(t, "Abort", err, do.ErrReset)
}

// TestW20_Timeout: range and default, eviction, and what it does to a handler that takes longer
// (N27, T34.14, L24.5).
func TestW20_Timeout(t *testing.T) {
	s := &chats{}
	chatting(t, s, func(t *testing.T, env *dotest.Runtime, stub *do.Stub) {
		other := make(chan error, 1)
		s.message = func(ctx context.Context, c *chat, ws *do.WebSocket, m do.Message) error {
			d, err := time.ParseDuration(m.Text)
			if err == nil {
				err = c.state.Await(ctx, func(context.Context) error { time.Sleep(d); return nil })
			}
			wantNil(t, ws.Send(m)) // to nobody, once it is late
			return err
		}
		inChat(t, env, stub, func(_ context.Context, c *chat) error {
			for d, want := range map[time.Duration]error{0: nil, 7 * 24 * time.Hour: nil, 7*24*time.Hour + 1: do.ErrInvalidOptions, -1: do.ErrInvalidOptions} {
				if err := c.state.SetWebSocketTimeout(d); !is(err, want) {
					t.Errorf("SetWebSocketTimeout(%v) = %v, want %v", d, err, want)
				}
			}
			return c.state.SetWebSocketTimeout(5 * time.Second)
		})
		ws := join(t, env, stub, "")
		wantNil(t, env.Evict(stub))
		tell(t, ws, "4s")
		hears(t, ws, "4s")
		s.message = func(ctx context.Context, c *chat, ws *do.WebSocket, m do.Message) error {
			return c.state.Await(ctx, func(context.Context) error { time.Sleep(time.Minute); return nil })
		}
		tell(t, ws, "long")
		synctest.Wait()
		go func() {
			other <- dotest.RunInObject(env, stub, func(ctx context.Context, c *chat, _ *do.State) error {
				return c.state.Await(ctx, func(context.Context) error { time.Sleep(time.Minute); return nil })
			})
		}()
		ends(t, ws, 1011, "the object was reset")
		err := <-other
		if e := errorOfChat(t, err); !e.Reset || !e.Retryable || e.Overloaded {
			t.Errorf("who was there too got %+v, want a reset that may be repeated", e)
		}
		if built := s.built.Load(); listed(t, env, stub) != 0 || s.built.Load() == built {
			t.Error("not a fresh instance without sockets")
		}
		inChat(t, env, stub, func(_ context.Context, c *chat) error {
			if d := c.state.WebSocketTimeout(); d != 0 {
				t.Errorf("the limit is %v after a reset", d)
			}
			return nil
		})
		time.Sleep(time.Minute) // the old handlers end
	})
}

func errorOfChat(t *testing.T, err error) *do.Error {
	t.Helper()
	e, ok := err.(*do.Error)
	if !ok {
		t.Fatalf("%v is no *do.Error", err)
	}
	return e
}

// TestW15_Broadcast: by tags, with exceptions, past sockets that are closing.
func TestW15_Broadcast(t *testing.T) {
	s := &chats{}
	chatting(t, s, func(t *testing.T, env *dotest.Runtime, stub *do.Stub) {
		a, b, c := join(t, env, stub, "?tag=a&tag=ab"), join(t, env, stub, "?tag=b&tag=ab"), join(t, env, stub, "?tag=c")
		inChat(t, env, stub, func(_ context.Context, o *chat) error {
			wantNil(t, o.state.Broadcast(do.Message{Text: "all"}))
			wantNil(t, o.state.Broadcast(do.Message{Text: "ab"}, "ab"))
			wantNil(t, o.state.Broadcast(do.Message{Text: "nobody"}, "ab", "c"))
			wantNil(t, o.state.BroadcastExcept(o.state.WebSockets("a"), do.Message{Text: "not a"}))
			wantNil(t, o.state.WebSockets("c")[0].Close(1000, ""))
			wantNil(t, o.state.Broadcast(do.Message{Text: "rest"}))
			if err := o.state.Broadcast(do.Message{Text: "\xff"}); !is(err, do.ErrInvalidValue) {
				t.Errorf("not UTF-8: %v", err)
			}
			return nil
		})
		hears(t, a, "all", "ab", "rest")
		hears(t, b, "all", "ab", "not a", "rest")
		hears(t, c, "all", "not a")
		ends(t, c, 1000, "")
	})
}

// TestW15_SlowConsumer: more than may wait closes with 1013, and the others go on.
func TestW15_SlowConsumer(t *testing.T) {
	s := &chats{}
	synctest.Test(t, func(t *testing.T) {
		o := s.script(do.Class[*chat]{})
		o.SocketQueueBytes = 100 << 10
		env := dotest.New(t, dotest.Options{Runtime: o})
		stub := env.Namespace("CHAT").GetByName("x")
		slow, quick := rawJoin(t, stub), join(t, env, stub, "")
		frame(t, slow, 0x8a, "")
		synctest.Wait()
		text := strings.Repeat("x", 10<<10)
		inChat(t, env, stub, func(_ context.Context, c *chat) error { // one large one is fine
			return c.state.WebSockets()[0].Send(do.Message{Text: strings.Repeat("l", 300<<10)})
		})
		hears(t, quick, strings.Repeat("l", 300<<10))
		n := 0
		for ; n < 50; n++ {
			inChat(t, env, stub, func(_ context.Context, c *chat) error { return c.state.Broadcast(do.Message{Text: text}) })
			hears(t, quick, text)
			closing := false
			inChat(t, env, stub, func(_ context.Context, c *chat) error {
				closing = c.state.WebSockets()[1].Closing()
				if err := c.state.WebSockets()[1].Send(do.Message{Text: ""}); closing != is(err, do.ErrSocketClosed) {
					t.Errorf("closing %v, Send = %v", closing, err)
				}
				return nil
			})
			if closing {
				break
			}
		}
		if n < 9 || n > 17 { // 64 KiB are in the pipe, 100 wait
			t.Errorf("closed after %d messages of 10 KiB", n)
		}
		var all []byte
		buf := make([]byte, 64<<10)
		for {
			k, err := slow.Read(buf)
			all = append(all, buf[:k]...)
			if at := strings.Index(string(all), "\x03\xf5too much"); err != nil || at > 0 {
				if at < 0 {
					t.Errorf("no close frame with 1013 came: %v", err)
				}
				break
			}
		}
		time.Sleep(11 * time.Second)
		synctest.Wait()
		s.want(t, "close:1006::false")
		wantNil(t, slow.Close())
	})
}
