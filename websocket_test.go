package do_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
)

// TestD10_Dial: messages both ways, close codes and reasons (W7.1, W7.2, W7.3).
func TestD10_Dial(t *testing.T) {
	s := &chats{}
	chatting(t, s, func(t *testing.T, env *dotest.Runtime, stub *do.Stub) {
		ws := join(t, env, stub, "")
		tell(t, ws, "hello")
		hears(t, ws, "hello")
		wantNil(t, ws.Send(do.Message{Binary: []byte{}}))
		m, err := ws.Receive(t.Context())
		if err != nil || m.Binary == nil || len(m.Binary) > 0 {
			t.Errorf("an empty binary message came back as %#v, %v", m, err)
		}
		wantNil(t, ws.Ping(t.Context(), "are you there"))
		wantNil(t, ws.Close(4001, "bye"))
		ends(t, ws, 4001, "")
		ws = join(t, env, stub, "")
		wantNil(t, ws.Close(0, ""))
		ends(t, ws, 1005, "")
		ws = join(t, env, stub, "")
		wantNil(t, ws.Cut())
		synctest.Wait()
		s.want(t, "hello  close:4001:bye:true close:1005::true close:1006::false")
		if n := listed(t, env, stub); n != 0 {
			t.Errorf("%d sockets are listed, want 0", n)
		}
		if _, err := env.Dial(stub, "/", func(q *http.Request) { q.Header.Del("Upgrade") }); !is(err, do.ErrNotUpgrade) {
			t.Errorf("no handshake: %v", err)
		}
	})
}

// TestW11_Answer: what answers the peer's close, behind what is queued.
func TestW11_Answer(t *testing.T) {
	s := &chats{}
	chatting(t, s, func(t *testing.T, env *dotest.Runtime, stub *do.Stub) {
		s.closed = func(_ context.Context, _ *chat, ws *do.WebSocket, _ do.CloseInfo) error {
			if !ws.Closing() {
				t.Error("not closing in the close handler")
			}
			wantNil(t, ws.Send(do.Message{Text: "last words"}))
			return ws.Close(3000, "own")
		}
		ws := join(t, env, stub, "")
		wantNil(t, ws.Close(1000, ""))
		ends(t, ws, 3000, "own")

		s.closed = func(ctx context.Context, c *chat, ws *do.WebSocket, _ do.CloseInfo) error {
			err := c.state.Await(ctx, func(ctx context.Context) error { time.Sleep(time.Minute); return nil })
			if err == nil && !is(ws.Send(do.Message{Text: "late"}), do.ErrSocketClosed) { // W14
				t.Error("a send behind the answer worked")
			}
			return errBoom // W8: it leaves the list all the same
		}
		ws = join(t, env, stub, "")
		begin := time.Now()
		wantNil(t, ws.Close(3333, ""))
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		info, err := ws.Closed(ctx)
		if took := time.Since(begin); err != nil || info.Code != 3333 || took != 10*time.Second {
			t.Errorf("answered with %d after %v, %v, want 3333 after 10 s", info.Code, took, err)
		}
		time.Sleep(time.Minute)
		if n := listed(t, env, stub); n != 0 {
			t.Errorf("%d sockets are listed, want 0", n)
		}
	})
}

// TestW13_Close: what may be sent, once, and what comes of no answer.
func TestW13_Close(t *testing.T) {
	s := &chats{}
	chatting(t, s, func(t *testing.T, env *dotest.Runtime, stub *do.Stub) {
		ws := join(t, env, stub, "")
		inChat(t, env, stub, func(_ context.Context, c *chat) error {
			own := c.state.WebSockets()[0]
			for _, bad := range []struct {
				code   int
				reason string
			}{{0, "why"}, {-1, ""}, {999, ""}, {1004, ""}, {1005, ""}, {1006, ""}, {1015, ""}, {5000, ""}, {1000, strings.Repeat("r", 124)}, {1000, "\xff"}} {
				if err := own.Close(bad.code, bad.reason); !is(err, do.ErrInvalidClose) {
					t.Errorf("Close(%d, %q) = %v", bad.code, bad.reason, err)
				}
			}
			wantNil(t, own.Send(do.Message{Text: "before"}))
			wantNil(t, own.Close(4000, strings.Repeat("é", 61)))
			wantNil(t, own.Close(4001, "second"))
			if err := own.Send(do.Message{Text: "after"}); !is(err, do.ErrSocketClosed) {
				t.Errorf("Send after Close = %v", err)
			}
			return nil
		})
		hears(t, ws, "before")
		ends(t, ws, 4000, strings.Repeat("é", 61))
		synctest.Wait()
		s.want(t, "close:4000::true") // the client's answer
	})
	s = &chats{}
	chatting(t, s, func(t *testing.T, env *dotest.Runtime, stub *do.Stub) { // N26
		body := rawJoin(t, stub)
		frame(t, body, 0x8a, "") // a pong: the connection is there
		inChat(t, env, stub, func(_ context.Context, c *chat) error { return c.state.WebSockets()[0].Close(1000, "") })
		time.Sleep(9 * time.Second)
		if n := listed(t, env, stub); n != 1 {
			t.Errorf("%d sockets while the answer may come, want 1", n)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		s.want(t, "close:1006::false")
		wantNil(t, body.Close())
	})
}

// TestW12_Order: frames of a turn leave together, with a Transaction that rolls back or without.
func TestW12_Order(t *testing.T) {
	s := &chats{}
	chatting(t, s, func(t *testing.T, env *dotest.Runtime, stub *do.Stub) {
		ws := join(t, env, stub, "")
		inChat(t, env, stub, func(ctx context.Context, c *chat) error {
			own := c.state.WebSockets()[0]
			wantNil(t, own.Send(do.Message{Text: "1"}))
			err := c.state.Storage().Transaction(ctx, func(context.Context) error {
				wantNil(t, own.Send(do.Message{Text: "2"}))
				return errBoom
			})
			if !is(err, errBoom) {
				t.Errorf("Transaction = %v", err)
			}
			wantNil(t, own.Send(do.Message{Text: "3"}))
			silent(t, ws)
			return c.state.Await(ctx, func(context.Context) error { // a wait is a commit point
				hears(t, ws, "1", "2", "3")
				return own.Send(do.Message{Text: "4"})
			})
		})
		hears(t, ws, "4")
		for _, bad := range []do.Message{{Text: "\xff"}, {Text: "x", Binary: []byte("y")}} {
			inChat(t, env, stub, func(_ context.Context, c *chat) error {
				if err := c.state.WebSockets()[0].Send(bad); !is(err, do.ErrInvalidValue) {
					t.Errorf("Send(%+v) = %v", bad, err)
				}
				return nil
			})
		}
	})
}

// TestW5_Attachment lives as long as the socket, and is a copy.
func TestW5_Attachment(t *testing.T) {
	type card struct{ Name string }
	s := &chats{}
	chatting(t, s, func(t *testing.T, env *dotest.Runtime, stub *do.Stub) {
		join(t, env, stub, "")
		inChat(t, env, stub, func(_ context.Context, c *chat) error {
			ws := c.state.WebSockets()[0]
			var v card
			if ok, err := ws.Attachment(&v); ok || err != nil {
				t.Errorf("no attachment: %v, %v", ok, err)
			}
			mine := &card{"ann"}
			wantNil(t, ws.SetAttachment(mine))
			mine.Name = "eve"
			if err := ws.SetAttachment(strings.Repeat("x", 16<<10)); !is(err, do.ErrValueTooLarge) { // N23
				t.Errorf("too large: %v", err)
			}
			if err := ws.SetAttachment(func() {}); !is(err, do.ErrInvalidValue) {
				t.Errorf("a function: %v", err)
			}
			return nil
		})
		wantNil(t, env.Evict(stub))
		inChat(t, env, stub, func(_ context.Context, c *chat) error {
			ws := c.state.WebSockets()[0]
			var v card
			if ok, err := ws.Attachment(&v); !ok || err != nil || v.Name != "ann" {
				t.Errorf("after eviction: %v, %v, %v", v, ok, err)
			}
			var n int
			if ok, err := ws.Attachment(&n); !ok || !is(err, do.ErrInvalidValue) {
				t.Errorf("into an int: %v, %v", ok, err)
			}
			wantNil(t, ws.SetAttachment(nil))
			if ok, err := ws.Attachment(nil); ok || err != nil {
				t.Errorf("removed: %v, %v", ok, err)
			}
			return nil
		})
	})
}

// TestW4_Order of the list; W3 tags; the same pointer for an instance's life.
func TestW4_Order(t *testing.T) {
	s := &chats{}
	chatting(t, s, func(t *testing.T, env *dotest.Runtime, stub *do.Stub) {
		for i := range 100 { // more than what goes without an index
			join(t, env, stub, fmt.Sprintf("?tag=%d&tag=all&tag=m%d&tag=all", i, i%3))
		}
		var old *do.WebSocket
		for _, evict := range []bool{false, true} {
			if evict {
				wantNil(t, env.Evict(stub))
			}
			inChat(t, env, stub, func(_ context.Context, c *chat) error {
				first := func(tags ...string) string {
					var names []string
					for _, ws := range c.state.WebSockets(tags...) {
						names = append(names, ws.Tags()[0])
					}
					return strings.Join(names[:min(4, len(names))], " ")
				}
				for _, x := range []struct{ got, want string }{
					{first(), "99 98 97 96"}, {first("all"), "0 1 2 3"}, {first("m1"), "1 4 7 10"}, {first("m1", "7"), "7"},
					{first("m0", "7"), ""}, {first("none"), ""}, {strings.Join(c.state.WebSockets("7")[0].Tags(), " "), "7 all m1"},
				} {
					if x.got != x.want {
						t.Errorf("evicted %v: got %q, want %q", evict, x.got, x.want)
					}
				}
				ws := c.state.WebSockets("5")[0]
				if ws != c.state.WebSockets()[94] || ws == old {
					t.Error("a socket has another pointer than in this life, or the one of the last")
				}
				if old != nil {
					if err := old.Send(do.Message{}); !is(err, do.ErrReset) { // W17
						t.Errorf("a pointer of an old life: %v", err)
					}
				}
				old = ws
				return nil
			})
		}
	})
}

// TestW3_Limits of tags and sockets (N22).
func TestW3_Limits(t *testing.T) {
	s := &chats{}
	synctest.Test(t, func(t *testing.T) {
		o := s.script(do.Class[*chat]{})
		o.MaxSockets = 3
		env := dotest.New(t, dotest.Options{Runtime: o})
		stub := env.Namespace("CHAT").GetByName("x")
		ten := "?tag=0&tag=1&tag=2&tag=3&tag=4&tag=5&tag=6&tag=7&tag=8&tag=9&tag=9"
		join(t, env, stub, ten)
		join(t, env, stub, "?tag=&tag="+strings.Repeat("t", 256))
		for _, query := range []string{ten + "&tag=10", "?tag=" + strings.Repeat("t", 257)} {
			if _, err := env.Dial(stub, "/"+query); !is(err, do.ErrTags) {
				t.Errorf("%.20s: %v, want ErrTags", query, err)
			}
		}
		join(t, env, stub, "")
		if _, err := env.Dial(stub, "/"); !is(err, do.ErrTooManySockets) {
			t.Errorf("the fourth: %v", err)
		}
		if n := listed(t, env, stub); n != 3 {
			t.Errorf("%d sockets, want 3", n)
		}
	})
}
