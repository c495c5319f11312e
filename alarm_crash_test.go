package do_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
	"github.com/durablego/do/internal/bridge"
	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/disk/disktest"
)

// TestA5PowerCuts: alarms under power cuts, failing syncs and failing commits at random
// moments. One that was answered for runs at least once, none early, and none again once the
// answer to its success was durable: a run's mark is kept with the removal of its alarm (A5,
// A6, A8.10, A10, A15).
func TestA5PowerCuts(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { powerCuts(t, rand.New(rand.NewPCG(seed, 0))) })
		})
	}
}

// wishes are the alarms of some objects, each with a number of its own, by those who set them.
type wishes struct {
	t               *testing.T
	env             *dotest.Runtime
	w               *clocks
	answered, asked map[string]int // the numbers of the last ones
	dropped         map[string]int // … of those that were deleted
}

// newWishes has each run of an alarm leave a mark in its transaction. It is for a bubble.
func newWishes(t *testing.T, env *dotest.Runtime, w *clocks) *wishes {
	w.handle = func(ctx context.Context, c *clock, _ do.AlarmInfo) error {
		n, err := c.Total(ctx)
		if err != nil {
			return err
		}
		mark := fmt.Sprint("ran ", n)
		again, err := c.state.KV().Get(ctx, mark, nil)
		if err != nil {
			return err // a reset, by a commit of before that failed
		}
		if again {
			w.say(mark + " again")
		}
		return c.state.KV().Put(ctx, mark, true) // with the removal of the alarm, or not at all
	}
	return &wishes{t, env, w, map[string]int{}, map[string]int{}, map[string]int{}}
}

// set sets the next alarm of an object.
func (h *wishes) set(name string, in time.Duration) {
	h.asked[name]++
	n := h.asked[name]
	err := dotest.RunInObject(h.env, clockOf(h.env, name), func(ctx context.Context, c *clock, state *do.State) error {
		if err := c.state.KV().Put(ctx, "total", n); err != nil {
			return err
		}
		return state.Storage().SetAlarm(ctx, time.Now().Add(in))
	})
	if err == nil {
		h.answered[name] = n
	}
}

// drop deletes the alarm of an object. If that is refused, the alarm has to run.
func (h *wishes) drop(name string) {
	err := dotest.RunInObject(h.env, clockOf(h.env, name), func(ctx context.Context, _ *clock, state *do.State) error {
		return state.Storage().DeleteAlarm(ctx)
	})
	if err == nil {
		h.dropped[name] = h.asked[name]
	}
}

// check wants, some time after all were due, that the last one of each object has run, if it
// was answered for or is there nevertheless, and that none ran early or after its success.
func (h *wishes) check() {
	h.t.Helper()
	for name := range h.asked {
		wantAlarm(h.t, h.env, h.w, name, "none")
		wantNil(h.t, dotest.RunInObject(h.env, clockOf(h.env, name), func(ctx context.Context, c *clock, _ *do.State) error {
			n, err := c.Total(ctx)
			if n < h.answered[name] || n > h.asked[name] {
				h.t.Errorf("%s: alarm %d was set last, answered for was %d of %d", name, n, h.answered[name], h.asked[name])
			}
			if ok, gerr := c.state.KV().Get(ctx, fmt.Sprint("ran ", n), nil); n > h.dropped[name] && !ok || gerr != nil {
				h.t.Errorf("%s: alarm %d did not run: %v", name, n, gerr)
			}
			return err
		}))
	}
	for _, s := range h.w.said {
		if s == "early" || strings.Contains(s, "again") {
			h.t.Errorf("an alarm ran %s", s)
		}
	}
}

// powerCuts runs in a bubble.
func powerCuts(t *testing.T, rng *rand.Rand) {
	env, w := newClocks(t, do.Options{MaxAlarmRuns: 3, MaxOpenDatabases: 2})
	h := newWishes(t, env, w)
	names := []string{"a", "b", "c", "d", "e"}
	for range 60 {
		name := names[rng.IntN(len(names))]
		in, fault := time.Duration(rng.IntN(4000))*time.Millisecond, rng.IntN(6)
		switch fault {
		case 0:
			env.FailSyncs(clockOf(env, name), 1+rng.IntN(2))
		case 1:
			env.FailCommits(clockOf(env, name), 1+rng.IntN(2))
		}
		h.set(name, in)
		time.Sleep(time.Duration(rng.IntN(1500)) * time.Millisecond) // virtual: in a synctest bubble
		if rng.IntN(5) == 0 {
			env.Crash()
		}
	}
	pass(time.Hour)
	h.check()
}

// TestA5Faults lets the n-th operation of every kind fail, n = 1, 2, … until a whole history of
// alarms meets no fault any more, clean restarts and crashes in it: an alarm that was answered
// for runs, none early and none after its success (A5, A6, A10, A13, A15).
func TestA5Faults(t *testing.T) {
	for _, op := range []disktest.Op{
		disktest.Write, disktest.Sync, disktest.SyncDir, disktest.Open, disktest.Read, disktest.Truncate, disktest.Remove, disktest.Stat,
	} {
		t.Run(op.String(), func(t *testing.T) {
			t.Parallel()
			step := 1
			if raceEnabled {
				step = 5 // the run without the race detector does them all
			}
			for n := 1; n < 1000; n += step {
				fired := false
				t.Run(fmt.Sprint(n), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { fired = faultyAlarms(t, disktest.Fault{Op: op, N: n}) })
				})
				if !fired {
					t.Logf("%d faults", n-1)
					return
				}
			}
		})
	}
}

// faultyAlarms runs in a bubble. It says whether the fault was met.
func faultyAlarms(t *testing.T, fault disktest.Fault) bool {
	faulty := disktest.NewFaulty(noSync{disk.OS()})
	o := do.Options{Logger: (&logged{}).logger()}
	env, w := newClocksOn(t, o, bridge.Config{FS: faulty, SegmentBytes: int64(fault.N % 2 * 16 << 10)})
	h := newWishes(t, env, w)
	h.set("a", 5*time.Second)
	fault.Match = func(name string) bool { return !strings.Contains(name, "catalog") }
	faulty.Fail(fault)
	h.set("b", 2*time.Second)
	h.set("b", 7*time.Second)
	h.set("a", time.Second)
	h.set("c", 3*time.Second)
	pass(4 * time.Second)
	evictAlarms(t, env, "b")
	h.set("a", 20*time.Second)
	h.set("e", 10*time.Second)
	h.drop("e")
	h.set("d", 10*time.Second)
	h.set("d", 8*time.Second)
	pass(10 * time.Minute)
	fired := faulty.Fired() > 0
	faulty.Clear()
	h.check() // without help of a new beginning
	h.set("a", 2*time.Second)
	h.set("d", time.Hour)
	env.Crash()
	pass(10 * time.Second)
	h.set("b", time.Second)
	env.Restart()
	pass(2 * time.Hour)
	h.check()
	return fired
}

// evictAlarms takes an object out of memory if the disk lets it go.
func evictAlarms(t *testing.T, env *dotest.Runtime, name string) {
	t.Helper()
	if err := env.Evict(clockOf(env, name)); err != nil && !errors.Is(err, do.ErrNotRunning) && !errors.Is(err, syscall.EIO) {
		t.Errorf("Evict = %v", err)
	}
}

var manyAlarms = flag.Int("alarms", 0, "TestManyAlarms: 10,000 alarms on 1,000 objects, and so many at a restart; prints rates")

// TestManyAlarms prints how fast alarms run. -alarms=20000 turns it on.
func TestManyAlarms(t *testing.T) {
	if *manyAlarms == 0 {
		t.Skip("it measures for a minute and needs -alarms=20000")
	}
	w := &clocks{began: time.Now()}
	var ran, early atomic.Int64
	s := do.NewScript("main")
	do.RegisterIn(s, do.Class[*counted]{Binding: "X", New: func(_ context.Context, state *do.State, _ *do.Env) (*counted, error) {
		return &counted{clock{box{state: state}, w}, &ran, &early}, nil
	}})
	o := do.Options{Dir: t.TempDir(), Scripts: []*do.Script{s}}
	rt, err := do.Open(o)
	wantNil(t, err)
	all := func(what string, n int, in time.Duration) {
		began := time.Now()
		var wg sync.WaitGroup
		for i := range 64 {
			wg.Go(func() {
				for k := i; k < n; k += 64 {
					if _, err := do.Call(t.Context(), rt.Namespace("X").GetByName(fmt.Sprint(k)), (*counted).At, began.Add(in)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		t.Logf("%s: %d set in %v", what, n, time.Since(began).Round(time.Millisecond))
		if in < time.Hour {
			<-time.After(time.Until(began.Add(in)))
		}
	}
	wait := func(n int64) {
		began := time.Now()
		for ran.Load() < n {
			<-time.After(time.Millisecond)
		}
		d := time.Since(began)
		t.Logf("%d ran in %v, %.0f/s, early %d", ran.Load(), d.Round(time.Millisecond), float64(ran.Load())/d.Seconds(), early.Load())
		if ran.Swap(0) != n || early.Load() != 0 {
			t.Errorf("want %d runs and none early", n)
		}
	}
	for range 10 {
		all("at once", 1000, 2*time.Second)
		wait(1000)
	}
	all("restart", *manyAlarms, 10*time.Second)
	wantNil(t, rt.Close(t.Context()))
	began := time.Now()
	rt, err = do.Open(o)
	wantNil(t, err)
	t.Logf("Open with overdue alarms: %v", time.Since(began).Round(time.Microsecond))
	wait(int64(*manyAlarms))
	wantNil(t, rt.Close(t.Context()))
}

// counted counts its runs.
type counted struct {
	clock
	ran, early *atomic.Int64
}

// At sets the alarm.
func (c *counted) At(ctx context.Context, at time.Time) (bool, error) {
	return true, c.state.Storage().SetAlarm(ctx, at)
}

// Alarm implements do.Alarmer.
func (c *counted) Alarm(_ context.Context, info do.AlarmInfo) error {
	if time.Now().Before(info.ScheduledTime) {
		c.early.Add(1)
	}
	c.ran.Add(1)
	return nil
}
