package do

import (
	"context"
	"sync"

	"github.com/durablego/do/internal/alarm"
)

// behind is what the index has still to be told of an object, in the order in which it came
// about. It waits until all that was committed by then is durable, and what a commit has made
// is dropped if that broke: the index must not know of what a crash undoes, as nobody would look at the
// object (A5, L20).
type behind struct {
	mu      sync.Mutex // guards following
	changes []*rowChange
}

// rowChange is something that the index is told once a ticket is open.
type rowChange struct {
	c      *cell
	ticket uint64
	known  bool   // told also if the ticket breaks
	tell   func() // must neither block nor call the cell
	after  func() // called without locks if it was told late; nil: nothing
}

// Released hears that the ticket is settled.
func (r *rowChange) Released(error) { r.c.catchUp() }

// tellIndex has the index told when a ticket is open: at once if it is. after is called if it
// was not, without locks. Ticket 0 stands for what is committed now, whatever became of that.
func (c *cell) tellIndex(ticket uint64, tell, after func()) {
	c.behind.mu.Lock()
	known := ticket == 0
	if known {
		ticket = c.gate.Newest()
	}
	if settled, err := c.gate.State(ticket); settled && len(c.behind.changes) == 0 {
		if err == nil || known {
			tell()
		}
		c.behind.mu.Unlock()
		return
	}
	r := &rowChange{c, ticket, known, tell, after}
	c.behind.changes = append(c.behind.changes, r)
	c.behind.mu.Unlock()
	c.gate.Notify(ticket, r)
}

// catchUp tells the index everything whose ticket is settled. Who tells it something else as
// of a later time calls this first.
func (c *cell) catchUp() {
	var told []*rowChange
	c.behind.mu.Lock()
	for len(c.behind.changes) > 0 {
		r := c.behind.changes[0]
		settled, err := c.gate.State(r.ticket)
		if !settled {
			break
		}
		c.behind.changes[0] = nil
		c.behind.changes = c.behind.changes[1:]
		if err == nil || r.known {
			r.tell()
			told = append(told, r)
		}
	}
	if len(c.behind.changes) == 0 {
		c.behind.changes = nil
	}
	c.behind.mu.Unlock()
	for _, r := range told {
		if r.after != nil {
			r.after()
		}
	}
}

// allTold waits until the index was told everything up to now.
func (c *cell) allTold(ctx context.Context) error {
	err := c.gate.Wait(ctx, c.gate.Newest())
	c.catchUp()
	return err
}

// storeAlarm has the index know of an alarm once that is durable. It is called with the
// schedule locked.
func (rt *Runtime) storeAlarm(k alarm.Key, at int64, state alarm.State, ticket uint64) {
	s := rt.spaces[k.Space]
	tell := func() { s.index.SetAlarm(k.ID, at, indexStates[state]) }
	c := s.peek(ID{bytes: k.ID})
	if c == nil {
		tell()
		return
	}
	var after func()
	if state == alarm.Set && !rt.temporary {
		after = func() { go rt.alarms.Stored(k, at) } // it may be locked by who has it stored
	}
	c.tellIndex(ticket, tell, after)
}
