package do

import (
	"context"
	"fmt"
)

// Delete removes an object: its data, its alarm and its name. Events that run, also those
// in a wait, end first as usual, with the calls that they wait for; events that are queued
// or come later wait, and go to a new instance that finds nothing (L15, T34.10). The instance
// is dropped without Stop; its WaitUntil work is cancelled, not waited for; its sockets are
// closed with 1001. When Delete
// returns nil the removal is durable: no crash brings anything back. The original of a file
// that was taken over (Class.UniqueKey) goes first. One that is cut short
// leaves the object whole or gone.
//
// An object without data is deleted like any other. Delete waits for as long as the object's
// events run: give ctx a deadline. When it ends before they do, nothing has changed.
// Events of other objects that call this one are held back for 5 s at most, then they go
// before the deletion, as what runs may wait for them.
//
// Inside an object, Delete is a wait of the turn (T3); of the object itself, or of one that
// waits for it, it gives ErrDeadlock. A zero id gives ErrInvalidID, one of another namespace
// ErrForeignID (I15), a namespace that is not served ErrUnserved (L23); after Close: ErrClosed. Other errors are the disk's: then it may be
// called again.
func (n *Namespace) Delete(ctx context.Context, id ID) error {
	if err := n.checkHere(id); err != nil {
		return err
	}
	return n.rt.apart(ctx, n.owner, func(ctx context.Context) error {
		end, err := n.rt.tasks.begin()
		if err != nil {
			return err
		}
		defer end()
		return n.fenced(ctx, id, (*cell).destroy)
	})
}

// destroy removes the object's data. What cannot be undone is not given up half-way either:
// it has no ctx.
func (c *cell) destroy() error {
	if err := c.served.discardOriginal(c.id); err != nil {
		return fmt.Errorf("do: delete %s: %w", c.id, err)
	}
	c.doubt()
	if err := c.db.Destroy(context.Background()); err != nil {
		return fmt.Errorf("do: delete %s: %w", c.id, err)
	}
	c.closeSockets(1001, "the object was deleted", false)
	c.named = false
	c.filed.Store(false)
	c.lived.Store(false)
	c.alarm.Store(nil)
	c.catchUp()
	c.served.index.Remove(c.id.bytes)
	c.heard()
	c.trust()
	c.served.rt.alarms.Forget(c.alarmKey())
	return nil
}
