package socket

import (
	"net"
	"slices"
)

// joinBytes is how much of small frames is joined for one write.
const joinBytes = 32 << 10

// batch is what is written at once.
type batch struct {
	rest  []byte
	size  int  // of the whole
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
		n, err := tryWrite(t, b.rest)
		if err != nil {
			s.lose()
			return
		}
		if b.rest = b.rest[n:]; len(b.rest) > 0 {
			s.set.hub.Spawn(func() { s.write(conn, b) })
			return
		}
		s.wrote(b)
	}
}

// write writes b and whatever becomes ready, as the one writer.
func (s *Socket) write(conn net.Conn, b batch) {
	for ok := true; ; b.rest = nil {
		if b.rest == nil {
			if b, ok = s.gather(); !ok {
				return
			}
		}
		if _, err := conn.Write(b.rest); err != nil {
			s.lose()
			return
		}
		s.wrote(b)
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
	b := batch{rest: o.ready[0], size: size, close: isClose(o.ready[n-1])}
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
	if s.out != nil {
		s.out.queued -= b.size
	}
	s.sent = s.sent || b.close
	done := b.close && s.answered
	s.mu.Unlock()
	if done {
		s.end()
	}
}
