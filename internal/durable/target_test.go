package durable_test

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/durablego/do/internal/durable"
	"github.com/durablego/do/internal/gate"
)

var errDisk = errors.New("disk on fire")

// target is a durable.Target whose syncs end when the test says so.
type target struct {
	t       *testing.T
	results chan error // one per Sync; nil: every sync is good at once
	syncs   atomic.Int32
	running atomic.Int32
}

func (s *target) Sync() error {
	if s.running.Add(1) > 1 {
		s.t.Error("two syncs at once")
	}
	defer s.running.Add(-1)
	s.syncs.Add(1)
	if s.results == nil {
		return nil
	}
	return <-s.results
}

func (s *target) wantSyncs(t *testing.T, want int32) {
	t.Helper()
	if got := s.syncs.Load(); got != want {
		t.Errorf("%d syncs, want %d", got, want)
	}
}

// fixture is one open log with its gate and target.
type fixture struct {
	t      *testing.T
	gate   *gate.Gate
	target *target
	log    durable.Log

	mu   sync.Mutex // guards told
	told []error    // what failed was told
}

// failures is what failed was told.
func (f *fixture) failures() []error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.told)
}

// open opens a log whose syncs the test ends.
func open(t *testing.T, o durable.Opener) *fixture {
	f := &fixture{t: t, gate: new(gate.Gate), target: &target{t: t, results: make(chan error)}}
	f.log = o.Open(f.target, f.gate, func(err error) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.told = append(f.told, err)
	})
	return f
}

// commit announces n commits of one frame each and returns the last one.
func (f *fixture) commit(n int) (c durable.Commit) {
	for range n {
		c.Ticket = f.gate.Take()
		c.Frames = int(c.Ticket)
		f.log.Commit(c)
	}
	return c
}

func (f *fixture) wantOpened(want uint64) {
	f.t.Helper()
	if got := f.gate.Opened(); got != want {
		f.t.Errorf("opened up to ticket %d, want %d", got, want)
	}
	if got := f.log.Durable().Ticket; got != want {
		f.t.Errorf("Durable() = ticket %d, want %d", got, want)
	}
}
