package do_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
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

// powerCuts runs in a bubble.
func powerCuts(t *testing.T, rng *rand.Rand) {
	env, w := newClocks(t, do.Options{MaxAlarmRuns: 3, MaxOpenDatabases: 2})
	w.handle = func(ctx context.Context, c *clock, _ do.AlarmInfo) error {
		n, err := c.Total(ctx)
		if err != nil {
			return err
		}
		return c.state.KV().Put(ctx, fmt.Sprint("ran ", n), true) // with the removal, or not at all
	}
	names := []string{"a", "b", "c", "d", "e"}
	answered, asked := map[string]int{}, map[string]int{}
	for range 60 {
		name := names[rng.IntN(len(names))]
		in, fault := time.Duration(rng.IntN(4000))*time.Millisecond, rng.IntN(6)
		switch fault {
		case 0:
			env.FailSyncs(clockOf(env, name), 1+rng.IntN(2))
		case 1:
			env.FailCommits(clockOf(env, name), 1+rng.IntN(2))
		}
		asked[name]++
		n := asked[name]
		err := dotest.RunInObject(env, clockOf(env, name), func(ctx context.Context, c *clock, state *do.State) error {
			if err := c.state.KV().Put(ctx, "total", n); err != nil {
				return err
			}
			return state.Storage().SetAlarm(ctx, time.Now().Add(in))
		})
		if err == nil {
			answered[name] = n
		}
		time.Sleep(time.Duration(rng.IntN(1500)) * time.Millisecond)
		if rng.IntN(5) == 0 {
			env.Crash()
		}
	}
	pass(time.Hour)
	for _, name := range names {
		wantAlarm(t, env, w, name, "none")
		wantNil(t, dotest.RunInObject(env, clockOf(env, name), func(ctx context.Context, c *clock, _ *do.State) error {
			n, err := c.Total(ctx)
			if n < answered[name] || n > asked[name] {
				t.Errorf("%s: alarm %d was set last, answered for was %d of %d", name, n, answered[name], asked[name])
			}
			if ok, gerr := c.state.KV().Get(ctx, fmt.Sprint("ran ", n), nil); n > 0 && !ok || gerr != nil {
				t.Errorf("%s: alarm %d did not run: %v", name, n, gerr)
			}
			return err
		}))
	}
	for _, s := range w.said {
		if s == "early" {
			t.Error("an alarm ran early")
		}
	}
}

var manyAlarms = flag.Int("alarms", 0, "TestManyAlarms: 10,000 alarms on 1,000 objects, and so many at a restart; prints rates")

// TestManyAlarms prints how fast alarms run. -alarms=20000 turns it on.
func TestManyAlarms(t *testing.T) {
	if *manyAlarms == 0 {
		t.Skip("-alarms is 0")
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
