package actor_test

import (
	"context"
	"errors"
	"flag"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/durablego/do/internal/actor"
	"github.com/durablego/do/internal/doerr"
)

var (
	stressRounds = flag.Int("stress", 60, "rounds of the stress test")
	stressSeed   = flag.Uint64("stress.seed", 0, "seed of its first round; 0: any")
)

// TestStress does everything at once to 8 objects, from 64 goroutines: waits, panics,
// Goexit, aborts, evictions, hang-ups, blocked sections, Runs, WaitUntil work, failing
// storage and Kill. Promises 1 and 3 of the design, T1–T5, T34, L1–L14: no two turns at once, one
// writer at a time, every event is answered once and as it was meant, storage is never
// used twice at once, and at the end nothing is left; the bubble sees who waits for ever.
func TestStress(t *testing.T) {
	seed := *stressSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	for range *stressRounds {
		synctest.Test(t, func(t *testing.T) {
			newStress(t, seed).run()
		})
		if t.Failed() {
			t.Fatalf("go test -run TestStress -stress=1 -stress.seed=%d", seed)
		}
		seed++
	}
}

type stress struct {
	t       *testing.T
	answers actor.Answers
	workers actor.Workers
	slots   [8]slot
	retired atomic.Int64

	mu     sync.Mutex // guards following
	rng    *rand.Rand
	events []*sevent
}

func newStress(t *testing.T, seed uint64) *stress {
	s := &stress{t: t, rng: rand.New(rand.NewPCG(seed, 1))}
	for i := range s.slots {
		s.slots[i].s = s
	}
	return s
}

// rand makes a source for one goroutine.
func (s *stress) rand() *rand.Rand {
	s.mu.Lock()
	defer s.mu.Unlock()
	return rand.New(rand.NewPCG(s.rng.Uint64(), 2))
}

func (s *stress) run() {
	kill := s.rand().IntN(2) == 0
	var callers, pests sync.WaitGroup
	for range 64 {
		rng := s.rand()
		callers.Go(func() {
			for range 30 {
				s.call(context.Background(), rng, 2)
				if rng.IntN(4) == 0 {
					time.Sleep(time.Duration(rng.Int64N(int64(time.Second))))
				}
			}
		})
	}
	stop := make(chan struct{})
	for i := range s.slots {
		rng := s.rand()
		pests.Go(func() { s.pester(&s.slots[i], rng, stop) })
	}
	if !kill {
		callers.Wait()
	} else {
		time.Sleep(2 * time.Second)
	}
	for i := range s.slots {
		sl := &s.slots[i]
		sl.mu.Lock()
		sl.closed = kill
		h := sl.present
		sl.mu.Unlock()
		if kill && h != nil {
			h.mb.Kill(canceled())
		}
	}
	callers.Wait()
	close(stop)
	pests.Wait()
	for i := range s.slots {
		if h := s.slots[i].cell(); h != nil && !kill {
			if err := h.mb.Leave(context.Background(), actor.StopClose, true); err != nil {
				s.t.Errorf("Leave = %v", err)
			}
		} else if kill && s.slots[i].present != nil {
			s.t.Error("a killed object is still there")
		}
	}
	s.workers.Close()
	time.Sleep(10 * time.Minute) // whatever still runs, ends
	synctest.Wait()
	s.check()
}

// check looks at every event when all is over.
func (s *stress) check() {
	kinds := map[string]int{}
	for _, e := range s.events {
		handed := e.answer == nil || e.FromTask()
		kinds[kindOf(e)]++
		switch drops := e.drops.Load(); {
		case drops > 1, drops == 1 && (handed || !e.returned), drops == 0 && e.returned && !handed:
			s.t.Errorf("answer %v was dropped %d times; the task returned: %v", e.answer, drops, e.returned)
		}
		if e.returned && !e.began {
			s.t.Error("an event ran twice, or not at all")
		}
	}
	s.t.Logf("%d events, %d mailboxes: %v", len(s.events), s.retired.Load(), kinds)
	for _, kind := range []string{"ok", "error", "reset", "gave up"} {
		if kinds[kind] == 0 {
			s.t.Errorf("no event ended with %q: the test tests less than it should", kind)
		}
	}
}

func kindOf(e *sevent) string {
	switch err := e.answer; {
	case err == nil:
		return "ok"
	case e.FromTask():
		return "error"
	case errors.Is(err, doerr.ErrReset):
		return "reset"
	case errors.Is(err, doerr.ErrClosed):
		return "closed"
	case errors.Is(err, doerr.ErrOverloaded):
		return "overloaded"
	case errors.Is(err, doerr.ErrDeadlock):
		return "deadlock"
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return "gave up"
	}
	return "unknown: " + e.answer.Error()
}

// call posts an event to some object and looks at its answer.
func (s *stress) call(ctx context.Context, rng *rand.Rand, depth int) {
	sl := &s.slots[rng.IntN(len(s.slots))]
	if rng.IntN(3) == 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(rng.Int64N(int64(300*time.Millisecond))))
		defer cancel()
		if rng.IntN(4) == 0 {
			go cancel()
		}
	}
	e := &sevent{s: s, slot: sl, rng: s.rand(), depth: depth, own: errors.New("its own error")}
	e.Init(e)
	e.SetCaller(ctx)
	for {
		h := sl.cell()
		if h == nil {
			return
		}
		e.host = h
		err := h.mb.Do(ctx, &e.Event)
		if err == actor.ErrGone {
			sl.forget(h)
			runtime.Gosched()
			continue
		}
		if err == nil && !e.returned || e.FromTask() && err != e.own && !e.chained {
			s.t.Errorf("answered with %v, although the task returned: %v", err, e.returned)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		e.answer = err
		s.events = append(s.events, e)
		return
	}
}

// pester does to an object what runtimes do.
func (s *stress) pester(sl *slot, rng *rand.Rand, stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case <-time.After(time.Duration(rng.Int64N(int64(400 * time.Millisecond)))):
		}
		h := sl.cell()
		if h == nil {
			continue
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		switch rng.IntN(8) {
		case 0:
			h.mb.TryLeave(actor.StopIdle)
		case 1:
			_ = h.mb.Leave(ctx, actor.StopIdle, rng.IntN(2) == 0)
		case 2:
			_ = h.mb.WaitQuiet(ctx)
		case 3:
			h.mb.ResetAny(&actor.ResetError{Cause: errBoom})
		case 4:
			_ = h.mb.Between(ctx, func(*actor.Life) {
				defer h.alone("between")()
				h.dawdle(time.Second)
			})
		case 5:
			_ = h.mb.Fenced(ctx, h.destroy)
		default:
			h.mb.TryExclusive(func() {
				defer h.alone("exclusive")()
				h.dawdle(time.Second)
			})
		}
		cancel()
	}
}
