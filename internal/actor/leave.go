package actor

import (
	"context"
	"errors"
	"time"
)

// stopTimeout bounds Stop (N18).
const stopTimeout = 10 * time.Second

var (
	errLeft     = errors.New("the instance has left memory")
	errLateStop = errors.New("the instance's Stop took longer than 10 s")
)

// TryLeave takes the instance out of memory in the background if nothing runs, waits or
// is held now, and says whether it does.
func (mb *Mailbox) TryLeave(reason StopReason) bool {
	mb.mu.Lock()
	if mb.gone || !mb.quietLocked() {
		mb.mu.Unlock()
		return false
	}
	mb.busy = true
	epoch := mb.epoch
	mb.mu.Unlock()
	go mb.leave(reason, false, epoch)
	return true
}

// Leave waits for a quiet moment and takes the instance out of memory then. With retire
// it comes back only when the mailbox is retired and the Host was told, else when the life
// of the time of the call is over. It gives ctx's error if that ends first.
func (mb *Mailbox) Leave(ctx context.Context, reason StopReason, retire bool) error {
	mb.mu.Lock()
	target := mb.life
	mb.mu.Unlock()
	for {
		mb.mu.Lock()
		if mb.retired || !retire && mb.life != target {
			mb.mu.Unlock()
			return nil
		}
		changed := make(chan struct{})
		start := !mb.gone && mb.quietLocked()
		mb.idlers = append(mb.idlers, changed)
		if start {
			mb.busy = true
			go mb.leave(reason, retire, mb.epoch)
		}
		mb.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Retirement waits until the Host was told that the mailbox, which is gone, is retired: until then
// storage may be in use. It gives ctx's error if that ends first.
func (mb *Mailbox) Retirement(ctx context.Context) error {
	for {
		mb.mu.Lock()
		if mb.retired {
			mb.mu.Unlock()
			return nil
		}
		changed := make(chan struct{})
		mb.idlers = append(mb.idlers, changed)
		mb.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// leave runs with the baton of epoch, unless a reset has taken that meanwhile.
func (mb *Mailbox) leave(reason StopReason, retire bool, epoch uint64) {
	mb.mu.Lock()
	l := mb.life
	tell := l != nil && l.built && !l.stopped
	mb.mu.Unlock()
	if tell {
		keep, next := mb.stop(l, reason, retire, epoch)
		if !keep {
			return
		}
		epoch = next
	}
	l, left := mb.part(epoch)
	if !left {
		return
	}
	err := mb.closeStorage(l)
	stays := err != nil || mb.stays != nil && mb.stays()
	mb.mu.Lock()
	gone := mb.present == 0 && len(mb.visits) == 0 && (!stays || retire)
	mb.gone = gone
	if gone {
		mb.busy = false
	}
	mb.mu.Unlock()
	if gone {
		mb.host.Retired()
	}
	mb.mu.Lock()
	mb.retired = gone
	mb.wakeIdlersLocked()
	mb.mu.Unlock()
	if !gone {
		mb.work(epoch)
	}
}

// part ends the mailbox's life, if it has one, before its storage is closed: nothing can
// reset it then, and so nothing takes the baton away. False if the baton of epoch has gone.
func (mb *Mailbox) part(epoch uint64) (l *Life, left bool) {
	mb.mu.Lock()
	if mb.epoch != epoch {
		mb.mu.Unlock()
		return nil, false
	}
	l = mb.life
	if l == nil {
		mb.mu.Unlock()
		return nil, true
	}
	l.blocker = nil
	if l.holds > 0 { // Stop asked for WaitUntil work: at the next quiet moment, then
		l.stopped = true
		mb.mu.Unlock()
		mb.work(epoch)
		return l, false
	}
	why := &ResetError{Cause: errLeft}
	l.why.Store(why)
	mb.life = nil
	stopWork, begun := l.stopWork, l.begun
	mb.mu.Unlock()
	if begun {
		mb.host.Fence(l)
	}
	close(l.dead)
	if stopWork != nil {
		stopWork(why)
	}
	if !begun {
		return nil, true // the host has not heard of it
	}
	return l, true
}

// closeStorage has the Host close storage, and once more after a failure, which it recovers
// from then.
func (mb *Mailbox) closeStorage(l *Life) error {
	err := mb.host.Leave(context.Background(), l)
	if err != nil {
		mb.host.Logger().Warn("storage of a leaving object", "cause", err)
		err = mb.watchRecovery(mb.failure(err), func() error { return mb.host.Leave(context.Background(), l) })
	}
	if err != nil {
		mb.host.Logger().Error("storage of a leaving object could not be closed", "cause", err)
	}
	return err
}

// stop runs the instance's Stop as a turn that lets no other event in. It says whether
// the baton is still here, and of which epoch: Stop may have reset the object.
func (mb *Mailbox) stop(l *Life, reason StopReason, retire bool, epoch uint64) (keep bool, next uint64) {
	e := &Event{Internal: true, bound: l, stop: true}
	e.Init(&stopTask{mb.host, l, reason})
	e.done = make(chan struct{}, 1) // nobody waits
	e.SetCaller(context.Background())
	mb.mu.Lock()
	if mb.epoch != epoch {
		mb.mu.Unlock()
		return false, 0
	}
	e.begin()
	e.turn.life = l
	l.push(e)
	l.blocker, e.turn.blocks = &e.turn, 1
	mb.mu.Unlock()
	late := time.AfterFunc(stopTimeout, func() {
		if next, first := mb.reset(l, &ResetError{Cause: errLateStop}); first {
			mb.recover(l)
			mb.leave(reason, retire, next) // it goes on
		}
	})
	defer late.Stop()
	return mb.run(e, epoch)
}

type stopTask struct {
	host   Host
	life   *Life
	reason StopReason
}

func (s *stopTask) Do(ctx context.Context, _ any) error {
	if err := s.host.Stop(ctx, s.life, s.reason); err != nil {
		s.host.Logger().Error("Stop failed", "cause", err)
	}
	return nil
}

func (*stopTask) Drop() {}

// Kill ends whatever the mailbox does with ErrClosed and retires it (T34.12). It comes
// back when storage is closed.
func (mb *Mailbox) Kill(ctx context.Context) {
	why := &ResetError{Cause: ctx.Err(), Closed: true, WholeQueue: true}
	mb.mu.Lock()
	mb.killed = why
	l := mb.life
	waiting := mb.takeQueueLocked()
	mb.mu.Unlock()
	for _, e := range waiting {
		e.refuse(why)
	}
	if l != nil {
		mb.Reset(l, why)
	}
	_ = mb.Leave(context.Background(), StopClose, true) // no error without a ctx that ends
}

// WaitQuiet waits for a moment in which nothing runs, waits or is held.
func (mb *Mailbox) WaitQuiet(ctx context.Context) error {
	mb.mu.Lock()
	if mb.gone || mb.quietLocked() {
		mb.mu.Unlock()
		return nil
	}
	quiet := make(chan struct{})
	mb.idlers = append(mb.idlers, quiet)
	mb.mu.Unlock()
	select {
	case <-quiet:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
