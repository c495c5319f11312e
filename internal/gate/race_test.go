package gate_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/durablego/do/internal/gate"
)

// once fails a test if it is released twice, and counts.
type once struct {
	t        *testing.T
	released atomic.Bool
	count    *atomic.Int64
}

func (o *once) Released(error) {
	if o.released.Swap(true) {
		o.t.Error("released twice")
	}
	o.count.Add(1)
}

// ordered fails if releases of later tickets come before earlier ones.
type ordered struct {
	t      *testing.T
	ticket uint64
	last   *atomic.Uint64
}

func (o ordered) Released(error) {
	if last := o.last.Swap(o.ticket); last > o.ticket {
		o.t.Errorf("ticket %d released after %d", o.ticket, last)
	}
}

// Many goroutines wait, notify, open and break at once: each waiter is released once, in
// the order of tickets among those that were registered while pending.
func TestConcurrentUse(t *testing.T) {
	const tickets, each = 500, 4
	g := new(gate.Gate)
	var count atomic.Int64
	var last atomic.Uint64
	var all sync.WaitGroup
	for range tickets {
		ticket := g.Take()
		g.Notify(ticket, ordered{t, ticket, &last})
	}
	for w := range each {
		all.Go(func() {
			rng := rand.New(rand.NewPCG(1, uint64(w)))
			for range tickets {
				g.Notify(rng.Uint64N(tickets)+1, &once{t: t, count: &count})
			}
		})
		all.Go(func() {
			for ticket := range uint64(tickets) {
				_ = g.Wait(context.Background(), ticket+1) // open or broken, but it returns
			}
		})
		all.Go(func() {
			rng := rand.New(rand.NewPCG(2, uint64(w)))
			for upTo := uint64(1); upTo <= tickets; upTo += rng.Uint64N(5) + 1 {
				if w == 0 && upTo > tickets/2 {
					g.Break(errDisk)
				}
				g.Open(upTo)
			}
			g.Open(tickets)
		})
	}
	all.Wait()
	if got := count.Load(); got != tickets*each {
		t.Errorf("%d waiters released, want %d", got, tickets*each)
	}
}
