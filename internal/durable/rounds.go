package durable

import (
	"sync"
	"time"
)

const (
	// maxAlone is how many databases sync their own files at once before the others wait
	// to go together.
	maxAlone = 2
	// minRound is how many make a round worth it.
	minRound = 4
	// slowRound is how long a round may take. The file system may have to write what other
	// programs left to it: then everybody syncs his own files, for pauseRounds.
	slowRound   = 100 * time.Millisecond
	pauseRounds = 30 * time.Second
)

// Marker is a Target that may be made durable together with others.
type Marker interface {
	Target
	// Written remembers what has been written so far, and gives what to call when that was
	// made durable by other means than Sync. Calls of both and of Sync do not overlap.
	Written() (durable func())
}

// rounds turns syncs of many databases that are wanted at the same time into one sync of
// the file system that holds them: one flush of the disk, one commit of its journal.
//
// The file system tells each error of a late write once, to whichever round comes next,
// which need not be that of the file it hit. So after the first error there are no more
// rounds: the sync of a file tells about that file (T15).
type rounds struct {
	all func() error

	mu     sync.Mutex // guards following
	off    bool       // no rounds any more
	alone  int        // syncs of one database that run
	busy   bool       // a round runs
	late   bool       // … and takes long
	next   *together  // those that wait
	paused time.Time  // no rounds before
}

// together is a round.
type together struct {
	members  int           // guarded by rounds.mu
	patience *time.Timer   // ends the wait for those that sync alone: theirs may hang
	split    chan struct{} // closed when its members are to sync alone after all
	done     chan struct{} // closed when err is set
	err      error         // written before done is closed
}

// sync makes durable what t's files held when it was called.
func (r *rounds) sync(t Target) error {
	m, ok := t.(Marker)
	if !ok || r.all == nil {
		return t.Sync()
	}
	r.mu.Lock()
	if r.alone < maxAlone || r.off || r.late || !r.paused.IsZero() && time.Now().Before(r.paused) {
		r.alone++
		r.mu.Unlock()
		return r.syncAlone(t)
	}
	mark := m.Written()
	if r.next == nil {
		r.next = &together{split: make(chan struct{}), done: make(chan struct{})}
		r.next.patience = time.AfterFunc(slowRound, r.next.giveUp(r))
	}
	round := r.next
	round.members++
	r.mu.Unlock()
	select {
	case <-round.done:
		if round.err == nil {
			mark()
		}
		return round.err
	case <-round.split:
		r.mu.Lock()
		r.alone++
		r.mu.Unlock()
		return r.syncAlone(t)
	}
}

func (r *rounds) syncAlone(t Target) error {
	err := t.Sync()
	r.mu.Lock()
	r.alone--
	r.proceedLocked()
	r.mu.Unlock()
	return err
}

// proceedLocked lets those who wait go on, together if they are enough.
func (r *rounds) proceedLocked() {
	round := r.next
	if r.busy || round == nil {
		return
	}
	if round.members < minRound {
		r.splitLocked()
		return
	}
	round.patience.Stop()
	r.next, r.busy = nil, true
	go r.run(round)
}

// run syncs everything for a round. What its members wrote they wrote before it began.
func (r *rounds) run(round *together) {
	slow := time.AfterFunc(slowRound, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.late, r.paused = true, time.Now().Add(pauseRounds)
		close(round.split)
		r.splitLocked()
	})
	round.err = r.all()
	slow.Stop()
	r.mu.Lock()
	r.busy, r.late = false, false
	if round.err != nil {
		r.off = true // before its members, or anybody, can ask for another
		r.splitLocked()
	}
	r.proceedLocked()
	r.mu.Unlock()
	close(round.done)
}

// giveUp gives what lets a round that has not begun sync alone.
func (t *together) giveUp(r *rounds) func() {
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.next == t {
			r.splitLocked()
		}
	}
}

// splitLocked lets those who wait sync alone.
func (r *rounds) splitLocked() {
	if r.next != nil {
		r.next.patience.Stop()
		close(r.next.split)
		r.next = nil
	}
}
