package socket_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/durablego/do/internal/doerr"
	"github.com/durablego/do/internal/socket"
	"github.com/gobwas/ws"
)

// TestT20_Tickets: frames wait for their tickets, in order; pongs and automatic responses
// overtake them; the answer to a peer's close waits behind them (W6, W11).
func TestT20_Tickets(t *testing.T) {
	bubble(t, func(t *testing.T) {
		o := newObject(t, options)
		o.mute = true
		if err := o.set.SetAuto(o.set.Epoch(), "q", "a"); err != nil {
			t.Fatal(err)
		}
		s, c := o.open(t)
		hold := func(m string, ticket uint64) {
			p, err := s.Admit(socket.NewFrame(text(m)))
			if err != nil {
				t.Fatal(err)
			}
			s.Hold(p, ticket)
		}
		hold("one", 1)
		hold("two", 2)
		hold("and two", 2)
		write(t, c, masked(0x81, "q"))
		write(t, c, masked(0x89, "p"))
		wantFrame(t, c, ws.OpText, "a")
		wantFrame(t, c, ws.OpPong, "p")
		s.Release(1)
		wantFrame(t, c, ws.OpText, "one")
		write(t, c, masked(0x88, "\x0f\xa0bye"))
		synctest.Wait()
		o.want(t, "closed:4000:bye:true")
		write(t, c, masked(0x81, "nobody reads this"))
		s.Release(2)
		wantFrame(t, c, ws.OpText, "two")
		wantFrame(t, c, ws.OpText, "and two")
		wantClose(t, c, 4000)
		wantEnd(t, c)
	})
}

// TestW19_Set: Close lets go what may leave, drops what is held, tells nobody, and cuts those
// that do not answer; sockets and settings of the epoch are refused.
func TestW19_Set(t *testing.T) {
	bubble(t, func(t *testing.T) {
		o := newObject(t, options)
		epoch := o.set.Epoch()
		s, c := o.open(t)
		_, mute := o.open(t)
		late, pass := o.accept(t, false)
		p, err := s.Admit(socket.NewFrame(text("held")))
		if err != nil {
			t.Fatal(err)
		}
		send(s, text("open"))
		s.Hold(p, 7)
		q, ok := s.Seal(4000, "") // the object's own close, held too
		if !ok {
			t.Fatal("Seal")
		}
		s.Hold(q, 7)
		o.set.Close(socket.CodeReset, "reset", false)
		wantFrame(t, c, ws.OpText, "open")
		wantClose(t, c, 1011)
		write(t, c, masked(0x81, "too late"))
		write(t, c, masked(0x89, "ping")) // nothing follows a close frame
		synctest.Wait()
		write(t, c, masked(0x88, "\x03\xf3"))
		wantEnd(t, c)
		wantClose(t, mute, 1011)
		ours, theirs := socket.Pipe()
		if err := pass.Take(ours, nil); err != nil { // its answer was on the way
			t.Fatal(err)
		}
		wantClose(t, theirs, 1011)
		time.Sleep(11 * time.Second)
		wantEnd(t, mute)
		wantEnd(t, theirs)
		o.want(t)
		if _, err := late.Admit(socket.NewFrame(text("x"))); !errors.Is(err, doerr.ErrSocketClosed) {
			t.Errorf("Admit = %v", err)
		}
		if _, err := o.set.Accept(epoch, -1, nil, false); !errors.Is(err, doerr.ErrReset) {
			t.Errorf("Accept in an old epoch = %v", err)
		}
		if err := o.set.SetTimeout(epoch, 1); !errors.Is(err, doerr.ErrReset) {
			t.Errorf("SetTimeout in an old epoch = %v", err)
		}
		o.set.Break(epoch, "not now")
		if o.set.Len() != 0 || o.hub.Count() != 0 || !o.set.Settled() {
			t.Error("something is left")
		}
	})
}

// TestW9_Next: one message is with the host at a time; what came before the end is told first.
func TestW9_Next(t *testing.T) {
	bubble(t, func(t *testing.T) {
		o := newObject(t, options)
		o.hold = true
		s, c := o.open(t)
		for _, m := range []string{"one", "two", "three"} {
			write(t, c, masked(0x81, m))
		}
		synctest.Wait()
		o.want(t, "one")
		s.Next()
		s.Next() // there is none: no message goes through twice
		synctest.Wait()
		o.want(t, "one", "two")
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		o.want(t, "one", "two") // it is not read
		o.mu.Lock()
		o.hold = false
		o.mu.Unlock()
		s.Next()
		synctest.Wait()
		o.want(t, "one", "two", "three", "closed:1006::false")
	})
}

// TestN26_Pass: 30 s, and once only.
func TestN26_Pass(t *testing.T) {
	bubble(t, func(t *testing.T) {
		o := newObject(t, options)
		_, pass := o.accept(t, false)
		released := 0
		pass.Issue(func() { released++ })
		ours, theirs := socket.Pipe()
		if err := pass.Take(ours, nil); err != nil {
			t.Fatal(err)
		}
		if err := pass.Take(theirs, nil); err == nil {
			t.Error("taken twice")
		}
		if _, err := pass.Read(nil); err == nil {
			t.Error("read after Take")
		}
		_, second := o.accept(t, false)
		second.Issue(func() { released++ })
		time.Sleep(31 * time.Second)
		synctest.Wait()
		o.want(t, "closed:1006::false")
		if err := second.Take(theirs, nil); err == nil {
			t.Error("taken too late")
		}
		_, third := o.accept(t, false)
		third.Issue(func() { released++ })
		third.Socket().Drop()
		if released != 3 || o.set.Len() != 1 {
			t.Errorf("%d were released and %d sockets are listed, want 3 and 1", released, o.set.Len())
		}
		o.hub.Close()
		_, fourth := o.accept(t, false)
		if err := fourth.Take(theirs, nil); !errors.Is(err, doerr.ErrClosed) {
			t.Errorf("taken after Close: %v", err)
		}
	})
}

// TestPipe: what was written can be read after Close; who writes too much waits.
func TestPipe(t *testing.T) {
	bubble(t, func(t *testing.T) {
		a, b := socket.Pipe()
		long := strings.Repeat("x", 200<<10)
		wrote := make(chan error, 1)
		go func() { _, err := a.Write([]byte(long)); wrote <- err }()
		synctest.Wait()
		if len(wrote) > 0 {
			t.Error("the pipe takes everything")
		}
		p := make([]byte, len(long))
		if _, err := io.ReadFull(b, p); err != nil || string(p) != long || <-wrote != nil {
			t.Errorf("reading: %v", err)
		}
		if _, err := a.Write([]byte("last")); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(a.Close(), a.Close()); err != nil {
			t.Fatal(err)
		}
		if p, err := io.ReadAll(b); err != nil || string(p) != "last" {
			t.Errorf("after Close: %q, %v", p, err)
		}
		if _, err := b.Write([]byte("x")); err == nil {
			t.Error("written to nobody")
		}
		if _, err := a.Read(p); err == nil {
			t.Error("read after Close")
		}
		if a.SetDeadline(time.Now()) == nil || a.SetReadDeadline(time.Now()) == nil || a.SetWriteDeadline(time.Now()) == nil {
			t.Error("it has deadlines")
		}
	})
}
