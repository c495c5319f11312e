package socket

import (
	"slices"

	"github.com/durablego/do/internal/doerr"
)

// outgoing is what waits on a socket. It exists only while something does.
type outgoing struct {
	ready   [][]byte // may leave, in this order
	held    []held   // wait for their tickets, in this order
	queued  int      // bytes in ready and held, of what was admitted but is not held yet, and that a write left over
	writing bool     // a goroutine writes
}

type held struct {
	frame  []byte
	ticket uint64
}

// outLocked gives the queue. REQUIRES: s.mu, and that the socket is not over.
func (s *Socket) outLocked() *outgoing {
	if s.out == nil {
		s.out = new(outgoing)
	}
	return s.out
}

// idleLocked drops an empty queue. REQUIRES: s.mu.
func (s *Socket) idleLocked() {
	if o := s.out; o != nil && o.queued == 0 && len(o.ready) == 0 && len(o.held) == 0 && !o.writing {
		s.out = nil
	}
}

// Admit gives the bytes of f for this socket and counts them. ErrSocketClosed after Close or
// the end; also if more than MaxQueued bytes would wait: then the socket is closed with 1013
// (W14, W15). What was admitted has to be held, or the socket closed.
func (s *Socket) Admit(f *Frame) ([]byte, error) {
	p := f.bytes(s.deflate)
	max := s.set.hub.o.MaxQueued
	s.mu.Lock()
	if s.closing || s.over {
		s.mu.Unlock()
		return nil, doerr.ErrSocketClosed
	}
	o := s.outLocked()
	if max > 0 && o.queued > 0 && o.queued+len(p) > max {
		s.overflowLocked()
		s.mu.Unlock()
		s.flush()
		return nil, doerr.ErrSocketClosed
	}
	o.queued += len(p)
	s.mu.Unlock()
	return p, nil
}

// Seal begins a Close of the object's own: nothing may be sent after it. False: it was closed
// already. The frame has to be held.
func (s *Socket) Seal(code int, reason string) (frame []byte, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing || s.over {
		return nil, false
	}
	s.closing = true
	p := closeFrame(code, reason)
	s.outLocked().queued += len(p)
	return p, true
}

// Hold queues what Admit or Seal gave, to wait for ticket. Tickets only grow.
func (s *Socket) Hold(p []byte, ticket uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sealed || s.over {
		s.withdrawLocked(p)
		return
	}
	s.sealed = isClose(p)
	o := s.outLocked()
	o.held = append(o.held, held{p, ticket})
}

// Withdraw takes back a frame that was admitted.
func (s *Socket) Withdraw(p []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.withdrawLocked(p)
}

func (s *Socket) withdrawLocked(p []byte) {
	if s.out != nil {
		s.out.queued -= len(p)
		s.idleLocked()
	}
}

// Release lets frames up to ticket leave. It does not block.
func (s *Socket) Release(ticket uint64) {
	s.mu.Lock()
	s.releaseLocked(ticket)
	s.mu.Unlock()
	s.flush()
}

func (s *Socket) releaseLocked(ticket uint64) {
	o := s.out
	if o == nil {
		return
	}
	n := 0
	for n < len(o.held) && o.held[n].ticket <= ticket {
		s.readyLocked(o.held[n].frame)
		n++
	}
	o.held = slices.Delete(o.held, 0, n)
	if len(o.held) == 0 {
		o.held = nil
	}
}

// readyLocked puts p, which was counted, where the writer finds it. REQUIRES: s.mu.
func (s *Socket) readyLocked(p []byte) {
	o := s.outLocked()
	o.ready = append(o.ready, p)
	if isClose(p) && s.conn != nil {
		s.limitLocked(answerLimit, s.lose)
	}
}

// control sends a ping, a pong or an automatic response: before what is held (T20).
func (s *Socket) control(p []byte) {
	s.mu.Lock()
	if s.over || s.sealedReadyLocked() {
		s.mu.Unlock()
		return
	}
	o := s.outLocked()
	if max := s.set.hub.o.MaxQueued; max > 0 && o.queued > 0 && o.queued+len(p) > max {
		s.overflowLocked()
	} else {
		o.queued += len(p)
		s.readyLocked(p)
	}
	s.mu.Unlock()
	s.flush()
}

// sealedReadyLocked says whether the close frame may leave: then nothing overtakes it any more.
func (s *Socket) sealedReadyLocked() bool {
	return s.sealed && (s.out == nil || len(s.out.held) == 0)
}

// overflowLocked closes a slow consumer with 1013 (W15). REQUIRES: s.mu.
func (s *Socket) overflowLocked() { s.closeNowLocked(codeTryLater, "too much is waiting to be sent") }

// closeNowLocked closes with a code of the library's own: what is held is dropped, and what is
// ready too, unless sending it goes on. REQUIRES: s.mu, not over.
func (s *Socket) closeNowLocked(code int, reason string) {
	s.closing = true
	o := s.outLocked()
	for _, h := range o.held {
		o.queued -= len(h.frame)
		if isClose(h.frame) {
			s.sealed = false
		}
	}
	o.held = nil
	if s.sealed {
		return // a close frame may leave already
	}
	if code == codeTryLater {
		for _, p := range o.ready {
			o.queued -= len(p)
		}
		o.ready = nil
	}
	s.sealed = true
	p := closeFrame(code, reason)
	o.queued += len(p)
	s.readyLocked(p)
}
