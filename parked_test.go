package do_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
	"github.com/durablego/do/internal/bridge"
	"github.com/durablego/do/internal/disk/disktest"
)

// TestL6_Parked: an idle object leaves memory though it has sockets (L8), and comes back for a
// message, a close and a lost connection (W18, W7.4); with its last socket it is absent.
func TestL6_Parked(t *testing.T) {
	s := &chats{}
	synctest.Test(t, func(t *testing.T) {
		rt, control := openChats(t, s.script(do.Class[*chat]{}))
		stub := rt.Namespace("CHAT").GetByName("x")
		idle := func(cells int) {
			t.Helper()
			time.Sleep(11 * time.Second)
			synctest.Wait()
			if n := control.Cells(); n != cells || control.OpenDatabases() != 0 {
				t.Errorf("%d objects and %d databases, want %d and none", n, control.OpenDatabases(), cells)
			}
			if err := control.Evict(t.Context(), stub, false); !is(err, do.ErrNotRunning) {
				t.Errorf("an idle object has an instance: %v", err)
			}
		}
		env := dialer{t, stub}
		a, b := env.join(), env.join()
		idle(1)
		names := []string{}
		s.message = func(_ context.Context, c *chat, ws *do.WebSocket, m do.Message) error {
			names = append(names, c.state.ID().Name()) // I13: it has no database
			return ws.Send(do.Message{Text: fmt.Sprint(s.built.Load())})
		}
		tell(t, a, "one")
		hears(t, a, "2")
		idle(1)
		wantNil(t, b.Close(1000, "done"))
		ends(t, b, 1000, "")
		if s.built.Load() != 3 {
			t.Errorf("a close was told to instance %d, want 3", s.built.Load())
		}
		idle(1)
		wantNil(t, a.Cut())
		synctest.Wait()
		s.want(t, "one close:1000:done:true close:1006::false")
		if got := strings.Join(names, " "); got != "x" {
			t.Errorf("the object knew itself as %q", got)
		}
		idle(0)
		if n := control.Sockets(); n != 0 {
			t.Errorf("%d connections are left", n)
		}
		c := env.join()
		wantNil(t, control.Evict(t.Context(), stub, false))
		idle(1)
		c2 := env.join()
		wantNil(t, c2.Close(1000, ""))
		idle(1)
		wantNil(t, control.Evict(t.Context(), stub, true)) // parked, D7
		ends(t, c, 1001, "the object was evicted")
		synctest.Wait()
		if n := control.Cells(); n != 0 {
			t.Errorf("%d objects are left", n)
		}
	})
}

// TestL6_Unclosed: a parked object whose database cannot be closed is tried again after its idle
// time, as others are, and not at once for as long as the disk refuses.
func TestL6_Unclosed(t *testing.T) {
	s := &chats{}
	synctest.Test(t, func(t *testing.T) {
		o := s.script(do.Class[*chat]{})
		o.Logger = (&logged{}).logger()
		env, d := newSlowDisk(t, o)
		stub := env.Namespace("CHAT").GetByName("x")
		ws := join(t, env, stub, "")
		inChat(t, env, stub, func(ctx context.Context, c *chat) error { return c.state.KV().Put(ctx, "k", 1) })
		wantNil(t, ws.Close(1000, ""))
		ends(t, ws, 1000, "")
		var tries atomic.Int32
		d.Hook(func(op disktest.Op, name string) error {
			if op == disktest.Write && strings.HasSuffix(name, stub.ID().String()+".sqlite") && tries.Add(1) < 1000 { // else it might never end
				return syscall.EIO
			}
			return nil
		})
		time.Sleep(time.Minute)
		if n := tries.Load(); n == 0 || n > 20 {
			t.Errorf("%d attempts to close it in a minute", n)
		}
		d.Hook(nil)
		inChat(t, env, stub, func(ctx context.Context, c *chat) error {
			if ok, err := c.state.KV().Get(ctx, "k", nil); !ok || err != nil {
				t.Errorf("what was written: %v, %v", ok, err)
			}
			return nil
		})
	})
}

func openChats(t *testing.T, o do.Options) (*do.Runtime, bridge.Control) {
	t.Helper()
	o.Relaxed, o.Dir = true, t.TempDir()
	return openBoxes(t, o)
}

// TestD7_CloseSockets closes with 1001 and tells the object nothing.
func TestD7_CloseSockets(t *testing.T) {
	s := &chats{}
	chatting(t, s, func(t *testing.T, env *dotest.Runtime, stub *do.Stub) {
		ws := join(t, env, stub, "")
		wantNil(t, env.Evict(stub, dotest.CloseSockets))
		ends(t, ws, 1001, "the object was evicted")
		if err := env.Evict(stub, dotest.CloseSockets); !is(err, do.ErrNotRunning) {
			t.Errorf("again: %v", err)
		}
		synctest.Wait()
		s.want(t, "")
		if listed(t, env, stub) != 0 || s.built.Load() != 2 {
			t.Error("it has sockets, or heard of something")
		}
	})
}

// TestW17_NoFrameLost: messages that come while an object is evicted again and again all
// arrive, once and in order, and so do the answers.
func TestW17_NoFrameLost(t *testing.T) {
	s := &chats{}
	chatting(t, s, func(t *testing.T, env *dotest.Runtime, stub *do.Stub) {
		ws := join(t, env, stub, "")
		const n = 300
		go func() {
			for i := range n {
				if err := ws.Send(do.Message{Text: fmt.Sprint(i)}); err != nil {
					t.Error(err)
				}
				if i%7 == 0 {
					runtime.Gosched()
				}
			}
		}()
		stop := make(chan struct{})
		go func() {
			defer close(stop)
			for range 40 {
				if err := env.Evict(stub); err != nil && !is(err, do.ErrNotRunning) {
					t.Error(err)
				}
				runtime.Gosched()
			}
		}()
		for i := range n {
			hears(t, ws, fmt.Sprint(i))
		}
		<-stop
	})
}

// TestW9_Order: the next message starts when the last one's handler is in its first wait; other
// sockets do not wait for it, and the queue's limit holds nobody up for good.
func TestW9_Order(t *testing.T) {
	s := &chats{}
	synctest.Test(t, func(t *testing.T) {
		env := dotest.New(t, dotest.Options{Runtime: s.script(do.Class[*chat]{QueueLimit: 2})})
		stub := env.Namespace("CHAT").GetByName("x")
		running := 0
		s.message = func(ctx context.Context, c *chat, ws *do.WebSocket, m do.Message) error {
			running++
			d := time.Second + time.Duration(running)
			err := c.state.Await(ctx, func(context.Context) error { time.Sleep(d); return nil })
			if err == nil {
				err = ws.Send(do.Message{Text: fmt.Sprint(m.Text, running)})
			}
			return err
		}
		ws := join(t, env, stub, "")
		for i := range 3 {
			tell(t, ws, fmt.Sprint("m", i, "/"))
		}
		hears(t, ws, "m0/3", "m1/3", "m2/3")

		s.message = nil
		var all []*dotest.WebSocket
		for range 10 {
			all = append(all, join(t, env, stub, ""))
		}
		blocked := make(chan struct{})
		done := start2(env, stub, func() { <-blocked })
		synctest.Wait()
		for i, ws := range all {
			tell(t, ws, fmt.Sprint("first of ", i))
			tell(t, ws, fmt.Sprint("second of ", i))
		}
		synctest.Wait()
		if _, err := do.Call(t.Context(), stub, (*chat).Noop, 0); !is(err, do.ErrOverloaded) {
			t.Errorf("a call beside 10 sockets with a limit of 2: %v", err)
		}
		close(blocked)
		wantNil(t, <-done)
		for i, ws := range all {
			hears(t, ws, fmt.Sprint("first of ", i), fmt.Sprint("second of ", i))
		}
	})
}

// Noop does nothing.
func (c *chat) Noop(context.Context, int) (int, error) { return 0, nil }

// start2 runs fn as an event of a chat, in a goroutine.
func start2(env *dotest.Runtime, stub *do.Stub, fn func()) <-chan error {
	done := make(chan error, 1)
	go func() {
		done <- dotest.RunInObject(env, stub, func(context.Context, *chat, *do.State) error { fn(); return nil })
	}()
	return done
}

// TestW16_Silence: a peer that vanished is lost after twice the ping interval, parked or not,
// and one that answers pings stays (N25).
func TestW16_Silence(t *testing.T) {
	s := &chats{}
	chatting(t, s, func(t *testing.T, env *dotest.Runtime, stub *do.Stub) {
		begin := time.Now()
		s.closed = func(context.Context, *chat, *do.WebSocket, do.CloseInfo) error {
			if d := time.Since(begin); d < time.Minute || d > 61*time.Second {
				t.Errorf("lost after %v, want a minute", d)
			}
			return nil
		}
		stays := join(t, env, stub, "?tag=stays")
		body := rawJoin(t, stub)
		frame(t, body, 0x8a, "")
		time.Sleep(59 * time.Second)
		synctest.Wait()
		s.want(t, "")
		if built := s.built.Load(); built != 1 {
			t.Errorf("pings woke the object: %d instances", built)
		}
		time.Sleep(3 * time.Second)
		synctest.Wait()
		s.want(t, "close:1006::false")
		pings := make([]byte, 100)
		if n, err := body.Read(pings); n != 2 || pings[0] != 0x89 || err != nil {
			t.Errorf("read %x, %v, want a ping", pings[:n], err)
		}
		wantNil(t, body.Close())
		time.Sleep(time.Hour)
		tell(t, stays, "here")
		hears(t, stays, "here")
	})
}

// dialer opens sockets without dotest's Runtime.
type dialer struct {
	t    *testing.T
	stub *do.Stub
}

func (d dialer) join() *dotest.WebSocket {
	d.t.Helper()
	return join(d.t, &dotest.Runtime{}, d.stub, "")
}
