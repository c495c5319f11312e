// Package durabletest has a durable.Opener whose syncs happen when a test says so: late,
// in another order, or not at all.
package durabletest

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/durablego/do/internal/durable"
	"github.com/durablego/do/internal/gate"
)

// Manual is an Opener that holds every commit until the test syncs it. The zero value is
// ready for use. All methods may be called from any goroutine.
type Manual struct {
	mu   sync.Mutex // guards following; held for field access only
	auto bool
	logs []*manualLog // open and alive
}

// Auto switches between holding commits (the start) and syncing each one at once, on the
// goroutine that announces it. Switching it on does not sync what is held.
func (m *Manual) Auto(on bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.auto = on
}

// Open implements durable.Opener.
func (m *Manual) Open(t durable.Target, g *gate.Gate, failed func(error)) durable.Log {
	l := &manualLog{m: m, target: t, gate: g, failed: failed}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.logs = append(m.logs, l)
	return l
}

// Pending returns how many commits are announced but not durable, in all open logs.
func (m *Manual) Pending() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := uint64(0)
	for _, l := range m.logs {
		n += l.newest.Ticket - l.durable.Ticket
	}
	return int(n)
}

// Begin begins a sync of every open log that has something to sync: it will cover what
// was announced so far, however late it ends. Syncs may end in any order.
func (m *Manual) Begin() *Sync {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := &Sync{m: m}
	for _, l := range m.logs {
		if l.newest.Ticket > l.durable.Ticket {
			s.parts = append(s.parts, part{l, l.newest})
		}
	}
	return s
}

// Release syncs everything announced so far: Begin and Finish.
func (m *Manual) Release() error { return m.Begin().Finish() }

// Fail lets a sync of everything announced so far fail: Begin and Fail.
func (m *Manual) Fail(err error) { m.Begin().Fail(err) }

// Sync is a sync under way.
type Sync struct {
	m     *Manual
	parts []part
}

type part struct {
	log     *manualLog
	covered durable.Commit
}

// Finish asks the databases to sync and opens the tickets, or lets the log die of the
// error, which it returns too. A log that died meanwhile, or for which a sync that began
// later has ended, is left alone. Only one Finish may run at a time.
func (s *Sync) Finish() error {
	var errs []error
	for _, p := range s.parts {
		if !p.log.wants(p.covered) {
			continue
		}
		if err := p.log.target.Sync(); err != nil {
			p.log.die(&durable.SyncError{Err: err})
			errs = append(errs, err)
			continue
		}
		p.log.gate.Open(p.covered.Ticket)
		p.log.good(p.covered)
	}
	return errors.Join(errs...)
}

// Fail lets the logs die of err, without having asked the databases.
func (s *Sync) Fail(err error) {
	for _, p := range s.parts {
		if p.log.wants(p.covered) {
			p.log.die(&durable.SyncError{Err: err})
		}
	}
}

// manualLog is the Log of Manual. Its fields are guarded by m.mu.
type manualLog struct {
	m      *Manual
	target durable.Target
	gate   *gate.Gate
	failed func(error)

	newest, durable durable.Commit
	dead            error
	closed          bool
	moved           chan struct{} // closed at the next change; nil: nobody waits
}

// Commit implements durable.Log.
func (l *manualLog) Commit(c durable.Commit) {
	l.m.mu.Lock()
	dead, auto := l.dead, l.m.auto
	if dead == nil {
		l.newest = c
	}
	l.m.mu.Unlock()
	switch {
	case dead != nil:
		l.gate.Break(dead)
	case auto:
		_ = (&Sync{l.m, []part{{l, c}}}).Finish() // the log is told
	}
}

// Flush implements durable.Log. It waits for the test.
func (l *manualLog) Flush(ctx context.Context) error {
	l.m.mu.Lock()
	defer l.m.mu.Unlock()
	target := l.newest.Ticket
	for l.dead == nil && l.durable.Ticket < target {
		if l.closed {
			return errors.New("durabletest: the log is closed")
		}
		if l.moved == nil {
			l.moved = make(chan struct{})
		}
		moved := l.moved
		l.m.mu.Unlock()
		select {
		case <-moved:
		case <-ctx.Done():
			l.m.mu.Lock()
			return ctx.Err()
		}
		l.m.mu.Lock()
	}
	return l.dead
}

// Durable implements durable.Log.
func (l *manualLog) Durable() durable.Commit {
	l.m.mu.Lock()
	defer l.m.mu.Unlock()
	return l.durable
}

// Rewind implements durable.Log.
func (l *manualLog) Rewind() {
	l.m.mu.Lock()
	defer l.m.mu.Unlock()
	l.newest.Frames, l.durable.Frames = 0, 0
}

// Close implements durable.Log.
func (l *manualLog) Close() {
	l.m.mu.Lock()
	defer l.m.mu.Unlock()
	l.closed = true
	l.m.logs = slices.DeleteFunc(l.m.logs, func(o *manualLog) bool { return o == l })
	l.wake()
}

// wants reports whether a sync that covers c still counts.
func (l *manualLog) wants(c durable.Commit) bool {
	l.m.mu.Lock()
	defer l.m.mu.Unlock()
	return l.dead == nil && !l.closed && c.Ticket > l.durable.Ticket
}

// good records a sync that covered c.
func (l *manualLog) good(c durable.Commit) {
	l.m.mu.Lock()
	defer l.m.mu.Unlock()
	l.durable = c
	l.wake()
}

// die makes the log dead and reports it.
func (l *manualLog) die(err error) {
	l.m.mu.Lock()
	l.dead = err
	l.m.mu.Unlock()
	l.failed(err)
	l.gate.Break(err)
	l.m.mu.Lock()
	defer l.m.mu.Unlock()
	l.wake()
}

// wake lets those in Flush look again. REQUIRES: m.mu held.
func (l *manualLog) wake() {
	if l.moved != nil {
		close(l.moved)
		l.moved = nil
	}
}
