package do_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
	"github.com/durablego/do/internal/bridge"
)

// clock is an object with alarms, whose handler is a function of the test.
type clock struct {
	box
	w *clocks
}

// clocks is what the instances of a test have in common.
type clocks struct {
	journal
	began  time.Time
	handle func(ctx context.Context, c *clock, info do.AlarmInfo) error
	build  func(ctx context.Context, c *clock) error

	scripts []*do.Script
}

// Alarm implements do.Alarmer.
func (c *clock) Alarm(ctx context.Context, info do.AlarmInfo) error {
	late := time.Since(info.ScheduledTime)
	if late < 0 {
		c.w.say("early")
	}
	c.w.say(fmt.Sprintf("%v#%d", info.ScheduledTime.Sub(c.w.began).Round(time.Second), info.RetryCount))
	if info.IsRetry != (info.RetryCount > 0) {
		c.w.say("IsRetry is wrong")
	}
	if c.w.handle != nil {
		return c.w.handle(ctx, c, info)
	}
	return nil
}

// newClocks gives a runtime of clocks, in a bubble.
func newClocks(t *testing.T, o do.Options) (*dotest.Runtime, *clocks) {
	return newClocksOn(t, o, bridge.Config{})
}

func newClocksOn(t *testing.T, o do.Options, b bridge.Config) (*dotest.Runtime, *clocks) {
	w := &clocks{began: time.Now()}
	s := do.NewScript("main")
	do.RegisterIn(s, do.Class[*clock]{Binding: "CLOCK", New: func(ctx context.Context, state *do.State, env *do.Env) (*clock, error) {
		c := &clock{box{state: state, env: env}, w}
		if w.build != nil {
			return c, w.build(ctx, c)
		}
		return c, nil
	}})
	do.RegisterIn(s, class(nil))
	w.scripts = []*do.Script{s}
	o.Scripts = w.scripts
	return dotest.NewWith(t, dotest.Options{Runtime: o}, b), w
}

func ticking(t *testing.T, f func(t *testing.T, env *dotest.Runtime, w *clocks)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		env, w := newClocks(t, do.Options{})
		f(t, env, w)
	})
}

func clockOf(env *dotest.Runtime, name string) *do.Stub {
	return env.Namespace("CLOCK").GetByName(name)
}

// in runs fn as an event of a clock.
func in(t *testing.T, env *dotest.Runtime, name string, fn func(ctx context.Context, s *do.Storage) error) {
	t.Helper()
	wantNil(t, dotest.RunInObject(env, clockOf(env, name), func(ctx context.Context, _ *clock, state *do.State) error {
		return fn(ctx, state.Storage())
	}))
}

func setAlarm(t *testing.T, env *dotest.Runtime, name string, d time.Duration) {
	t.Helper()
	in(t, env, name, func(ctx context.Context, s *do.Storage) error { return s.SetAlarm(ctx, time.Now().Add(d)) })
}

// wantAlarm checks what Alarm gives, relative to the beginning.
func wantAlarm(t *testing.T, env *dotest.Runtime, w *clocks, name, want string) {
	t.Helper()
	in(t, env, name, func(ctx context.Context, s *do.Storage) error {
		at, ok, err := s.Alarm(ctx)
		got := "none"
		if ok {
			got = at.Sub(w.began).Round(time.Second).String()
		}
		if got != want {
			t.Errorf("Alarm = %s, want %s", got, want)
		}
		return err
	})
}

func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// TestA1Alarm: an alarm runs at its time, once, though the object has left memory, and knows
// its name (A1, A9.1, A10, A19); Objects shows it (D6, L17).
func TestA1Alarm(t *testing.T) {
	ticking(t, func(t *testing.T, env *dotest.Runtime, w *clocks) {
		w.handle = func(_ context.Context, c *clock, _ do.AlarmInfo) error {
			w.say(c.state.ID().Name())
			return nil
		}
		setAlarm(t, env, "x", time.Hour)
		wantAlarm(t, env, w, "x", "1h0m0s")
		pass(time.Hour - time.Nanosecond)
		w.want(t, "")
		o := env.Objects(env.Namespace("CLOCK"))
		if len(o) != 1 || o[0].Alarm.Sub(w.began) != time.Hour || o[0].Dead {
			t.Errorf("Objects = %+v", o)
		}
		pass(time.Nanosecond)
		w.want(t, "1h0m0s#0 x")
		wantAlarm(t, env, w, "x", "none")
		pass(10 * time.Hour)
		w.want(t, "1h0m0s#0 x")
	})
}

// TestA2Times: the range, the past, and the stored time again.
func TestA2Times(t *testing.T) {
	ticking(t, func(t *testing.T, env *dotest.Runtime, w *clocks) {
		in(t, env, "x", func(ctx context.Context, s *do.Storage) error {
			last := time.Date(2262, 4, 11, 23, 47, 16, 854775807, time.UTC)
			for _, at := range []time.Time{{}, time.Unix(0, 0), last.Add(1), time.Unix(-1, 0)} {
				wantErr(t, at.String(), s.SetAlarm(ctx, at), do.ErrInvalidAlarm)
			}
			wantNil(t, s.SetAlarm(ctx, last))
			if at, _, _ := s.Alarm(ctx); !at.Equal(last) || at.Location() != time.UTC {
				t.Errorf("Alarm = %v, want %v", at, last)
			}
			wantNil(t, s.SetAlarm(ctx, time.Now().Add(time.Hour+time.Nanosecond)))
			wantNil(t, s.SetAlarm(ctx, time.Unix(0, 1)))
			if at, _, _ := s.Alarm(ctx); !at.Equal(time.Now()) {
				t.Errorf("Alarm of the past = %v, want now", at)
			}
			return nil
		})
		synctest.Wait()
		w.want(t, "0s#0")
	})
}

// TestA3NoHandler: a class without Alarm.
func TestA3NoHandler(t *testing.T) {
	ticking(t, func(t *testing.T, env *dotest.Runtime, _ *clocks) {
		err := run(env, named(env, "x"), func(ctx context.Context, b *box) error {
			return b.state.Storage().SetAlarm(ctx, time.Now().Add(time.Hour))
		})
		wantErr(t, "SetAlarm", err, do.ErrNoAlarmHandler)
	})
}

// TestA8InTheHandler is the table of A8, and A4, A7: what a handler does about alarms, how it
// ends, and what is left.
func TestA8InTheHandler(t *testing.T) {
	set := func(ctx context.Context, c *clock, d time.Duration) error {
		return c.state.Storage().SetAlarm(ctx, c.w.began.Add(d))
	}
	nothing := func(context.Context, *clock) error { return nil }
	for _, c := range []struct {
		name  string
		first func(ctx context.Context, c *clock) error
		then  string // how the first run ends
		runs  string
	}{
		{"A8.1", nothing, "nil", "1m0s#0"},
		{"A8.2 error", nothing, "error", "1m0s#0 1m0s#1"},
		{"A8.2 panic", nothing, "panic", "1m0s#0 1m0s#1"},
		{"A8.2 Abort", nothing, "abort", "1m0s#0 1m0s#1"},
		{"A8.3", func(ctx context.Context, c *clock) error { return set(ctx, c, 5*time.Minute) }, "nil", "1m0s#0 5m0s#0"},
		{"A8.4", func(ctx context.Context, c *clock) error { return set(ctx, c, 5*time.Minute) }, "error", "1m0s#0 5m0s#0"},
		{"A8.5", func(ctx context.Context, c *clock) error { return set(ctx, c, time.Minute) }, "nil", "1m0s#0 1m0s#0"},
		{"A8.5 now", func(ctx context.Context, c *clock) error { return c.state.Storage().SetAlarm(ctx, time.Now()) }, "nil", "1m0s#0 1m0s#0"},
		{"A8.6", func(ctx context.Context, c *clock) error { return set(ctx, c, 5*time.Minute) }, "panic", "1m0s#0 1m0s#1"},
		{"A8.6 committed", func(ctx context.Context, c *clock) error {
			return errors.Join(set(ctx, c, 5*time.Minute), c.state.Storage().Sync(ctx))
		}, "panic", "1m0s#0 5m0s#0"},
		{"A8.7 nil", func(ctx context.Context, c *clock) error { return c.state.Storage().DeleteAlarm(ctx) }, "nil", "1m0s#0"},
		{"A8.7 error", func(ctx context.Context, c *clock) error { return c.state.Storage().DeleteAlarm(ctx) }, "error", "1m0s#0"},
		{"A8.7 set, deleted", func(ctx context.Context, c *clock) error {
			return errors.Join(set(ctx, c, 5*time.Minute), c.state.Storage().DeleteAlarm(ctx))
		}, "error", "1m0s#0"},
		{"A8.7 DeleteAll, K25", func(ctx context.Context, c *clock) error {
			return errors.Join(set(ctx, c, 5*time.Minute), c.state.Storage().DeleteAll(ctx))
		}, "error", "1m0s#0"},
		{"A8.8 set", func(ctx context.Context, c *clock) error {
			_ = c.state.Storage().Transaction(ctx, func(ctx context.Context) error {
				return errors.Join(set(ctx, c, 5*time.Minute), errBoom)
			})
			return nil
		}, "nil", "1m0s#0"},
		{"A8.8 delete", func(ctx context.Context, c *clock) error {
			_ = c.state.Storage().Transaction(ctx, func(ctx context.Context) error {
				return errors.Join(c.state.Storage().DeleteAlarm(ctx), errBoom)
			})
			return nil
		}, "error", "1m0s#0 1m0s#1"},
		{"A8.9", func(ctx context.Context, c *clock) error {
			return c.state.Await(ctx, func(ctx context.Context) error {
				return c.state.Run(context.Background(), func(ctx context.Context) error { return set(ctx, c, 5*time.Minute) })
			})
		}, "error", "1m0s#0 5m0s#0"},
		{"A8.11", nothing, "no retry", "1m0s#0"},
		{"A8.11 Abort", nothing, "abort, no retry", "1m0s#0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ticking(t, func(t *testing.T, env *dotest.Runtime, w *clocks) {
				runs := 0
				w.handle = func(ctx context.Context, k *clock, _ do.AlarmInfo) error {
					if at, ok, err := k.state.Storage().Alarm(ctx); ok || err != nil {
						t.Errorf("Alarm in the handler = %v, %v, want none (A7)", at, err)
					}
					if runs++; runs > 1 {
						return nil
					}
					wantNil(t, c.first(ctx, k))
					switch c.then {
					case "error":
						return errBoom
					case "panic":
						panic(errBoom)
					case "abort":
						k.state.Abort(ctx, errBoom)
					case "no retry":
						return fmt.Errorf("%w: no", do.ErrNoRetry)
					case "abort, no retry":
						k.state.Abort(ctx, fmt.Errorf("%w: no", do.ErrNoRetry))
					}
					return nil
				}
				setAlarm(t, env, "x", time.Minute)
				pass(time.Hour)
				w.want(t, c.runs)
			})
		})
	}
}

// TestA12Retries: six retries with their delays, then it is dead, listed, and comes back with
// SetAlarm (A7, A12, A14, A16, N16).
func TestA12Retries(t *testing.T) {
	ticking(t, func(t *testing.T, env *dotest.Runtime, w *clocks) {
		var times []time.Time
		w.handle = func(context.Context, *clock, do.AlarmInfo) error {
			times = append(times, time.Now())
			return errBoom
		}
		setAlarm(t, env, "x", time.Minute)
		pass(time.Minute + time.Second)
		wantAlarm(t, env, w, "x", "1m0s") // between retries: the old time (A7)
		pass(time.Hour)
		if len(times) != 7 {
			t.Fatalf("%d runs, want 7", len(times))
		}
		for i := 1; i < 7; i++ {
			low := time.Second << i
			if got := times[i].Sub(times[i-1]); got < low || got > low+low/4 {
				t.Errorf("delay %d = %v, want %v to %v", i, got, low, low+low/4)
			}
		}
		wantAlarm(t, env, w, "x", "none")
		for range 2 { // also behind a restart
			o := env.Objects(env.Namespace("CLOCK"))
			if len(o) != 1 || !o[0].Dead || o[0].Alarm.Sub(w.began) != time.Minute {
				t.Errorf("Objects = %+v, want it dead", o)
			}
			env.Restart()
			pass(time.Hour)
		}
		if len(times) != 7 {
			t.Errorf("%d runs, want 7: the alarm is dead", len(times))
		}
		w.handle = nil
		setAlarm(t, env, "x", time.Minute)
		pass(time.Hour)
		if o := env.Objects(env.Namespace("CLOCK")); len(o) != 0 && (o[0].Dead || !o[0].Alarm.IsZero()) {
			t.Errorf("Objects = %+v, want no alarm", o)
		}
	})
}
