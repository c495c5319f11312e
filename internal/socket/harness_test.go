package socket_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/durablego/do/internal/socket"
	"github.com/gobwas/ws"
)

// host is an object of a test: it echoes, and notes what it hears.
type host struct {
	mu      sync.Mutex // guards following
	said    []string
	mute    bool // no echo
	hold    bool // Next is the test's
	waiting []*socket.Socket
	changed chan struct{}
	empty   int
}

func newHost() *host { return &host{changed: make(chan struct{}, 1000)} }

func (h *host) note(text string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.said = append(h.said, text)
	h.changed <- struct{}{}
}

func (h *host) Message(s *socket.Socket, m socket.Message) {
	h.mu.Lock()
	mute, hold := h.mute, h.hold
	if hold {
		h.waiting = append(h.waiting, s)
	}
	h.mu.Unlock()
	text := string(m.Data)
	if len(text) > 20 {
		text = fmt.Sprintf("%d bytes", len(text))
	}
	if m.Binary {
		text = "binary " + text
	}
	h.note(text)
	if !mute {
		send(s, m)
	}
	if !hold {
		s.Next()
	}
}

func (h *host) Closed(s *socket.Socket, c socket.Close) {
	h.note(fmt.Sprintf("closed:%d:%s:%v", c.Code, c.Reason, c.Clean))
	s.Finish()
}

func (h *host) Failed(s *socket.Socket, err error) {
	h.note("failed")
	s.Finish()
}

func (h *host) Empty() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.empty++
}

func (h *host) want(t *testing.T, want ...string) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	if got := strings.Join(h.said, "|"); got != strings.Join(want, "|") {
		t.Errorf("the object heard %q, want %q", got, strings.Join(want, "|"))
	}
}

// await waits until the host has heard n things in all.
func (h *host) await(n int) {
	for range n {
		<-h.changed
	}
}

// send sends at once, as with an open ticket.
func send(s *socket.Socket, m socket.Message) {
	if p, err := s.Admit(socket.NewFrame(m)); err == nil {
		s.Hold(p, 0)
		s.Release(0)
	}
}

func text(s string) socket.Message { return socket.Message{Data: []byte(s)} }

var options = socket.Options{MaxMessage: 1 << 20, MaxQueued: 1 << 20, Ping: 30 * time.Second}

// object is a Set with its Host in a Hub.
type object struct {
	*host
	hub *socket.Hub
	set *socket.Set
}

func newObject(t testing.TB, o socket.Options) *object {
	h, hub := newHost(), socket.NewHub(o)
	t.Cleanup(hub.Close)
	return &object{h, hub, socket.NewSet(hub, h)}
}

// accept makes a socket that has no connection yet.
func (o *object) accept(t testing.TB, deflate bool, tags ...string) (*socket.Socket, *socket.Pass) {
	t.Helper()
	s, err := o.set.Accept(o.set.Epoch(), -1, tags, deflate)
	if err != nil {
		t.Fatal(err)
	}
	return s, socket.NewPass(s)
}

// open makes a socket over memory and gives the client's raw end.
func (o *object) open(t testing.TB) (*socket.Socket, net.Conn) {
	t.Helper()
	s, pass := o.accept(t, false)
	ours, theirs := socket.Pipe()
	if err := pass.Take(ours, nil); err != nil {
		t.Fatal(err)
	}
	return s, theirs
}

// tcpPair gives both ends of a connection over loopback.
func tcpPair(t testing.TB) (server, client net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	accepted := make(chan net.Conn, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			t.Error(err)
		}
		accepted <- c
	}()
	client, err = net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return <-accepted, client
}

// masked gives a client's frame with a mask of zeros. first is its first byte.
func masked(first byte, payload string) []byte {
	var b bytes.Buffer
	h := ws.Header{Fin: first&0x80 != 0, Rsv: first >> 4 & 7, OpCode: ws.OpCode(first & 15), Masked: true, Length: int64(len(payload))}
	if err := ws.WriteHeader(&b, h); err != nil {
		panic(err)
	}
	b.WriteString(payload)
	return b.Bytes()
}

// hear reads a server's frame.
func hear(t *testing.T, c io.Reader) (op ws.OpCode, payload string) {
	t.Helper()
	f, err := ws.ReadHeader(c)
	if err != nil {
		t.Fatalf("reading a frame: %v", err)
	}
	p := make([]byte, f.Length)
	if _, err := io.ReadFull(c, p); err != nil || f.Masked {
		t.Fatalf("reading a frame: %v, masked %v", err, f.Masked)
	}
	return f.OpCode, string(p)
}

func wantFrame(t *testing.T, c io.Reader, op ws.OpCode, payload string) {
	t.Helper()
	if gotOp, got := hear(t, c); gotOp != op || got != payload {
		t.Errorf("got frame %v %q, want %v %q", gotOp, got, op, payload)
	}
}

// wantClose reads a close frame and the end behind it.
func wantClose(t *testing.T, c net.Conn, code int) {
	t.Helper()
	op, p := hear(t, c)
	got := 1005
	if len(p) > 1 {
		got = int(p[0])<<8 | int(p[1])
	}
	if op != ws.OpClose || got != code {
		t.Errorf("got frame %v %q, want close with %d", op, p, code)
	}
}

func wantEnd(t *testing.T, c net.Conn) {
	t.Helper()
	if n, err := c.Read(make([]byte, 1)); n > 0 || err == nil {
		t.Errorf("read %d bytes, %v, want the end", n, err)
	}
}

func write(t testing.TB, c io.Writer, p []byte) {
	t.Helper()
	if _, err := c.Write(p); err != nil && !errors.Is(err, io.ErrClosedPipe) {
		t.Fatal(err)
	}
}

func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}
