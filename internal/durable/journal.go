package durable

import (
	"context"
	"slices"
)

// Settled implements Journal.
func (s *Shared) Settled(path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := s.name(path)
	s.trustLocked(name)
	if s.dead == nil && s.spokenLocked(name) {
		s.next.records.Settled(name)
		s.next.marks = append(s.next.marks, name) // it goes with the next commit of anybody
	} // else a new log begins, or there is nothing to forget
}

// spokenLocked reports whether there may be a record about an object.
func (s *Shared) spokenLocked(name string) bool {
	_, ok := s.names[name]
	for _, c := range s.full {
		if !ok {
			_, ok = c.names[name]
		}
	}
	return ok || slices.Contains(s.next.marks, name)
}

// Forget implements Journal.
func (s *Shared) Forget(ctx context.Context, path string) error {
	return s.mark(ctx, path, (*Batch).Settled, false)
}

// Touched implements Journal.
func (s *Shared) Touched(ctx context.Context, path string) error {
	name := s.name(path)
	s.mu.Lock()
	if err := s.awaitedLocked(name); err != nil {
		s.mu.Unlock()
		return err
	}
	return s.markLocked(ctx, name, (*Batch).Touched)
}

// Removed implements Journal.
func (s *Shared) Removed(path string) error {
	return s.mark(context.Background(), path, (*Batch).Removed, true)
}

// mark writes a record and waits until it is durable. pending says that the files have yet
// to follow.
func (s *Shared) mark(ctx context.Context, path string, put func(*Batch, string), pending bool) error {
	name := s.name(path)
	s.mu.Lock()
	if err := s.awaitedLocked(name); err != nil {
		s.mu.Unlock()
		return err
	}
	s.trustLocked(name)
	if pending {
		s.next.pending = append(s.next.pending, name)
	}
	return s.markLocked(ctx, name, put)
}

// awaitedLocked gives an error to who must not wait for a replay, as that waits for it to leave.
func (s *Shared) awaitedLocked(name string) error {
	if s.ruined == nil || s.users[name] == 0 {
		return nil
	}
	return &SyncError{Err: s.ruined}
}

// markLocked writes a record and waits until it is durable. REQUIRES: mu held; it is
// released.
func (s *Shared) markLocked(ctx context.Context, name string, put func(*Batch, string)) error {
	done := make(chan error, 1)
	put(&s.next.records, name)
	s.next.marks = append(s.next.marks, name)
	s.next.waiters = append(s.next.waiters, done)
	s.startLocked()
	s.mu.Unlock()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Done implements Journal.
func (s *Shared) Done(path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trustLocked(s.name(path))
}

// Syncing implements Journal.
func (s *Shared) Syncing(path string) error {
	name := s.name(path)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.doubtful[name]; err != nil && s.ruined == nil {
		if l := s.sources[name]; l != nil {
			l.leaving = true // as it is told here
		}
		return s.ruinLocked(err)
	}
	for s.placing && s.ruined == nil {
		s.waitLocked()
	}
	if s.ruined == nil {
		s.doubtful[name] = nil
	} else if l := s.sources[name]; l != nil {
		l.leaving = true
	}
	return s.ruined
}

// Doubt implements Journal.
func (s *Shared) Doubt(path string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.doubtful[s.name(path)] = err
	s.wakeLocked()
}

// trustLocked ends a doubt.
func (s *Shared) trustLocked(name string) {
	if _, ok := s.doubtful[name]; !ok {
		return
	}
	delete(s.doubtful, name)
	s.wakeLocked()
}

// Leave implements Journal.
func (s *Shared) Leave(path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := s.name(path)
	if s.users[name]--; s.users[name] == 0 {
		delete(s.users, name)
	}
	s.wakeLocked()
}

// Closed implements Journal.
func (s *Shared) Closed(path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := s.name(path)
	l := s.sources[name]
	if l == nil {
		return
	}
	for l.reporting {
		_ = l.waitLocked(context.Background()) // this context does not end
	}
	delete(s.open, l)
	delete(s.sources, name)
}

// Enter implements Journal.
func (s *Shared) Enter(path string) error {
	name := s.name(path)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.doubtful[name] != nil {
		s.openedLocked()
		if err := s.doubtful[name]; err != nil && s.ruined == nil {
			_ = s.ruinLocked(err) // waited for below
		}
	}
	for s.ruined != nil {
		if err := s.awaitedLocked(name); err != nil {
			return err // of a Snapshot, say, of what its owner has open
		}
		done := make(chan error, 1)
		s.next.waiters = append(s.next.waiters, done)
		s.startLocked() // who writes replays the log first
		s.mu.Unlock()
		err := <-done
		s.mu.Lock()
		if err != nil {
			return err
		}
	}
	s.users[name]++
	return nil
}
