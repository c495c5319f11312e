package durable

import "time"

// openedLocked waits until no tickets are being opened: what is durable must not break.
// REQUIRES: mu held; it is released meanwhile.
func (s *Shared) openedLocked() {
	for s.opening {
		s.waitLocked()
	}
}

// failLocked makes the log dead, and with it everybody who waits for it, or, of a ruined
// one, everybody. ended is what was being written, if that has ended. REQUIRES: mu held;
// it is released meanwhile.
func (s *Shared) failLocked(err error, ended *batch) {
	s.openedLocked()
	s.dead = err
	victims := []*batch{s.next}
	s.next = &batch{}
	if s.flying != nil {
		s.flying.failed = true
		victims = append(victims, s.flying)
	}
	if ended != nil {
		victims = append(victims, ended)
	}
	var logs []*sharedLog
	var waiters []chan error // theirs, before the batch is used again
	for _, v := range victims {
		waiters = append(waiters, v.waiters...)
		v.waiters = v.waiters[:0]
		for _, l := range v.logs {
			l.queued = false
			if v == ended {
				l.flying = false
			}
			if l.dead == nil {
				l.dead, l.reporting = err, true
				logs = append(logs, l)
			}
		}
	}
	var again []*sharedLog
	if s.ruined != nil {
		// Also of those Logs that were closed, as their owner is still in, and those whose owner
		// has been told of something else, and may have failed to close.
		for l := range s.open {
			switch {
			case l.reporting, l.leaving:
			case l.dead == nil:
				l.dead, l.reporting = err, true
				logs = append(logs, l)
			default:
				l.reporting = true
				again = append(again, l)
			}
		}
	}
	s.wakeLocked()
	s.mu.Unlock()
	for _, l := range logs {
		l.failed(err) // first: who hears of a broken ticket finds the owner warned
		l.gate.Break(err)
	}
	for _, l := range again {
		l.failed(err)
	}
	for _, w := range waiters {
		w <- err
	}
	s.mu.Lock()
	for _, l := range append(logs, again...) {
		l.reporting = false
		l.wakeLocked()
	}
}

// bury tells the owner of a Log that it is dead.
func (s *Shared) bury(l *sharedLog) {
	l.failed(l.dead) // it does not change any more
	l.gate.Break(l.dead)
	s.mu.Lock()
	defer s.mu.Unlock()
	l.reporting = false
	l.wakeLocked()
}

// armLocked sets the timer to the oldest commit that waits.
func (s *Shared) armLocked() {
	if s.o.Timeout < 0 {
		return
	}
	oldest := s.next.began
	if s.flying != nil && !s.flying.failed {
		oldest = s.flying.began
	}
	switch {
	case oldest.IsZero():
		if s.timer != nil {
			s.timer.Stop()
		}
	case s.timer == nil:
		s.timer = time.AfterFunc(s.o.Timeout, s.overdue)
	default:
		s.timer.Reset(s.o.Timeout - time.Since(oldest))
	}
}

// overdue runs on the timer's goroutine.
func (s *Shared) overdue() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.openedLocked()
	for _, b := range []*batch{s.flying, s.next} {
		if b != nil && !b.failed && !b.began.IsZero() && time.Since(b.began) >= s.o.Timeout {
			s.failLocked(&SyncError{Timeout: true, Err: ErrTimeout}, nil)
			break
		}
	}
	s.armLocked()
}
