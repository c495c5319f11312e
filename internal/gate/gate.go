package gate

import (
	"context"
	"sync"
	"sync/atomic"
)

// Waiter is told once that a ticket is settled: nil when it is open, else the error
// given to Break. Released runs on the goroutine that settles the ticket and must not
// block; it may call the gate.
type Waiter interface{ Released(err error) }

// Gate is the output gate of one object. The zero value is ready for use: no ticket
// taken. All methods may be called from any goroutine. A Gate must not be copied.
type Gate struct {
	newest atomic.Uint64 // tickets taken; only grows
	opened atomic.Uint64 // highest ticket opened; written under mu
	broken atomic.Uint64 // highest ticket ever broken; written under mu, before any later Open
	// A goroutine is telling waiters; it will see what is appended to ready. Written under mu, and
	// before what they wait for is settled: nobody overtakes them.
	releasing atomic.Bool

	mu       sync.Mutex // guards following
	waiting  queue
	ready    []release // settled, not yet told; in ticket order
	told     []release // the spare of ready
	failures failures
	spare    *sleeper // kept for the next Wait
}

// keep is how many waiters' room a gate keeps when a crowd has gone.
const keep = 64

// release is a waiter whose ticket is settled.
type release struct {
	w   Waiter
	err error
}

// Take gives a commit that has just taken place its ticket: 1, 2, …
func (g *Gate) Take() uint64 { return g.newest.Add(1) }

// Newest returns the newest ticket taken, 0 if there is none.
func (g *Gate) Newest() uint64 { return g.newest.Load() }

// Opened returns the highest ticket that was opened, 0 if there is none.
func (g *Gate) Opened() uint64 { return g.opened.Load() }

// Open opens every pending ticket up to and including upTo, and releases the waiters.
// Tickets not taken yet are not opened; broken ones stay broken.
func (g *Gate) Open(upTo uint64) {
	g.mu.Lock()
	upTo = min(upTo, g.newest.Load())
	if upTo <= g.settled() {
		g.mu.Unlock()
		return
	}
	busy := g.releasing.Swap(true)
	g.opened.Store(upTo)
	g.settle(upTo, nil, busy)
}

// Break fails every pending ticket with err (T34.8). Tickets taken later are fresh.
func (g *Gate) Break(err error) {
	g.mu.Lock()
	low, high := g.settled(), g.newest.Load()
	if high <= low {
		g.mu.Unlock()
		return
	}
	busy := g.releasing.Swap(true)
	g.failures.add(low+1, high, err)
	g.broken.Store(high)
	g.settle(high, err, busy)
}

// settled returns the highest ticket that is open or broken. REQUIRES: mu held.
func (g *Gate) settled() uint64 { return max(g.opened.Load(), g.broken.Load()) }

// settle moves the waiters of the tickets up to upTo to ready and tells them, unless
// another goroutine is telling already (busy): then that one goes on with these, so that the
// order holds. REQUIRES: mu held; settle releases it.
func (g *Gate) settle(upTo uint64, err error, busy bool) {
	g.ready = g.waiting.take(upTo, err, g.ready)
	if busy {
		g.mu.Unlock()
		return
	}
	for len(g.ready) > 0 {
		batch := g.ready
		g.ready, g.told = g.told[:0], nil
		g.mu.Unlock()
		for i := range batch {
			batch[i].w.Released(batch[i].err)
			batch[i] = release{}
		}
		g.mu.Lock()
		g.told = batch[:0]
	}
	if cap(g.told) > keep {
		g.told = nil
	}
	if cap(g.ready) > keep {
		g.ready = nil
	}
	g.releasing.Store(false)
	g.mu.Unlock()
}

// State tells whether ticket is settled, and its failure if it broke.
func (g *Gate) State(ticket uint64) (settled bool, err error) {
	if ticket <= g.opened.Load() {
		// opened is read first: a ticket at or below it that was broken was broken
		// before, so the load of broken sees it (invariant 2).
		if ticket > g.broken.Load() || ticket == 0 {
			return true, nil
		}
	} else if ticket > g.broken.Load() {
		return false, nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return true, g.failures.find(ticket)
}

// Notify calls w.Released once ticket is settled: at once, in this goroutine, if it is
// already, and nobody is being told who was there before. A ticket that was not taken yet is
// waited for like a pending one.
func (g *Gate) Notify(ticket uint64, w Waiter) {
	if settled, err := g.State(ticket); settled && !g.releasing.Load() {
		w.Released(err)
		return
	}
	g.mu.Lock()
	if !g.queue(ticket, w) { // settled meanwhile
		err := g.failures.find(ticket)
		g.mu.Unlock()
		w.Released(err)
		return
	}
	g.mu.Unlock()
}

// Wait returns nil once ticket is open, the error given to Break if it broke, and
// ctx.Err() if ctx ends first: of an open ticket never. It must not be called by a Waiter that is
// being told.
func (g *Gate) Wait(ctx context.Context, ticket uint64) error {
	if settled, err := g.State(ticket); settled && !g.releasing.Load() {
		return err
	}
	g.mu.Lock()
	s := g.spare
	if s == nil {
		s = &sleeper{wake: make(chan error, 1)}
	}
	if !g.queue(ticket, s) { // settled meanwhile
		g.spare = s
		defer g.mu.Unlock()
		return g.failures.find(ticket)
	}
	g.spare = nil
	g.mu.Unlock()
	select {
	case err := <-s.wake:
		g.mu.Lock()
		g.spare = s
		g.mu.Unlock()
		return err
	case <-ctx.Done():
		// s stays in the queue and is told in vain; its channel has room for that.
		if settled, err := g.State(ticket); settled {
			return err
		}
		return ctx.Err()
	}
}

// queue has w told when the ticket is settled, or behind those who are being told; false if
// there is nothing to wait for. REQUIRES: mu held.
func (g *Gate) queue(ticket uint64, w Waiter) bool {
	switch {
	case ticket > g.settled():
		g.waiting.add(ticket, w)
	case g.releasing.Load():
		g.ready = append(g.ready, release{w, g.failures.find(ticket)})
	default:
		return false
	}
	return true
}

// sleeper is the waiter of one Wait.
type sleeper struct{ wake chan error }

// Released implements Waiter.
func (s *sleeper) Released(err error) { s.wake <- err }
