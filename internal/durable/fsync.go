package durable

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"time"

	"github.com/durablego/do/internal/gate"
)

// DefaultTimeout is the longest a sync may take (N13).
const DefaultTimeout = 30 * time.Second

// DefaultParallel bounds how many syncs run at once in a process: each holds a thread of
// the system, and a disk gains nothing from more.
const DefaultParallel = 128

// gatherings bounds how often a sync gives way to commits that are about to come.
const gatherings = 4

// ErrTimeout is the cause in the SyncError of a sync that took longer than the limit.
var ErrTimeout = errors.New("not finished within the time limit")

// FsyncOptions are the settings of Fsync. The zero value gives the defaults.
type FsyncOptions struct {
	// Timeout is the longest a sync may take, the wait for its turn among the parallel
	// ones included. Default DefaultTimeout; negative: no limit.
	Timeout time.Duration
	// Parallel is how many syncs may run at once over all Logs of the Opener. Default
	// DefaultParallel; negative: any number.
	Parallel int
}

// Fsync returns an Opener whose Logs call Target.Sync in the background: as soon as there
// is a commit and no sync is running, so that a slow sync gathers the commits made
// meanwhile (T13).
func Fsync(o FsyncOptions) Opener { return newFsync(o) }

func newFsync(o FsyncOptions) *fsync {
	f := &fsync{timeout: o.Timeout}
	if f.timeout == 0 {
		f.timeout = DefaultTimeout
	}
	if o.Parallel == 0 {
		o.Parallel = DefaultParallel
	}
	if o.Parallel > 0 {
		f.slots = make(chan struct{}, o.Parallel)
	}
	return f
}

type fsync struct {
	timeout time.Duration // negative: none
	slots   chan struct{} // filled by the syncs that run; nil: no bound
	relaxed bool          // tickets open with their commit, only Flush syncs
}

// Open implements Opener.
func (f *fsync) Open(t Target, g *gate.Gate, failed func(error)) Log {
	return &fsyncLog{fsync: f, target: t, gate: g, failed: failed}
}

// fsyncLog is the Log of Fsync and Relaxed.
type fsyncLog struct {
	*fsync
	target Target
	gate   *gate.Gate
	failed func(error)

	mu        sync.Mutex    // guards following; held for field access only
	newest    Commit        // announced
	durable   Commit        // covered by a good sync, and its tickets are open
	running   bool          // the goroutine lives
	syncing   bool          // a sync waits for its slot or runs, and has not timed out
	began     time.Time     // when that was
	timer     *time.Timer   // runs timedOut; stopped between syncs; nil before the first
	dead      error         // why nothing is synced any more
	reporting bool          // the failure is being reported
	closed    bool          // Close was called
	moved     chan struct{} // closed when one of these moves; nil: nobody waits
}

// Commit implements Log.
func (l *fsyncLog) Commit(c Commit) {
	l.mu.Lock()
	if err := l.ended(); err != nil {
		l.mu.Unlock()
		// The ticket is newer than those the failure broke: it would be pending for ever.
		l.gate.Break(err)
		return
	}
	l.newest = c
	if !l.relaxed {
		l.start()
	}
	l.mu.Unlock()
	if l.relaxed {
		l.gate.Open(c.Ticket)
	}
}

// start makes sure that the goroutine lives. REQUIRES: mu held.
func (l *fsyncLog) start() {
	if !l.running {
		l.running = true
		go l.run()
	}
}

// errClosed breaks the tickets of commits announced after Close.
var errClosed = &SyncError{Err: errors.New("the database is closed")}

// ended returns why commits are not taken any more. REQUIRES: mu held.
func (l *fsyncLog) ended() error {
	if l.dead == nil && l.closed {
		return errClosed
	}
	return l.dead
}

// run syncs until nothing is left to sync.
func (l *fsyncLog) run() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.dead == nil && l.newest.Ticket > l.durable.Ticket {
		l.gather()
		l.syncOnce()
	}
	l.running = false
	l.wake()
}

// gather lets what can run now run first, as long as that commits more: the more has been
// committed, the more one sync serves. With nothing to run it takes no time. REQUIRES: mu
// held; it is released meanwhile.
func (l *fsyncLog) gather() {
	for range gatherings {
		before := l.newest.Ticket
		l.mu.Unlock()
		runtime.Gosched()
		l.mu.Lock()
		if l.newest.Ticket == before {
			return
		}
	}
}

// syncOnce runs one sync within its time limit. REQUIRES: mu held; it is released while
// the sync runs.
func (l *fsyncLog) syncOnce() {
	l.startTimer()
	if !l.takeSlot() {
		return // timed out before it began: there are too many stuck ones
	}
	covered := l.newest // before the sync begins (invariant 1)
	l.mu.Unlock()
	err := l.target.Sync()
	if l.slots != nil {
		<-l.slots
	}
	l.mu.Lock()
	if l.timer != nil {
		l.timer.Stop()
	}
	if !l.syncing {
		return // timed out: the result does not count any more (invariant 4)
	}
	l.syncing = false
	if err != nil {
		l.die(&SyncError{Err: err})
		return
	}
	l.mu.Unlock()
	l.gate.Open(covered.Ticket)
	l.mu.Lock()
	l.durable = covered
	l.wake()
}

// startTimer begins the time limit of a sync. REQUIRES: mu held.
func (l *fsyncLog) startTimer() {
	l.syncing = true
	if l.timeout < 0 {
		return
	}
	l.began = time.Now()
	if l.timer == nil {
		l.timer = time.AfterFunc(l.timeout, l.timedOut)
	} else {
		l.timer.Reset(l.timeout)
	}
}

// takeSlot waits until few enough syncs run; false if the time limit came first.
// REQUIRES: mu held; it is released meanwhile.
func (l *fsyncLog) takeSlot() bool {
	if l.slots == nil {
		return true
	}
	select {
	case l.slots <- struct{}{}:
		return true
	default:
	}
	for l.syncing {
		moved := l.wait()
		l.mu.Unlock()
		select {
		case l.slots <- struct{}{}:
			l.mu.Lock()
			if l.syncing {
				return true
			}
			<-l.slots
		case <-moved:
			l.mu.Lock()
		}
	}
	return false
}

// timedOut runs on the timer's goroutine.
func (l *fsyncLog) timedOut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.syncing || time.Since(l.began) < l.timeout {
		return // that sync has ended; another one may have begun
	}
	l.syncing = false
	l.die(&SyncError{Timeout: true, Err: ErrTimeout})
}

// die makes the Log dead and reports it. REQUIRES: mu held; it is released meanwhile.
func (l *fsyncLog) die(err error) {
	l.dead, l.reporting = err, true
	l.wake()
	l.mu.Unlock()
	l.failed(err) // first: who hears of a broken ticket finds the owner warned
	l.gate.Break(err)
	l.mu.Lock()
	l.reporting = false
	l.wake()
}

// wait returns a channel that wake closes. REQUIRES: mu held.
func (l *fsyncLog) wait() <-chan struct{} {
	if l.moved == nil {
		l.moved = make(chan struct{})
	}
	return l.moved
}

// wake tells those who wait that the state moved. REQUIRES: mu held.
func (l *fsyncLog) wake() {
	if l.moved != nil {
		close(l.moved)
		l.moved = nil
	}
}

// Flush implements Log.
func (l *fsyncLog) Flush(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	target := l.newest.Ticket
	for l.durable.Ticket < target {
		if l.dead != nil {
			return l.dead
		}
		if l.closed && !l.running {
			return errClosed
		}
		l.start() // it runs already, unless relaxed
		ch := l.wait()
		l.mu.Unlock()
		select {
		case <-ch:
		case <-ctx.Done():
			l.mu.Lock()
			return ctx.Err()
		}
		l.mu.Lock()
	}
	return l.dead
}

// Durable implements Log.
func (l *fsyncLog) Durable() Commit {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.durable
}

// Rewind implements Log.
func (l *fsyncLog) Rewind() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.newest.Frames, l.durable.Frames = 0, 0
}

// Close implements Log.
func (l *fsyncLog) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for l.running || l.reporting {
		ch := l.wait()
		l.mu.Unlock()
		<-ch
		l.mu.Lock()
	}
}
