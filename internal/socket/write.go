package socket

import (
	"net"
	"slices"
)

// joinBytes is how much of small frames is joined for one write.
const joinBytes = 32 << 10

// pieceBytes is how much is given to a connection at once when that may block.
const pieceBytes = 64 << 10

// batch is what is written at once.
type batch struct {
	rest  []byte
	close bool // it ends with the close frame
}

// flush writes what is ready as far as that does not block; a goroutine does the rest.
func (s *Socket) flush() {
	s.mu.Lock()
	o := s.out
	if o == nil || o.writing || len(o.ready) == 0 || s.conn == nil || s.over {
		s.mu.Unlock()
		return
	}
	o.writing = true
	conn := s.conn
	s.mu.Unlock()
	t := tcp(conn)
	if t == nil {
		s.set.hub.Spawn(func() { s.write(conn, batch{}) })
		return
	}
	for {
		b, ok := s.gather()
		if !ok {
			return
		}
		s.waits(-len(b.rest))
		n, err := tryWrite(t, b.rest)
		if err != nil {
			s.lose()
			return
		}
		if b.rest = b.rest[n:]; len(b.rest) > 0 {
			s.waits(len(b.rest))
			s.set.hub.Spawn(func() { s.write(conn, b) })
			return
		}
		s.wrote(b)
	}
}

// write writes b and whatever becomes ready, as the one writer.
func (s *Socket) write(conn net.Conn, b batch) {
	for ok := true; ; b.rest = nil {
		if len(b.rest) == 0 {
			if b, ok = s.gather(); !ok {
				return
			}
		}
		for len(b.rest) > 0 {
			piece := b.rest[:min(len(b.rest), pieceBytes)]
			s.waits(-len(piece))
			if _, err := conn.Write(piece); err != nil {
				s.lose()
				return
			}
			b.rest = b.rest[len(piece):]
		}
		s.wrote(b)
	}
}

// waits counts bytes that wait for a slow peer. What is being written is not among them: the
// peer may have it, and answer, before the writer hears that it is gone.
func (s *Socket) waits(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.out != nil {
		s.out.queued += n
	}
}

// gather takes what to write next, small frames together. False: there is nothing, and the
// caller is the writer no longer.
func (s *Socket) gather() (batch, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.out
	if s.over || o == nil {
		return batch{}, false
	}
	if len(o.ready) == 0 {
		o.writing = false
		s.idleLocked()
		return batch{}, false
	}
	n, size := 1, len(o.ready[0])
	for n < len(o.ready) && size+len(o.ready[n]) <= joinBytes {
		size += len(o.ready[n])
		n++
	}
	b := batch{rest: o.ready[0], close: isClose(o.ready[n-1])}
	if n > 1 {
		b.rest = slices.Concat(o.ready[:n]...)
	}
	o.ready = slices.Delete(o.ready, 0, n)
	if len(o.ready) == 0 {
		o.ready = nil
	}
	return b, true
}

// wrote is told that b is on its way.
func (s *Socket) wrote(b batch) {
	s.mu.Lock()
	s.sent = s.sent || b.close
	done := b.close && s.answered
	s.mu.Unlock()
	if done {
		s.end()
	}
}
