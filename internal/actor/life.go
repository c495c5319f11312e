package actor

import (
	"context"
	"sync/atomic"
	"time"
)

// Life is one instance of the object, from its constructor to its eviction or reset.
type Life struct {
	mb *Mailbox

	// Instance is the user's object; nil until its constructor returned. Baton only.
	Instance any
	// Host is for the Host's own use: its storage session and the like. Baton only.
	Host any

	open atomic.Bool // a turn began, and the commit that ends it is still to come

	why  atomic.Pointer[ResetError] // set once, under Mailbox.mu: the life is over
	dead chan struct{}              // closed when it is over

	// Baton only.
	built   bool                          // the constructor has returned
	pending []func(context.Context) error // WaitUntil work that starts with the next commit

	// guarded by Mailbox.mu
	begun      bool         // the Host has begun it
	stopped    bool         // Stop ran, and no event since
	started    *Event       // list of events that began and are not answered
	resume     queue[*Turn] // waits that are over
	parked     int          // turns in a wait
	holds      int          // WaitUntil work and open bodies (L8)
	blocker    *Turn        // turn in a blocked section
	back       bool         // its wait is over
	blockTimer *time.Timer
	ctor       *Turn                   // the constructor's turn, while it runs
	background context.Context         // of WaitUntil work; made at first use
	stopWork   context.CancelCauseFunc // ends background
}

// Over is closed when the life has ended.
func (l *Life) Over() <-chan struct{} { return l.dead }

// Left says whether l is over because it left memory, and nothing went wrong.
func (l *Life) Left() bool {
	why := l.why.Load()
	return why != nil && why.Cause == errLeft
}

// Why is the reset that ended the life, or nil.
func (l *Life) Why() *ResetError { return l.why.Load() }

// TurnOpen says whether a turn of the instance has begun whose commit is still to come. What
// leaves meanwhile, by whomever, has to wait for that commit.
func (l *Life) TurnOpen() bool { return l.open.Load() }

// EndTurn says that what the turn sends has got its ticket. The Host calls it in Commit; if
// the turn goes on, it opens anew.
func (l *Life) EndTurn() { l.open.Store(false) }

// Hold keeps the instance in memory until release is called (L8).
func (l *Life) Hold() (release func()) {
	l.mb.mu.Lock()
	l.holds++
	l.mb.mu.Unlock()
	var once atomic.Bool
	return func() {
		if once.CompareAndSwap(false, true) {
			l.drop()
		}
	}
}

func (l *Life) drop() {
	mb := l.mb
	mb.mu.Lock()
	l.holds--
	quiet := mb.life == l && mb.quietLocked()
	mb.mu.Unlock()
	if quiet {
		mb.host.Quiet()
	}
}

func (l *Life) hasBegun() bool {
	l.mb.mu.Lock()
	defer l.mb.mu.Unlock()
	return l.begun
}

// end resets l and gives the reason that counts: the first one.
func (l *Life) end(why *ResetError) *ResetError {
	l.mb.Reset(l, why)
	return l.why.Load()
}

// push and remove keep the list of started events. REQUIRES: Mailbox.mu.
func (l *Life) push(e *Event) {
	e.next = l.started
	if e.next != nil {
		e.next.prev = e
	}
	l.started = e
}

func (l *Life) remove(e *Event) {
	if e.prev != nil {
		e.prev.next = e.next
	} else if l.started == e {
		l.started = e.next
	}
	if e.next != nil {
		e.next.prev = e.prev
	}
	e.prev, e.next = nil, nil
}

func (l *Life) stopTimer() {
	if l.blockTimer != nil {
		l.blockTimer.Stop()
		l.blockTimer = nil
	}
}
