package actor_test

import (
	"context"
	"io"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"sync"
	"time"

	"github.com/durablego/do/internal/actor"
	"github.com/durablego/do/internal/doerr"
	"github.com/durablego/do/internal/gate"
)

// slot is one object id of the stress test: it outlives mailboxes, and sees whether
// anything happens twice at once.
type slot struct {
	s *stress

	mu      sync.Mutex // guards following
	present *shost
	user    *shost      // has storage open
	turn    *actor.Turn // that is live
	writer  *actor.Life // has written since its commit point
	closed  bool
}

// cell gives the slot's present object, made if there is none.
func (sl *slot) cell() *shost {
	sl.mu.Lock()
	defer sl.mu.Unlock()
	if sl.closed {
		return nil
	}
	if sl.present == nil {
		h := &shost{slot: sl, fenced: map[*actor.Life]bool{}, rng: sl.s.rand()}
		h.mb = actor.New(actor.Options{
			Host: h, Gate: &h.gate, QueueLimit: 20, BlockTimeout: 30 * time.Second,
			Answers: &sl.s.answers, Workers: &sl.s.workers, Hidden: hiddenKey{},
		})
		sl.present = h
	}
	return sl.present
}

func (sl *slot) forget(h *shost) {
	sl.mu.Lock()
	defer sl.mu.Unlock()
	if sl.present == h {
		sl.present = nil
	}
}

// enter says that the code of ctx's turn runs; only the live turn may.
func (sl *slot) enter(ctx context.Context) {
	t := actor.From(ctx)
	sl.mu.Lock()
	defer sl.mu.Unlock()
	if t.Life().Why() != nil {
		return // cut off: it does not count as live
	}
	if sl.turn != nil && sl.turn.Life().Why() == nil {
		sl.s.t.Error("two turns at once")
	}
	sl.turn = t
}

func (sl *slot) exit(ctx context.Context) {
	sl.mu.Lock()
	defer sl.mu.Unlock()
	if sl.turn == actor.From(ctx) {
		sl.turn = nil
	}
}

// shost is the Host of the stress test. Everything about it goes wrong now and then.
type shost struct {
	slot *slot
	mb   *actor.Mailbox
	gate gate.Gate

	mu     sync.Mutex // guards following
	rng    *rand.Rand
	fenced map[*actor.Life]bool
	inside string
	broken bool
	syncs  bool // a goroutine opens tickets
}

// sobject is an instance. n is not synchronised: the race detector guards it.
type sobject struct{ n int }

// oneIn is true once in n times.
func (h *shost) oneIn(n int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.rng.IntN(n) == 0
}

// dawdle takes some time, virtual time mostly.
func (h *shost) dawdle(longest time.Duration) {
	h.mu.Lock()
	d, kind := time.Duration(h.rng.Int64N(int64(longest))), h.rng.IntN(3)
	h.mu.Unlock()
	switch kind {
	case 0:
		runtime.Gosched()
	case 1:
		time.Sleep(d)
	}
}

func (h *shost) alone(name string) (leave func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.inside != "" {
		h.slot.s.t.Errorf("%s runs beside %s", name, h.inside)
	}
	h.inside = name
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.inside = ""
	}
}

func (h *shost) Begin(l *actor.Life, first *actor.Event) error {
	defer h.alone("Begin")()
	h.slot.mu.Lock()
	if h.slot.user != nil && h.slot.user != h {
		h.slot.s.t.Error("two mailboxes have storage of one object open")
	}
	h.slot.user = h
	h.slot.mu.Unlock()
	h.dawdle(2 * time.Millisecond)
	if h.oneIn(40) {
		return errBoom
	}
	h.mu.Lock()
	h.broken = false
	h.mu.Unlock()
	l.Host = h
	return nil
}

func (h *shost) Construct(ctx context.Context, l *actor.Life, _ *actor.Event) (any, error) {
	h.slot.enter(ctx)
	defer h.slot.exit(ctx)
	h.write(ctx)
	switch {
	case h.oneIn(20):
		return nil, errBoom
	case h.oneIn(40):
		panic(errBoom)
	case h.oneIn(40):
		runtime.Goexit()
	case h.oneIn(40):
		l.Abort(ctx, errBoom)
	case h.oneIn(60):
		time.Sleep(time.Minute)
	case h.oneIn(4):
		h.slot.exit(ctx)
		if err := await(ctx, func(context.Context) error { h.dawdle(time.Second); return nil }); err != nil {
			return nil, err
		}
		h.slot.enter(ctx)
	}
	return &sobject{}, nil
}

func (h *shost) Stop(ctx context.Context, l *actor.Life, _ actor.StopReason) error {
	l.Instance.(*sobject).n++
	h.write(ctx)
	switch {
	case h.oneIn(20):
		panic(errBoom)
	case h.oneIn(20):
		l.Abort(ctx, errBoom)
	case h.oneIn(20):
		time.Sleep(time.Minute)
	case h.oneIn(5):
		return l.WaitUntil(ctx, func(context.Context) error { h.dawdle(time.Second); return nil })
	case h.oneIn(5):
		return await(ctx, func(context.Context) error { h.dawdle(time.Second); return nil })
	}
	return nil
}

func (h *shost) Commit(l *actor.Life) error {
	h.slot.mu.Lock()
	defer h.slot.mu.Unlock()
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.fenced[l]:
		return doerr.ErrReset
	case h.broken:
		return errBoom
	case h.slot.writer == nil:
		return nil
	case h.slot.writer != l:
		h.slot.s.t.Error("a commit of another instance's writes")
	}
	h.slot.writer = nil
	if h.rng.IntN(200) == 0 {
		h.broken = true
		return errBoom
	}
	h.gate.Take()
	if !h.syncs {
		h.syncs = true
		go h.sync()
	}
	return nil
}

// sync opens tickets, or breaks them.
func (h *shost) sync() {
	for {
		newest := h.gate.Newest()
		h.dawdle(time.Millisecond)
		if h.oneIn(200) {
			h.mu.Lock()
			h.broken = true
			h.mu.Unlock()
			h.gate.Break(errBoom)
			h.mb.ResetAny(&actor.ResetError{Cause: errBoom, Storage: true})
		}
		h.gate.Open(newest)
		h.mu.Lock()
		if h.gate.Newest() == newest {
			h.syncs = false
			h.mu.Unlock()
			return
		}
		h.mu.Unlock()
	}
}

// write is what user code does to storage.
func (h *shost) write(ctx context.Context) {
	l := life(ctx)
	h.slot.mu.Lock()
	defer h.slot.mu.Unlock()
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.fenced[l] || l.Check(ctx) != nil {
		return
	}
	if w := h.slot.writer; w != nil && w != l {
		h.slot.s.t.Error("two instances write")
	}
	h.slot.writer = l
}

func (h *shost) InTransaction(*actor.Life) bool { return false }

func (h *shost) Leave(context.Context, *actor.Life) error {
	defer h.alone("Leave")()
	h.dawdle(time.Second)
	if h.oneIn(10) {
		return errBoom
	}
	h.gate.Open(h.gate.Newest())
	h.slot.mu.Lock()
	defer h.slot.mu.Unlock()
	if h.slot.user == h {
		h.slot.user = nil
	}
	return nil
}

func (h *shost) Chore() func() {
	if !h.oneIn(30) {
		return nil
	}
	return func() {
		defer h.alone("Chore")()
		h.dawdle(time.Second)
	}
}

func (h *shost) Fence(l *actor.Life) {
	h.slot.mu.Lock()
	defer h.slot.mu.Unlock()
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.fenced[l] || l.Host != h {
		h.slot.s.t.Error("Fence twice, or before Begin")
	}
	h.fenced[l] = true
}

func (h *shost) Recover(l *actor.Life, _ *actor.ResetError) error {
	defer h.alone("Recover")()
	h.dawdle(2 * time.Second)
	h.slot.mu.Lock()
	if h.slot.writer == l {
		h.slot.writer = nil
	}
	h.slot.mu.Unlock()
	if h.oneIn(30) {
		return errBoom
	}
	h.mu.Lock()
	h.broken = false
	h.mu.Unlock()
	h.gate.Break(errBoom)
	h.gate.Open(h.gate.Take())
	return nil
}

// destroy is the work of a fence: no instance is there.
func (h *shost) destroy(l *actor.Life) {
	defer h.alone("destroy")()
	if l != nil && l.Why() == nil {
		h.slot.s.t.Error("the life of before is not over")
	}
	h.dawdle(time.Second)
	h.gate.Open(h.gate.Newest())
	h.slot.mu.Lock()
	defer h.slot.mu.Unlock()
	if h.slot.writer != nil {
		h.slot.s.t.Error("something that was written is not committed")
	}
}

func (h *shost) Quiet() {
	if h.oneIn(3) {
		h.mb.TryLeave(actor.StopIdle)
	}
}

func (h *shost) Retired() {
	h.slot.mu.Lock()
	if h.slot.user == h {
		h.slot.user = nil
	}
	h.slot.mu.Unlock()
	h.slot.s.retired.Add(1)
	h.slot.forget(h)
}

func (h *shost) Logger() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }
