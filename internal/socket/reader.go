package socket

import (
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/gobwas/ws"
)

type buffer [4 << 10]byte

var buffers = sync.Pool{New: func() any { return new(buffer) }}

// reader reads one connection. It has a buffer only between the first byte of a frame and the
// last one that came with it, or while it lingers.
type reader struct {
	s         *Socket
	conn      net.Conn
	lingering bool // traffic: the next message is waited for with the buffer at hand
	waiting   bool // no frame has begun

	next  chan struct{} // gets a value for each message whose handler lets the next one in
	left  []byte        // of what was read
	buf   *buffer
	small [ws.MaxHeaderSize]byte // what wakes a reader that has no buffer
	head  [ws.MaxHeaderSize]byte
}

// errIdle says that there was no traffic for a while.
var errIdle = errors.New("no traffic")

// empty says whether all that came was read.
func (r *reader) empty() bool { return len(r.left) == 0 }

// release gives the buffer back. What is left in it is copied.
func (r *reader) release() {
	if r.buf == nil {
		return
	}
	if len(r.left) > 0 {
		r.left = slices.Clone(r.left)
	} else {
		r.left = nil
	}
	buffers.Put(r.buf)
	r.buf = nil
}

// await waits for the first byte of a message. errIdle: the sweep ended the wait.
func (r *reader) await() error {
	if !r.empty() {
		return nil
	}
	r.waiting = true
	defer func() { r.waiting = false }()
	if watched := tcp(r.conn) != nil && r.s.set.hub.poll.works(); watched {
		if r.lingering {
			hub := r.s.set.hub
			now := max(hub.now(), 1)
			r.s.lingers.Store(now)
			hub.wake(now + int64(linger))
			defer r.s.lingers.Store(0)
		}
		return r.fill() // parked before: something has come
	}
	n, err := r.fetch(r.small[:])
	r.left = r.small[:n]
	return err
}

// fill reads into the buffer. REQUIRES: empty.
func (r *reader) fill() error {
	if r.buf == nil {
		r.buf = buffers.Get().(*buffer)
	}
	n, err := r.fetch(r.buf[:])
	r.left = r.buf[:n]
	return err
}

// fetch reads from the connection. The sweep's deadline counts only where no frame has begun.
func (r *reader) fetch(p []byte) (int, error) {
	for {
		n, err := r.conn.Read(p)
		if n > 0 {
			r.s.heard.Store(r.s.set.hub.now())
			return n, nil
		}
		switch {
		case err == nil:
			continue
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return 0, err
		}
		if err := r.conn.SetReadDeadline(time.Time{}); err != nil {
			return 0, err
		}
		if r.waiting {
			return 0, errIdle
		}
	}
}

// Read gives what is left, or what comes: long ones past the buffer.
func (r *reader) Read(p []byte) (int, error) {
	if r.empty() {
		if len(p) >= len(buffer{}) {
			return r.fetch(p)
		}
		if err := r.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, r.left)
	r.left = r.left[n:]
	return n, nil
}

// firstRoom is what is set aside for a payload before any of it came.
const firstRoom = 16 << 10

// payload appends n bytes to data and unmasks them. Room grows with what came.
func (r *reader) payload(data []byte, n int, mask [4]byte) ([]byte, error) {
	start := len(data)
	for n > 0 {
		chunk := min(n, max(firstRoom, len(data)))
		data = slices.Grow(data, chunk)
		p := data[len(data) : len(data)+chunk]
		for len(p) > 0 {
			m, err := r.Read(p)
			if err != nil {
				return nil, noEOF(err)
			}
			p = p[m:]
		}
		data = data[:len(data)+chunk]
		n -= chunk
	}
	ws.Cipher(data[start:], mask, 0)
	return data, nil
}

func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
