package alarm

import (
	"context"
	"time"
)

// Run is the right to run an object's alarm. It belongs to who got it, and ends by End or Fail.
type Run struct {
	Key    Key
	s      *Schedule
	e      *entry
	forced bool // on demand, whatever the time; not counted against Max

	alarm Alarm // that it is about, as far as is known; guarded by s.mu
	vague bool  // its Gen is not known; likewise
	begun bool  // the index has the mark; likewise
	over  bool
}

// beginLocked makes the run of an entry that waits, or is new.
func (s *Schedule) beginLocked(e *entry) *Run {
	s.unwaitLocked(e)
	e.run = &Run{Key: e.key, s: s, e: e, alarm: e.alarm, vague: e.vague}
	return e.run
}

// Claim gives the run of an object's alarm on demand, when no other has it. Whether there is
// one has to be seen. The error is ctx's.
func (s *Schedule) Claim(ctx context.Context, k Key) (*Run, error) {
	for {
		s.mu.Lock()
		e := s.entries[k]
		if e == nil {
			e = &entry{key: k, place: -1}
			s.entries[k] = e
		}
		if e.run == nil {
			r := s.beginLocked(e)
			r.forced = true
			s.mu.Unlock()
			return r, nil
		}
		over := make(chan struct{})
		e.claims = append(e.claims, over)
		s.mu.Unlock()
		select {
		case <-over:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Saw says what the object's database has, since the commit of a ticket at the latest: the run
// is about that from now on. count is how many failures of it were counted, and early whether it may
// run before its time.
func (r *Run) Saw(a Alarm, ticket uint64) (count int, early bool) {
	s := r.s
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sawLocked(r.Key, a, ticket)
	if r.alarm != a && !(r.vague && r.alarm.At == a.At) {
		r.e.retry = Retry{}
	}
	r.alarm, r.vague = a, false
	return r.e.retry.Count(), r.forced || r.e.retry.Any()
}

// Begin has the index know that the handler may begin.
func (r *Run) Begin() {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	if r.e.alarm.IsSet() {
		r.begun = true
		r.s.o.Store(r.Key, r.e.alarm.At, Begun, 0)
	}
}

// End ends a run that did not fail. An alarm that was set meanwhile waits for its time; so
// does one for which it is too early.
func (r *Run) End() {
	s := r.s
	s.mu.Lock()
	defer s.mu.Unlock()
	e := r.e
	switch same := e.alarm.IsSet() && e.alarm == r.alarm; {
	case same && e.alarm.At > time.Now().UnixNano():
		e.when = e.alarm.At
	case same:
		r.failLocked(false) // it should be gone: somebody looks again, but not in a tight loop
	}
	r.endLocked()
}

// Fail ends a run that failed, and has it wait for the next attempt, unless another alarm was
// told meanwhile. final says that there must be none, and counted that there are not many of
// its kind (A13). If there is none, the alarm is dead, and the run goes on until it was
// marked: then Told and End follow.
func (r *Run) Fail(counted, final bool) (dead bool) {
	s := r.s
	s.mu.Lock()
	defer s.mu.Unlock()
	same := r.e.alarm == r.alarm
	switch {
	case same && (final || r.failLocked(counted)):
		return true
	case !same && !counted: // what was told may have been undone with the run: somebody has to look
		r.failLocked(false)
		r.e.alarm = Alarm{At: r.e.when, Gen: unknown}
		s.o.Store(r.Key, r.e.when, Set, 0)
	}
	r.endLocked()
	return false
}

// failLocked computes the next attempt.
func (r *Run) failLocked(counted bool) (dead bool) {
	e := r.e
	retry, delay, dead := e.retry.Failed(counted, r.s.o.Jitter)
	if !dead {
		e.retry, e.when = retry, time.Now().Add(delay).UnixNano()
	}
	return dead
}

func (r *Run) endLocked() {
	s, e := r.s, r.e
	if r.over {
		return
	}
	r.over = true
	if !r.forced {
		s.running--
	}
	e.run = nil
	if e.again && !(e.alarm.IsSet() && e.retry.Any()) { // else somebody will look
		if !e.retry.Any() {
			e.when = time.Now().UnixNano()
		}
		e.alarm = Alarm{At: e.when, Gen: unknown}
		s.o.Store(e.key, e.when, Set, 0)
	}
	e.again = false
	switch {
	case !e.alarm.IsSet():
		delete(s.entries, e.key)
	default:
		if r.begun && e.alarm == r.alarm {
			s.o.Store(e.key, e.alarm.At, Set, 0)
		}
		s.waitLocked(e)
	}
	for _, c := range e.claims {
		close(c)
	}
	e.claims = nil
	s.advanceLocked()
}
