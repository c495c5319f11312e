package do_test

import (
	"context"
	"io"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
	"github.com/durablego/do/kvstorage"
)

// slowChat runs f in a bubble with a chat that has data, on a disk that holds fsyncs.
func slowChat(t *testing.T, s *chats, f func(t *testing.T, env *dotest.Runtime, stub *do.Stub, d *slowDisk)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		env, d := newSlowDisk(t, s.script(do.Class[*chat]{}))
		stub := env.Namespace("CHAT").GetByName("x")
		inChat(t, env, stub, func(ctx context.Context, c *chat) error { return c.state.KV().Put(ctx, "n", 0) })
		f(t, env, stub, d)
	})
}

// save writes and sends a message to all, one before the write and one after it.
func save(ctx context.Context, c *chat, text string) error {
	if err := c.state.Broadcast(do.Message{Text: text + " begun"}); err != nil {
		return err
	}
	n, _, err := kvstorage.Get[int](ctx, c.state.KV(), "n")
	if err == nil {
		err = c.state.KV().Put(ctx, "n", n+1)
	}
	if err != nil {
		return err
	}
	return c.state.Broadcast(do.Message{Text: text + " saved"})
}

// TestT20_Frames, close frames and the 101 wait for what was written before them; automatic
// responses, pongs and the answer to a peer's close do not (W12).
func TestT20_Frames(t *testing.T) {
	s := &chats{}
	slowChat(t, s, func(t *testing.T, env *dotest.Runtime, stub *do.Stub, d *slowDisk) {
		inChat(t, env, stub, func(_ context.Context, c *chat) error { return c.state.SetAutoResponse("q", "a") })
		a, b := join(t, env, stub, "?tag=a"), join(t, env, stub, "?tag=b")
		d.hold()
		s.message = func(ctx context.Context, c *chat, ws *do.WebSocket, m do.Message) error { return save(ctx, c, m.Text) }
		tell(t, a, "one")
		silent(t, a)
		tell(t, a, "q")
		hears(t, a, "a")
		wantNil(t, a.Ping(t.Context(), "p"))
		tell(t, b, "two") // another event: its commit waits for the same disk
		silent(t, b)
		s.message = func(_ context.Context, c *chat, ws *do.WebSocket, m do.Message) error { // it only reads (T14)
			return ws.Close(4000, "")
		}
		tell(t, b, "three")
		synctest.Wait()
		answers := make(chan *dotest.WebSocket)
		go func() {
			c, err := env.Dial(stub, "/")
			if err != nil {
				t.Error(err)
			}
			answers <- c
		}()
		synctest.Wait()
		select {
		case <-answers:
			t.Error("the 101 answer was not held")
		default:
		}
		d.permit()
		hears(t, a, "one begun", "one saved")
		hears(t, b, "one begun", "one saved")
		d.free()
		hears(t, a, "two begun", "two saved")
		hears(t, b, "two begun", "two saved")
		ends(t, b, 4000, "")
		c := <-answers
		wantNil(t, c.Close(1000, ""))
		ends(t, c, 1000, "")
	})
}

// TestT20_PeerClose: its answer is held by nothing but the frames before it (W11).
func TestT20_PeerClose(t *testing.T) {
	s := &chats{}
	slowChat(t, s, func(t *testing.T, env *dotest.Runtime, stub *do.Stub, d *slowDisk) {
		a, b := join(t, env, stub, "?tag=a"), join(t, env, stub, "?tag=b")
		d.hold()
		held := start2(env, stub, func() {})
		synctest.Wait()
		go func() {
			err := dotest.RunInObject(env, stub, func(ctx context.Context, c *chat, _ *do.State) error {
				wantNil(t, c.state.WebSockets("b")[0].Send(do.Message{Text: "held"}))
				return c.state.KV().Put(ctx, "n", 2)
			})
			wantNil(t, err)
		}()
		synctest.Wait()
		wantNil(t, a.Close(1000, ""))
		ends(t, a, 1000, "")
		wantNil(t, b.Close(1000, ""))
		silent(t, b)
		d.free()
		hears(t, b, "held")
		ends(t, b, 1000, "")
		wantNil(t, <-held)
	})
}

// TestW19_Reset: 1011 for all, parked ones too; what may leave goes first, what is held or was
// sent in the turn that fails never leaves (T34.2, T34.3, T34.4).
func TestW19_Reset(t *testing.T) {
	s := &chats{}
	chatting(t, s, func(t *testing.T, env *dotest.Runtime, stub *do.Stub) {
		for name, fn := range map[string]func(ctx context.Context, c *chat) error{
			"panic":        func(context.Context, *chat) error { panic("boom") },
			"abort":        func(ctx context.Context, c *chat) error { c.state.Abort(ctx, errBoom); return nil },
			"section":      func(ctx context.Context, c *chat) error { return c.state.BlockConcurrencyWhile(ctx, fails) },
			"waits, fails": func(ctx context.Context, c *chat) error { wantNil(t, c.state.Await(ctx, sleeps)); panic("boom") },
		} {
			a, b := join(t, env, stub, ""), join(t, env, stub, "")
			tell(t, a, "first")
			hears(t, a, "first")
			var old *do.WebSocket
			err := dotest.RunInObject(env, stub, func(ctx context.Context, c *chat, _ *do.State) error {
				old = c.state.WebSockets()[0]
				if name == "section" { // a commit point
					return fn(ctx, c)
				}
				if name == "waits, fails" {
					wantNil(t, c.state.Broadcast(do.Message{Text: "committed"}))
					wantNil(t, c.state.Await(ctx, sleeps))
				}
				wantNil(t, c.state.Broadcast(do.Message{Text: "undone"}))
				return fn(ctx, c)
			})
			wantErr(t, name, err, do.ErrReset)
			for _, ws := range []*dotest.WebSocket{a, b} {
				if name == "waits, fails" {
					hears(t, ws, "committed", "undone") // Await has committed that too
				}
				if m, err := ws.Receive(t.Context()); err == nil {
					t.Errorf("%s: %q has left", name, m.Text)
				}
				ends(t, ws, 1011, "the object was reset")
			}
			for _, err := range []error{old.Send(do.Message{}), old.Close(1000, ""), old.SetAttachment(1)} {
				wantErr(t, name+": use of an old socket", err, do.ErrReset)
			}
			if n := listed(t, env, stub); n != 0 {
				t.Errorf("%s: %d sockets are left", name, n)
			}
		}
		a := join(t, env, stub, "")
		wantNil(t, env.Evict(stub))
		s.build = func(context.Context, *chat) error { return errBoom }
		tell(t, a, "wake up")
		ends(t, a, 1011, "the object was reset")
		s.build = nil
		synctest.Wait()
		for _, event := range s.said {
			if event != "first" {
				t.Errorf("the object heard of %q", event)
			}
		}
	})
}

func fails(context.Context) error  { return errBoom }
func sleeps(context.Context) error { time.Sleep(time.Second); return nil }

// TestT34_8_Sockets: after a failed fsync held frames are gone, and the sockets with 1011; what
// was open has left. T34.7 for a failed commit.
func TestT34_8_Sockets(t *testing.T) {
	s := &chats{}
	slowChat(t, s, func(t *testing.T, env *dotest.Runtime, stub *do.Stub, d *slowDisk) {
		a := join(t, env, stub, "")
		s.message = func(ctx context.Context, c *chat, ws *do.WebSocket, m do.Message) error { return save(ctx, c, m.Text) }
		tell(t, a, "one")
		hears(t, a, "one begun", "one saved")
		d.hold()
		tell(t, a, "two")
		silent(t, a)
		d.permits <- syscall.EIO
		d.free()
		ends(t, a, 1011, "the object was reset")
		if m, err := a.Receive(t.Context()); err == nil {
			t.Errorf("%q has left", m.Text)
		}
		inChat(t, env, stub, func(ctx context.Context, c *chat) error {
			if n, _, err := kvstorage.Get[int](ctx, c.state.KV(), "n"); n != 1 || err != nil || len(c.state.WebSockets()) != 0 {
				t.Errorf("n = %d, %v, with %d sockets", n, err, len(c.state.WebSockets()))
			}
			return nil
		})
		b := join(t, env, stub, "")
		env.FailCommits(stub, 1)
		tell(t, b, "three")
		ends(t, b, 1011, "the object was reset")
		c := join(t, env, stub, "")
		tell(t, c, "four")
		hears(t, c, "four begun", "four saved")
	})
}

// TestD9_CutsSockets: after a crash clients see a cut line, and what they were told is there.
func TestD9_CutsSockets(t *testing.T) {
	s := &chats{}
	slowChat(t, s, func(t *testing.T, env *dotest.Runtime, stub *do.Stub, d *slowDisk) {
		a := join(t, env, stub, "")
		s.message = func(ctx context.Context, c *chat, ws *do.WebSocket, m do.Message) error { return save(ctx, c, m.Text) }
		tell(t, a, "one")
		hears(t, a, "one begun", "one saved")
		env.Crash()
		ends(t, a, 1006, "")
		stub = env.Namespace("CHAT").GetByName("x")
		inChat(t, env, stub, func(ctx context.Context, c *chat) error {
			if n, _, err := kvstorage.Get[int](ctx, c.state.KV(), "n"); n != 1 || err != nil {
				t.Errorf("n = %d, %v, want what was said to be saved", n, err)
			}
			return nil
		})
	})
}

// TestL21_Sockets: Close closes with 1012 behind what was sent, parked objects' sockets too,
// and does not wait for peers that do not answer (T34.12).
func TestL21_Sockets(t *testing.T) {
	s := &chats{}
	synctest.Test(t, func(t *testing.T) {
		rt, control := openChats(t, s.script(do.Class[*chat]{}))
		x, y := rt.Namespace("CHAT").GetByName("x"), rt.Namespace("CHAT").GetByName("y")
		a, b := dialer{t, x}.join(), dialer{t, y}.join()
		mute := rawJoin(t, y)
		frame(t, mute, 0x8a, "")
		wantNil(t, control.Evict(t.Context(), y, false))
		tell(t, a, "hello")
		begin := time.Now()
		synctest.Wait()
		wantNil(t, rt.Close(t.Context()))
		if d := time.Since(begin); d > 2*time.Second {
			t.Errorf("Close took %v", d)
		}
		hears(t, a, "hello")
		ends(t, a, 1012, "the server restarts")
		ends(t, b, 1012, "the server restarts")
		text, err := io.ReadAll(mute)
		if err != nil || len(text) < 4 || text[0] != 0x88 || text[2] != 0x03 || text[3] != 0xf4 {
			t.Errorf("the mute client got %x, %v, want a close frame with 1012", text, err)
		}
		s.want(t, "hello")
		if n := control.Sockets(); n != 0 {
			t.Errorf("%d connections are left", n)
		}
		wantNil(t, mute.Close())

		o := s.script(do.Class[*chat]{})
		o.Dir, o.Relaxed, o.Logger = t.TempDir(), true, new(logged).logger()
		rt, err = do.Open(o)
		wantNil(t, err)
		x = rt.Namespace("CHAT").GetByName("x")
		a = dialer{t, x}.join()
		c := dialer{t, rt.Namespace("CHAT").GetByName("y")}.join()
		c2 := dialer{t, rt.Namespace("CHAT").GetByName("y")}.join()
		stuck := make(chan struct{})
		s.message = func(context.Context, *chat, *do.WebSocket, do.Message) error { <-stuck; return nil }
		tell(t, a, "stuck")
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		go func() {
			time.Sleep(500 * time.Millisecond) // sockets are not heard any more, and wake nobody
			built := s.built.Load()
			tell(t, c, "hello?")
			wantNil(t, c.Close(1000, ""))
			wantNil(t, c2.Cut())
			synctest.Wait()
			if s.built.Load() != built {
				t.Error("a socket woke an object while the runtime closes")
			}
		}()
		if err := rt.Close(ctx); !is(err, context.DeadlineExceeded) {
			t.Errorf("Close past its ctx = %v", err)
		}
		ends(t, a, 1012, "the server restarts")
		close(stuck)
		s.want(t, "hello stuck")
	})
}
