package do

import (
	"context"

	"github.com/durablego/do/internal/actor"
)

// Stub is the way to one object. Making one creates nothing. Safe for concurrent use;
// calls made one after the other arrive in that order (F4). A stub is never poisoned:
// after a reset the next call reaches a fresh instance (L14).
//
// Inside an object a call with the turn's ctx is a wait: what was written is committed,
// other events of the object may run, and the call leaves when the writes are durable (T3).
type Stub struct {
	ns  *Namespace
	id  ID
	err error // of the id
}

// ID is the object's id.
func (s *Stub) ID() ID { return s.id }

// Name is the name the stub was made with, or empty (I11).
func (s *Stub) Name() string { return s.id.name }

// send runs e on the object and waits for its answer, by the rules for the code that
// holds ctx.
func (s *Stub) send(ctx context.Context, e *actor.Event) error {
	if s.err != nil {
		return s.err
	}
	if s.ns.away != nil {
		return errAway
	}
	t, outside, err := callerFor(ctx, s.ns.owner)
	if err != nil {
		return err
	}
	e.Name = s.id.name
	if t != nil {
		return t.Wait(ctx, func(ctx context.Context) error { return s.post(ctx, e) })
	}
	if outside != nil {
		if err := outside.WaitDurable(ctx); err != nil {
			return err
		}
	} else if s.ns.rt.closing.Load() {
		return ErrClosed
	}
	return s.post(ctx, e)
}

func (s *Stub) post(ctx context.Context, e *actor.Event) error {
	e.SetCaller(ctx)
	if err := ctx.Err(); err != nil {
		return err // it never starts (T10)
	}
	for {
		c := s.ns.cell(s.id)
		if c == nil {
			return ErrClosed
		}
		if err := c.mb.Do(ctx, e); err != actor.ErrGone {
			return err
		}
		if err := c.mb.Retirement(ctx); err != nil {
			return err
		}
	}
}
