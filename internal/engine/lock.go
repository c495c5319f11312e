package engine

import (
	"context"
	"sync/atomic"
	"time"
)

// lock is the connection's lock. Nearly always nobody else wants it: taking and releasing
// it are one atomic operation each. Who has to wait does so on a channel, so that a
// context can end it and a synctest bubble sees it as blocked.
type lock struct {
	held    atomic.Bool
	waiters atomic.Int32
	wake    chan struct{} // room for one; filled by release when somebody waits
}

func newLock() lock { return lock{wake: make(chan struct{}, 1)} }

// tryAcquire takes the lock if it is free.
func (l *lock) tryAcquire() bool { return l.held.CompareAndSwap(false, true) }

// acquire takes the lock; ctx.Err() if ctx ends first.
func (l *lock) acquire(ctx context.Context) error {
	return l.acquireNudging(ctx, 0, nil)
}

// acquireNudging is acquire that calls nudge before it waits, and again every so often.
func (l *lock) acquireNudging(ctx context.Context, every time.Duration, nudge func()) error {
	if l.tryAcquire() {
		return nil
	}
	l.waiters.Add(1)
	defer l.waiters.Add(-1)
	var tick <-chan time.Time
	if nudge != nil {
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		tick = ticker.C
	}
	for !l.tryAcquire() { // after waiters was raised: release either frees it for us or wakes us
		if nudge != nil {
			nudge()
		}
		select {
		case <-l.wake:
		case <-tick:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// release frees the lock.
func (l *lock) release() {
	l.held.Store(false)
	if l.waiters.Load() > 0 {
		select {
		case l.wake <- struct{}{}:
		default:
		}
	}
}
