package socket

// peerClosed is told of the peer's close frame. The reader's last act.
func (s *Socket) peerClosed(c Close) {
	s.mu.Lock()
	if s.over {
		s.mu.Unlock()
		return
	}
	told, done := s.last, s.sent
	s.last, s.answered, s.peer = true, true, c
	switch {
	case done:
	case s.closing: // ours is on its way, or held
		s.limitLocked(answerLimit, s.lose)
	default:
		s.limitLocked(answerLimit, s.answer)
	}
	s.mu.Unlock()
	if done {
		s.end()
	}
	switch {
	case !told:
		s.set.host.Closed(s, c)
	case !done:
		s.answer() // nobody else will
	}
}

// answer answers the peer's close frame with its own code, behind what is queued, unless the
// object closed the socket itself (W11).
func (s *Socket) answer() {
	s.mu.Lock()
	if s.over || !s.answered || s.closing {
		s.mu.Unlock()
		return
	}
	s.closing, s.sealed = true, true
	p := closeFrame(s.peer.Code, "")
	o := s.outLocked()
	o.queued += len(p)
	if len(o.held) > 0 {
		o.held = append(o.held, held{frame: p}) // its own ticket is open
	} else {
		s.readyLocked(p)
	}
	s.limitLocked(answerLimit, s.lose)
	s.mu.Unlock()
	s.flush()
}

// part closes with a code of the library's own; the object hears no more of the socket (W19).
// Who still waits for the connection gets one, to be told.
func (s *Socket) part(code int, reason string) {
	s.mu.Lock()
	if s.over {
		s.mu.Unlock()
		return
	}
	s.last = true
	s.closeNowLocked(code, reason)
	s.mu.Unlock()
	s.flush()
}

// violation is what a peer must not do, and the code that tells it so (W7.5).
type violation struct {
	code int
	text string
}

func (v *violation) Error() string { return "the peer broke the protocol: " + v.text }

// fault closes because of v. What comes afterwards is not read as frames.
func (s *Socket) fault(v *violation) {
	s.mu.Lock()
	if s.over {
		s.mu.Unlock()
		return
	}
	told := s.last
	s.last = true
	s.closeNowLocked(v.code, v.text)
	s.mu.Unlock()
	s.flush()
	if !told {
		s.set.host.Failed(s, v)
	}
}
