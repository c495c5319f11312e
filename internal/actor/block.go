package actor

import (
	"context"
	"fmt"
	"time"

	"github.com/durablego/do/internal/doerr"
)

// MaxBlockDepth is how deep blocked sections nest (N14). The constructor is one.
const MaxBlockDepth = 64

// Block runs fn in a blocked section (T25): no other event of the object runs until fn
// returns, not even in its waits. An error of fn, a panic, Goexit or the time limit resets
// the object (T26). Errors: ErrOutsideTurn, ErrTooDeep, the reset.
func (l *Life) Block(ctx context.Context, fn func(context.Context) error) error {
	if err := l.Check(ctx); err != nil {
		return err
	}
	t, mb := From(ctx), l.mb
	if t.blocks >= MaxBlockDepth {
		return doerr.ErrTooDeep
	}
	if !mb.host.InTransaction(l) {
		if why := l.commit(); why != nil {
			return l.end(why)
		}
		l.open.Store(true)
	}
	mb.mu.Lock()
	if why := l.why.Load(); why != nil {
		mb.mu.Unlock()
		return why
	}
	l.enterLocked(mb, t)
	depth := t.blocks
	mb.mu.Unlock()
	finished := false
	defer func() {
		if !finished {
			l.broken(recover(), true) // what is queued gets the same answer (T34.5)
		}
	}()
	err := fn(ctx)
	finished = true
	mb.mu.Lock()
	why := l.why.Load()
	if why == nil && (t.blocks != depth || t.state.Load() != live) {
		err = errLateWait
	} else if why == nil {
		l.exitLocked(t)
	}
	mb.mu.Unlock()
	switch {
	case why != nil:
		return why
	case err != nil:
		return l.end(&ResetError{Cause: err, WholeQueue: true, Constructor: !l.built})
	}
	return nil
}

// enterLocked opens a blocked section of t, or one more level of it.
func (l *Life) enterLocked(mb *Mailbox, t *Turn) {
	t.blocks++
	if l.blocker == t {
		return
	}
	l.blocker = t
	if constructor := t == l.ctor; mb.blockTimeout > 0 {
		l.blockTimer = time.AfterFunc(mb.blockTimeout, func() {
			mb.Reset(l, &ResetError{
				Cause:       fmt.Errorf("a blocked section or constructor took longer than %v", mb.blockTimeout),
				Overloaded:  true,
				WholeQueue:  true,
				Constructor: constructor,
			})
		})
	}
}

func (l *Life) exitLocked(t *Turn) {
	if t.blocks--; t.blocks == 0 {
		l.blocker = nil
		l.stopTimer()
	}
}
