package durable

import (
	"context"

	"github.com/durablego/do/internal/gate"
)

// sharedLog is the Log of Shared. What is guarded is guarded by shared.mu.
type sharedLog struct {
	shared *Shared
	source Source
	name   string
	gate   *gate.Gate
	failed func(error)

	newest    Commit        // announced
	covering  Commit        // newest in the batch that is being written
	durable   Commit        // covered by a good sync
	opened    uint64        // ticket up to which they are open
	segment   uint64        // the last that has the name
	queued    bool          // in the batch that gathers
	flying    bool          // in the one that is being written
	dead      error         // why nothing is taken any more
	reporting bool          // the failure is being reported
	closed    bool          // Close was called
	leaving   bool          // its owner closes the files whatever happens
	moved     chan struct{} // closed when one of these moves; nil: nobody waits
}

// Commit implements Log.
func (l *sharedLog) Commit(c Commit) {
	s := l.shared
	s.mu.Lock()
	if err := l.endedLocked(); err != nil {
		s.mu.Unlock()
		// The ticket is newer than those the failure broke: it would be pending for ever.
		l.gate.Break(err)
		return
	}
	l.newest = c
	l.source.Take(&s.next.records, l.name)
	s.next.commits++
	if !l.queued {
		l.queued = true
		s.next.logs = append(s.next.logs, l)
	}
	s.startLocked()
	s.mu.Unlock()
}

// endedLocked returns why commits are not taken any more.
func (l *sharedLog) endedLocked() error {
	if l.dead == nil && l.closed {
		return errClosed
	}
	return l.dead
}

// Flush implements Log.
func (l *sharedLog) Flush(ctx context.Context) error {
	s := l.shared
	s.mu.Lock()
	defer s.mu.Unlock()
	target := l.newest.Ticket
	for l.opened < target {
		if l.dead != nil {
			return l.dead
		}
		if err := l.waitLocked(ctx); err != nil {
			return err
		}
	}
	return l.dead
}

// waitLocked waits for the next change, not longer than ctx. REQUIRES: shared.mu held; it
// is released meanwhile.
func (l *sharedLog) waitLocked(ctx context.Context) error {
	if l.moved == nil {
		l.moved = make(chan struct{})
	}
	moved := l.moved
	l.shared.mu.Unlock()
	defer l.shared.mu.Lock()
	select {
	case <-moved:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// wakeLocked tells who waits that something has changed.
func (l *sharedLog) wakeLocked() {
	if l.moved != nil {
		close(l.moved)
		l.moved = nil
	}
}

// Durable implements Log.
func (l *sharedLog) Durable() Commit {
	l.shared.mu.Lock()
	defer l.shared.mu.Unlock()
	return l.durable
}

// Rewind implements Log.
func (l *sharedLog) Rewind() {
	l.shared.mu.Lock()
	defer l.shared.mu.Unlock()
	l.newest.Frames, l.durable.Frames = 0, 0
}

// Close implements Log. It waits for the batch the Log has a part in, which may read the
// database's files.
func (l *sharedLog) Close() {
	l.shared.mu.Lock()
	defer l.shared.mu.Unlock()
	l.closed = true
	for l.queued || l.flying || l.reporting {
		_ = l.waitLocked(context.Background()) // this context does not end
	}
	if l.shared.sources[l.name] != l {
		delete(l.shared.open, l)
	} // else its owner is told of a replay until Closed
}
