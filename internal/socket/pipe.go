package socket

import (
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// pipeRoom is what one direction of a pipe holds.
const pipeRoom = 64 << 10

// Pipe makes a connection in memory. Each direction holds 64 KiB; who writes more waits.
// Everything waits on channels, so a bubble of testing/synctest sees it. There are no
// deadlines. What was written before a Close can still be read.
func Pipe() (a, b net.Conn) {
	x, y := newStream(), newStream()
	return &pipeEnd{in: x, out: y}, &pipeEnd{in: y, out: x}
}

// stream is one direction.
type stream struct {
	mu      sync.Mutex // guards following
	data    []byte
	closed  bool          // no more is written
	dead    bool          // no more is read
	changed chan struct{} // closed at the next change
}

func newStream() *stream { return &stream{changed: make(chan struct{})} }

// change tells those who wait. REQUIRES: mu.
func (q *stream) change() {
	close(q.changed)
	q.changed = make(chan struct{})
}

func (q *stream) read(p []byte) (int, error) {
	for {
		q.mu.Lock()
		switch {
		case q.dead:
			q.mu.Unlock()
			return 0, io.ErrClosedPipe
		case len(q.data) > 0:
			n := copy(p, q.data)
			if q.data = q.data[n:]; len(q.data) == 0 {
				q.data = nil
			}
			q.change()
			q.mu.Unlock()
			return n, nil
		case q.closed:
			q.mu.Unlock()
			return 0, io.EOF
		}
		changed := q.changed
		q.mu.Unlock()
		<-changed
	}
}

func (q *stream) write(p []byte) (n int, err error) {
	for {
		q.mu.Lock()
		if q.closed || q.dead {
			q.mu.Unlock()
			return n, io.ErrClosedPipe
		}
		if room := min(pipeRoom-len(q.data), len(p)-n); room > 0 {
			q.data = append(q.data, p[n:n+room]...)
			n += room
			q.change()
		}
		changed := q.changed
		q.mu.Unlock()
		if n == len(p) {
			return n, nil
		}
		<-changed
	}
}

// pipeEnd is one end of a pipe.
type pipeEnd struct{ in, out *stream }

func (e *pipeEnd) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	return e.in.read(p)
}

func (e *pipeEnd) Write(p []byte) (int, error) { return e.out.write(p) }

// Close ends both directions.
func (e *pipeEnd) Close() error {
	e.out.mu.Lock()
	if !e.out.closed {
		e.out.closed = true
		e.out.change()
	}
	e.out.mu.Unlock()
	e.in.mu.Lock()
	defer e.in.mu.Unlock()
	if !e.in.dead {
		e.in.dead, e.in.data = true, nil
		e.in.change()
	}
	return nil
}

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "pipe" }

func (*pipeEnd) LocalAddr() net.Addr              { return pipeAddr{} }
func (*pipeEnd) RemoteAddr() net.Addr             { return pipeAddr{} }
func (*pipeEnd) SetDeadline(time.Time) error      { return os.ErrNoDeadline }
func (*pipeEnd) SetReadDeadline(time.Time) error  { return os.ErrNoDeadline }
func (*pipeEnd) SetWriteDeadline(time.Time) error { return os.ErrNoDeadline }
