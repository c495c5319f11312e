package do_test

import (
	"bytes"
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
)

// TestA9Truth: what runs is what the object's database has when the schedule fires.
// One that is committed counts, durable or not (A9.6).
func TestA9Truth(t *testing.T) {
	ticking(t, func(t *testing.T, env *dotest.Runtime, w *clocks) {
		setAlarm(t, env, "x", time.Minute)
		setAlarm(t, env, "x", 5*time.Minute) // later: A9.3
		setAlarm(t, env, "y", 5*time.Minute)
		setAlarm(t, env, "y", time.Minute) // earlier: A9.2
		setAlarm(t, env, "z", time.Minute)
		in(t, env, "z", func(ctx context.Context, s *do.Storage) error { return s.DeleteAlarm(ctx) }) // A9.4
		setAlarm(t, env, "d", time.Minute)
		wantNil(t, env.Namespace("CLOCK").Delete(t.Context(), clockOf(env, "d").ID())) // L15
		in(t, env, "u", func(ctx context.Context, s *do.Storage) error {               // undone: no alarm
			_ = s.Transaction(ctx, func(ctx context.Context) error {
				return errors.Join(s.SetAlarm(ctx, time.Now().Add(time.Minute)), errBoom)
			})
			return nil
		})
		pass(time.Hour)
		w.want(t, "1m0s#0 5m0s#0")
	})
}

// TestA9NoHandler: a class that is no Alarmer any more: dead at once (A9.5).
func TestA9NoHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		open := func(register func(*do.Script)) *do.Runtime {
			s := do.NewScript("main")
			register(s)
			rt, err := do.Open(do.Options{Dir: dir, Scripts: []*do.Script{s}})
			wantNil(t, err)
			return rt
		}
		w := &clocks{began: time.Now()}
		rt := open(func(s *do.Script) {
			do.RegisterIn(s, do.Class[*clock]{Binding: "X", New: func(_ context.Context, state *do.State, _ *do.Env) (*clock, error) {
				return &clock{box{state: state}, w}, nil
			}})
		})
		_, err := do.Call0(t.Context(), rt.Namespace("X").GetByName("x"), (*clock).Soon)
		wantNil(t, err)
		wantNil(t, rt.Close(t.Context()))
		rt = open(func(s *do.Script) {}) // an orphan: nothing fires (A9.7)
		pass(time.Hour)
		wantNil(t, rt.Close(t.Context()))
		rt = open(func(s *do.Script) { c := class(nil); c.Binding = "X"; do.RegisterIn(s, c) })
		pass(time.Hour)
		for o, err := range rt.Namespace("X").Objects(t.Context(), do.ObjectsOptions{}) {
			if err != nil || !o.Dead {
				t.Errorf("Objects: %+v, %v, want a dead alarm", o, err)
			}
		}
		wantNil(t, rt.Close(t.Context()))
		w.want(t, "")
	})
}

// Soon sets the alarm a minute ahead.
func (c *clock) Soon(ctx context.Context) (bool, error) {
	return true, c.state.Storage().SetAlarm(ctx, time.Now().Add(time.Minute))
}

// TestA18Restart: alarms outlive a restart and a crash; overdue ones run at the start, in the
// order of their times, with RetryCount 0 (A6, A15, A18).
func TestA18Restart(t *testing.T) {
	for name, again := range map[string]func(*dotest.Runtime){"restart": (*dotest.Runtime).Restart, "crash": (*dotest.Runtime).Crash} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				env, w := newClocks(t, do.Options{MaxAlarmRuns: 1})
				fail := true
				w.handle = func(context.Context, *clock, do.AlarmInfo) error {
					if fail {
						return errBoom
					}
					return nil
				}
				setAlarm(t, env, "a", time.Second)
				pass(5 * time.Second)
				w.want(t, "1s#0 1s#1")
				setAlarm(t, env, "c", time.Minute)
				setAlarm(t, env, "b", 30*time.Second)
				setAlarm(t, env, "d", time.Hour)
				fail = false
				again(env)
				pass(2 * time.Hour)
				w.want(t, "1s#0 1s#1 1s#0 35s#0 1m5s#0 1h0m5s#0")
			})
		})
	}
}

// TestA13Failures: failures of the disk are not counted, and retried without end; a good run
// whose removal fails runs again (A8.10). An undone change is not believed (A6).
func TestA13Failures(t *testing.T) {
	ticking(t, func(t *testing.T, env *dotest.Runtime, w *clocks) {
		setAlarm(t, env, "x", time.Minute)
		env.FailCommits(clockOf(env, "x"), 10)
		pass(30 * time.Minute)
		if len(w.said) != 10 {
			t.Errorf("%d runs, want 10", len(w.said))
		}
		w.mu.Lock()
		w.said = nil
		w.mu.Unlock()
		pass(2 * time.Hour)
		w.want(t, "1m0s#0")
		wantAlarm(t, env, w, "x", "none")
	})
	ticking(t, func(t *testing.T, env *dotest.Runtime, w *clocks) {
		setAlarm(t, env, "x", time.Minute)
		env.FailSyncs(clockOf(env, "x"), 1)
		err := dotest.RunInObject(env, clockOf(env, "x"), func(ctx context.Context, _ *clock, s *do.State) error {
			return s.Storage().SetAlarm(ctx, time.Now().Add(time.Hour))
		})
		wantErr(t, "SetAlarm that is not durable", err, do.ErrReset)
		pass(30 * time.Minute)
		w.want(t, "1m0s#0")
		setAlarm(t, env, "x", time.Minute)
		env.FailSyncs(clockOf(env, "x"), 2)
		pass(time.Hour)
		w.want(t, "1m0s#0 31m0s#0 31m0s#0")
		wantAlarm(t, env, w, "x", "none")
	})
}

// TestA16SetWhileRetrying: a new alarm does not wait for the retry of the old one (A16); a
// constructor that fails counts (A13).
func TestA16SetWhileRetrying(t *testing.T) {
	ticking(t, func(t *testing.T, env *dotest.Runtime, w *clocks) {
		w.handle = func(_ context.Context, _ *clock, info do.AlarmInfo) error {
			if info.ScheduledTime.Sub(w.began) < 2*time.Minute {
				return errBoom
			}
			return nil
		}
		setAlarm(t, env, "x", time.Minute)
		pass(time.Minute + 100*time.Second) // the sixth retry is about a minute away
		before := len(w.said)
		setAlarm(t, env, "x", time.Second)
		pass(time.Second)
		if w.said[before] != "2m41s#0" {
			t.Errorf("after SetAlarm: %v", w.said[before:])
		}
	})
	ticking(t, func(t *testing.T, env *dotest.Runtime, w *clocks) {
		var fails atomic.Bool
		var built atomic.Int64
		w.build = func(context.Context, *clock) error {
			if !fails.Load() {
				return nil
			}
			built.Add(1)
			return errBoom
		}
		setAlarm(t, env, "x", time.Hour)
		fails.Store(true)
		pass(2 * time.Hour)
		if o := env.Objects(env.Namespace("CLOCK")); built.Load() != 7 || len(o) != 1 || !o[0].Dead {
			t.Errorf("%d constructors, Objects %+v, want 7, and a dead alarm", built.Load(), o)
		}
	})
}

// TestA17Limit: a run that takes too long is reset, and retried (A17, N15, T34.14).
func TestA17Limit(t *testing.T) {
	ticking(t, func(t *testing.T, env *dotest.Runtime, w *clocks) {
		w.handle = func(ctx context.Context, c *clock, info do.AlarmInfo) error {
			if info.IsRetry {
				return nil
			}
			wantNil(t, c.state.KV().Put(ctx, "kept", 1))
			err := c.state.Await(ctx, func(ctx context.Context) error { <-ctx.Done(); return nil })
			w.say(time.Since(info.ScheduledTime).String())
			return err
		}
		setAlarm(t, env, "x", time.Minute)
		pass(time.Hour)
		w.want(t, "1m0s#0 15m0s 1m0s#1")
	})
}

// TestA18Bound: not more than MaxAlarmRuns at once (N17), one per object (A11).
func TestA18Bound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env, w := newClocks(t, do.Options{MaxAlarmRuns: 3})
		now, most := 0, 0
		w.handle = func(ctx context.Context, c *clock, _ do.AlarmInfo) error {
			w.mu.Lock()
			now++
			most = max(most, now)
			w.mu.Unlock()
			return c.state.Await(ctx, func(context.Context) error {
				time.Sleep(time.Second)
				w.mu.Lock()
				now--
				w.mu.Unlock()
				return nil
			})
		}
		for _, name := range []string{"a", "b", "c", "d", "e", "f", "g"} {
			setAlarm(t, env, name, time.Minute)
		}
		pass(time.Minute + 2500*time.Millisecond)
		if most != 3 || len(w.said) != 7 {
			t.Errorf("at most %d runs at once, %d in all, want 3 and 7", most, len(w.said))
		}
		pass(time.Minute)
	})
}

// TestD5RunAlarm: now, whatever its time, with all rules.
func TestD5RunAlarm(t *testing.T) {
	ticking(t, func(t *testing.T, env *dotest.Runtime, w *clocks) {
		want := func(ran bool, kind error) {
			t.Helper()
			got, err := env.RunAlarm(clockOf(env, "x"))
			if got != ran || !errors.Is(err, kind) {
				t.Errorf("RunAlarm = %v, %v, want %v, %v", got, err, ran, kind)
			}
		}
		want(false, nil)
		setAlarm(t, env, "x", time.Hour)
		want(true, nil)
		want(false, nil)
		wantAlarm(t, env, w, "x", "none")
		setAlarm(t, env, "x", time.Hour)
		var failing atomic.Bool
		failing.Store(true)
		w.handle = func(context.Context, *clock, do.AlarmInfo) error {
			if failing.Load() {
				return errBoom
			}
			return nil
		}
		want(true, errBoom)
		failing.Store(false)
		pass(time.Minute) // its retry
		w.want(t, "early 1h0m0s#0 early 1h0m0s#0 early 1h0m0s#1")
		want(false, nil)
	})
}

// TestL27AlarmInCopies: an alarm comes along in exports and backups (L26, L28).
func TestL27AlarmInCopies(t *testing.T) {
	ticking(t, func(t *testing.T, env *dotest.Runtime, w *clocks) {
		ns := env.Namespace("CLOCK")
		setAlarm(t, env, "x", time.Hour)
		var file bytes.Buffer
		wantNil(t, ns.Export(t.Context(), clockOf(env, "x").ID(), &file))
		dir := t.TempDir() + "/copy"
		wantNil(t, env.Runtime().Backup(t.Context(), dir))
		in(t, env, "x", func(ctx context.Context, s *do.Storage) error { return s.DeleteAlarm(ctx) })
		wantNil(t, ns.Import(t.Context(), clockOf(env, "y").ID(), &file))
		pass(2 * time.Hour)
		w.want(t, "1h0m0s#0")
		env.Restart() // its goroutines are not the copy's
		other, err := do.Open(do.Options{Dir: dir, Scripts: w.scripts})
		wantNil(t, err)
		pass(time.Second)
		wantNil(t, other.Close(t.Context()))
		w.want(t, "1h0m0s#0 1h0m0s#0")
	})
}

// TestL21AlarmsStop: Close waits for a run, and no other begins.
func TestL21AlarmsStop(t *testing.T) {
	ticking(t, func(t *testing.T, env *dotest.Runtime, w *clocks) {
		w.handle = func(ctx context.Context, c *clock, _ do.AlarmInfo) error {
			w.say("begun")
			err := c.state.Await(ctx, func(context.Context) error { time.Sleep(3 * time.Second); return nil })
			w.say("over")
			return err
		}
		setAlarm(t, env, "x", time.Minute)
		setAlarm(t, env, "y", time.Minute+time.Second)
		pass(time.Minute)
		go func() { time.Sleep(2 * time.Second); w.say("late") }()
		env.Restart()
		pass(time.Minute)
		w.want(t, "1m0s#0 begun late over 1m1s#0 begun over")
	})
}
