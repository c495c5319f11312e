package socket_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/durablego/do/internal/socket"
	"github.com/gobwas/ws"
)

// overTCP makes a socket over loopback.
func (o *object) overTCP(t testing.TB) (*socket.Socket, net.Conn) {
	t.Helper()
	s, pass := o.accept(t, false)
	ours, theirs := tcpPair(t)
	if err := pass.Take(ours, nil); err != nil {
		t.Fatal(err)
	}
	return s, theirs
}

// TestW18_TCP: parked sockets wake for messages in one piece, in several, and in a burst, and
// for the end of the connection.
func TestW18_TCP(t *testing.T) {
	o := newObject(t, options)
	_, c := o.overTCP(t)
	for i := range 5 {
		write(t, c, masked(0x81, fmt.Sprint("one ", i)))
		wantFrame(t, c, ws.OpText, fmt.Sprint("one ", i))
	}
	p := masked(0x82, strings.Repeat("x", 100_000))
	for part := range 10 {
		write(t, c, p[part*len(p)/10:(part+1)*len(p)/10])
		runtime.Gosched()
	}
	wantFrame(t, c, ws.OpBinary, strings.Repeat("x", 100_000))
	var burst []byte
	for i := range 100 {
		burst = append(burst, masked(0x81, fmt.Sprint("burst ", i))...)
	}
	write(t, c, burst)
	for i := range 100 {
		wantFrame(t, c, ws.OpText, fmt.Sprint("burst ", i))
	}
	o.await(106)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	o.await(1)
	if last := o.said[len(o.said)-1]; last != "closed:1006::false" {
		t.Errorf("at the end the object heard %q", last)
	}
}

// TestLinger: a socket with traffic keeps its reader, is parked after a while without, and goes
// on; it takes some seconds, because the poller knows real time only.
func TestLinger(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for a socket to be parked")
	}
	o := newObject(t, options)
	_, c := o.overTCP(t)
	before := runtime.NumGoroutine()
	for range 2 {
		for i := range 3 {
			write(t, c, masked(0x81, fmt.Sprint(i)))
			wantFrame(t, c, ws.OpText, fmt.Sprint(i))
		}
		deadline := time.Now().Add(time.Minute)
		for runtime.NumGoroutine() > before {
			if time.Now().After(deadline) {
				t.Fatal("the socket is not parked")
			}
			_ = c.SetReadDeadline(time.Now().Add(50 * time.Millisecond)) // nothing comes
			_, _ = c.Read(make([]byte, 1))
		}
		_ = c.SetReadDeadline(time.Time{})
	}
}

// TestW16_TCP: a parked socket whose peer is silent is lost; one that answers stays.
func TestW16_TCP(t *testing.T) {
	o := newObject(t, socket.Options{Ping: 1500 * time.Millisecond}) // who is slower than that with a pong is silent
	_, silent := o.overTCP(t)
	_, good := o.overTCP(t)
	go func() {
		for {
			h, err := ws.ReadHeader(good)
			if err != nil {
				return
			}
			if h.OpCode == ws.OpPing {
				_, _ = good.Write(masked(0x8a, ""))
			}
		}
	}()
	o.await(1)
	o.want(t, "closed:1006::false")
	if n := o.hub.Count(); n != 1 {
		t.Errorf("%d connections are left, want the one that answers", n)
	}
	rest, err := io.ReadAll(silent)
	if err != nil || len(rest) == 0 || rest[0] != 0x89 {
		t.Errorf("the silent peer got %x, %v, want pings and the end", rest, err)
	}
}

// TestW15_TCP: a peer that does not read is closed with 1013 once more waits than may, and cut;
// what it reads late is whole frames.
func TestW15_TCP(t *testing.T) {
	o := newObject(t, socket.Options{MaxQueued: 1 << 20, Ping: 30 * time.Second})
	s, c := o.overTCP(t)
	n := 0
	for !s.Closing() {
		send(s, text(strings.Repeat("x", 100_000)))
		if n++; n > 1000 {
			t.Fatal("it takes everything")
		}
	}
	whole := 0
	for {
		op, p := hear(t, c)
		if op == ws.OpPing {
			continue
		}
		if op == ws.OpClose {
			if !strings.HasPrefix(p, "\x03\xf5") {
				t.Errorf("close with %q", p)
			}
			break
		}
		if len(p) != 100_000 {
			t.Fatalf("a frame of %d bytes", len(p))
		}
		whole++
	}
	if whole == 0 || whole >= n {
		t.Errorf("%d of %d messages came before the close frame", whole, n)
	}
	write(t, c, masked(0x88, "\x03\xf5"))
	o.await(1)
	o.want(t, "closed:1013::true")
	wantEnd(t, c)
}

// lateConn hands over what is written, and after so many bytes says so later.
type lateConn struct {
	net.Conn
	left int
	say  chan struct{}
}

func (c *lateConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if c.left -= n; c.left <= 0 {
		<-c.say
	}
	return n, err
}

// TestW15_Ahead: a peer that has a message, and answers before our write of it has returned, is
// no slow one.
func TestW15_Ahead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newObject(t, socket.Options{MaxQueued: 1 << 20})
		s, pass := o.accept(t, false)
		ours, theirs := net.Pipe()
		big := strings.Repeat("x", 1<<20)
		late := &lateConn{ours, len(big) + 10, make(chan struct{})} // with the frame's header
		if err := pass.Take(late, nil); err != nil {
			t.Fatal(err)
		}
		send(s, text(big))
		if _, got := hear(t, theirs); got != big {
			t.Fatalf("%d bytes came, want %d", len(got), len(big))
		}
		send(s, text(big))
		if s.Closing() {
			t.Error("the peer has everything, and is taken for a slow one")
		}
		close(late.say)
		if _, got := hear(t, theirs); got != big {
			t.Fatalf("%d bytes came, want %d", len(got), len(big))
		}
		if err := theirs.Close(); err != nil {
			t.Error(err)
		}
		synctest.Wait()
	})
}

// TestTLS: connections that cannot be watched have a goroutine each, and work.
func TestTLS(t *testing.T) {
	server := httptest.NewUnstartedServer(nil)
	server.StartTLS()
	config := server.TLS.Clone()
	config.NextProtos = nil
	server.Close()
	o := newObject(t, options)
	_, pass := o.accept(t, false)
	a, b := tcpPair(t)
	c := tls.Client(b, &tls.Config{InsecureSkipVerify: true})
	if err := pass.Take(tls.Server(a, config), nil); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 5, 16, 17, 5000, 70_000} {
		write(t, c, masked(0x81, strings.Repeat("x", n)))
		wantFrame(t, c, ws.OpText, strings.Repeat("x", n))
	}
	write(t, c, masked(0x88, "\x03\xe8"))
	wantClose(t, c, 1000)
}

// TestManyTCP: many at once, with Close in the middle.
func TestManyTCP(t *testing.T) {
	o := newObject(t, options)
	o.changed = make(chan struct{}, 100*(30+1)) // Close waits for whoever tells of something
	var all sync.WaitGroup
	for range 100 {
		_, c := o.overTCP(t)
		all.Go(func() {
			for i := range 30 {
				if _, err := c.Write(masked(0x81, fmt.Sprint(i))); err != nil {
					return
				}
				h, err := ws.ReadHeader(c)
				if err != nil || h.OpCode == ws.OpClose {
					return
				}
				if _, err := io.CopyN(io.Discard, c, h.Length); err != nil {
					return
				}
			}
		})
	}
	o.await(1000)
	o.hub.Close()
	all.Wait()
	if n := o.hub.Count(); n != 0 {
		t.Errorf("%d connections are left", n)
	}
}
