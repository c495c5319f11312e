package socket

import (
	"io"
	"net"
	"sync"
)

// Pass is the body of a 101 answer: whoever has it gives the socket its connection (W21).
// Its methods may be called from any goroutine.
type Pass struct {
	s *Socket

	mu      sync.Mutex // guards following
	release func()     // called when it is used, closed or too late
	end     net.Conn   // of a pipe, if it is used directly
	used    bool
}

var _ io.ReadWriteCloser = (*Pass)(nil)

// NewPass makes the pass of a socket.
func NewPass(s *Socket) *Pass { return &Pass{s: s} }

// Socket is the one that waits for its connection.
func (p *Pass) Socket() *Socket { return p.s }

// Issue says that the pass is an answer: it has to be used within 30 s (N26). release is
// called once, when it was used, or the socket is over.
func (p *Pass) Issue(release func()) {
	p.mu.Lock()
	p.release = release
	p.mu.Unlock()
	s := p.s
	s.mu.Lock()
	over := s.over
	if !over && s.conn == nil {
		s.limitLocked(takeLimit, func() { p.Close() })
	}
	s.onEnd = p.done
	s.mu.Unlock()
	if over {
		p.done()
	}
}

// Take gives the socket its connection, on which the 101 answer was sent. head is what the
// client sent behind its handshake. After an error conn stays the caller's.
func (p *Pass) Take(conn net.Conn, head []byte) error {
	p.mu.Lock()
	if p.used {
		p.mu.Unlock()
		return errTaken
	}
	p.used = true
	p.mu.Unlock()
	err := p.s.take(conn, head)
	p.done()
	return err
}

// done lets go of what waited for the pass to be used.
func (p *Pass) done() {
	p.mu.Lock()
	release := p.release
	p.release = nil
	p.mu.Unlock()
	if release != nil {
		release()
	}
}

// Read reads frames of the socket, as a client does: who calls it is the peer (W22).
func (p *Pass) Read(b []byte) (int, error) {
	end, err := p.connect()
	if err != nil {
		return 0, err
	}
	return end.Read(b)
}

// Write writes frames to the socket, as a client does.
func (p *Pass) Write(b []byte) (int, error) {
	end, err := p.connect()
	if err != nil {
		return 0, err
	}
	return end.Write(b)
}

// Close ends the connection, taken or not, without a close frame (W7.4).
func (p *Pass) Close() error {
	p.mu.Lock()
	end, used := p.end, p.used
	p.used = true
	p.mu.Unlock()
	switch {
	case end != nil:
		return end.Close()
	case !used:
		p.s.lose()
		p.done()
	}
	return nil
}

// connect makes a connection in memory at the first use.
func (p *Pass) connect() (net.Conn, error) {
	p.mu.Lock()
	if p.end != nil || p.used {
		end := p.end
		p.mu.Unlock()
		if end == nil {
			return nil, net.ErrClosed
		}
		return end, nil
	}
	ours, theirs := Pipe()
	p.used, p.end = true, theirs
	p.mu.Unlock()
	err := p.s.take(ours, nil)
	if err != nil {
		_ = ours.Close()
	}
	p.done()
	return theirs, err
}
