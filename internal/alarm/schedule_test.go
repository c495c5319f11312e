package alarm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// stage plays a runtime: its objects' alarms, and an index of them.
type stage struct {
	s     *Schedule
	began time.Time

	mu     sync.Mutex // guards following
	truth  map[Key]Alarm
	stored map[Key]Stored
	ran    []string
	do     func(r *Run, a Alarm) // runs of alarms that are due; nil: they succeed
	fails  int                   // of loads to come
	loads  int
	late   []func() // what is not durable yet; not nil: it waits
}

func newStage(o Options) *stage {
	st := &stage{began: time.Now(), truth: map[Key]Alarm{}, stored: map[Key]Stored{}}
	o.Spaces, o.Jitter = 1, none
	o.Run, o.Load, o.Store = st.run, st.load, st.store
	st.s = New(o)
	return st
}

func key(n int) Key { return Key{ID: [32]byte{byte(n >> 8), byte(n)}} }

func (st *stage) store(k Key, at int64, s State, ticket uint64) {
	if st.late != nil && ticket != 0 {
		st.late = append(st.late, func() { st.store(k, at, s, 0) })
		return
	}
	delete(st.stored, k)
	if s == Set || s == Begun {
		st.stored[k] = Stored{At: at, ID: k.ID, Begun: s == Begun}
	}
}

func (st *stage) load(_ context.Context, _ int, after Stored, limit int) (rows []Stored, err error) {
	st.s.mu.Lock() // which guards stored
	defer st.s.mu.Unlock()
	if st.loads++; st.fails > 0 {
		st.fails--
		return nil, errors.New("boom")
	}
	order := func(a, b Stored) int {
		if a.At != b.At {
			return int(a.At - b.At)
		}
		return strings.Compare(string(a.ID[:]), string(b.ID[:]))
	}
	for _, r := range st.stored {
		if order(r, after) > 0 {
			rows = append(rows, r)
		}
	}
	slices.SortFunc(rows, order)
	return rows[:min(len(rows), limit)], nil
}

// set is a commit.
func (st *stage) set(n int, in time.Duration) {
	a := Alarm{At: st.began.Add(in).UnixNano()}
	st.mu.Lock()
	st.truth[key(n)] = a
	st.mu.Unlock()
	st.s.Told(key(n), a, 1)
}

func (st *stage) run(r *Run) {
	st.mu.Lock()
	a := st.truth[r.Key]
	st.mu.Unlock()
	_, early := r.Saw(a, 3)
	if Decide(a.IsSet(), a.At, time.Now().UnixNano(), early, true) != Go {
		r.End()
		return
	}
	st.mu.Lock()
	st.ran = append(st.ran, fmt.Sprintf("%d@%v", int(r.Key.ID[0])<<8+int(r.Key.ID[1]), time.Since(st.began)))
	st.mu.Unlock()
	if st.do != nil {
		st.do(r, a)
		return
	}
	st.succeed(r)
}

func (st *stage) succeed(r *Run) {
	st.mu.Lock()
	delete(st.truth, r.Key)
	st.mu.Unlock()
	st.s.Told(r.Key, Alarm{}, 2)
	r.End()
}

func (st *stage) want(t *testing.T, want string) {
	t.Helper()
	synctest.Wait()
	st.mu.Lock()
	defer st.mu.Unlock()
	if got := strings.Join(st.ran, " "); got != want {
		t.Errorf("ran: %s\nwant: %s", got, want)
	}
}

// inMemory is how many alarms wait in memory.
func (st *stage) inMemory() int {
	st.s.mu.Lock()
	defer st.s.mu.Unlock()
	return len(st.s.waiting)
}

// TestA18Horizon: of many alarms few are in memory, and all run, in the order of their times.
func TestA18Horizon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStage(Options{Horizon: 10, Max: 1})
		for n := range 500 {
			st.stored[key(n)] = Stored{At: st.began.Add(time.Duration(n%50+1) * time.Second).UnixNano(), ID: key(n).ID}
			st.truth[key(n)] = Alarm{At: st.stored[key(n)].At, Gen: 3}
		}
		st.fails = 2
		st.s.Start()
		synctest.Wait()
		time.Sleep(500 * time.Millisecond)
		for n := 500; n < 1000; n++ { // also while it reads
			st.set(n, time.Duration(n%50+1)*time.Second)
		}
		synctest.Wait()
		if n := st.inMemory(); n > 25 {
			t.Errorf("%d alarms in memory, want a few", n)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(st.ran) != 1000 || st.inMemory() != 0 {
			t.Fatalf("%d runs, %d wait, want 1000 and none", len(st.ran), st.inMemory())
		}
		last := time.Duration(0)
		for _, r := range st.ran {
			_, at, _ := strings.Cut(r, "@")
			d, _ := time.ParseDuration(at)
			if d < last {
				t.Errorf("%s ran after %v", r, last)
			}
			last = d
		}
		st.s.Close()
	})
}

// TestA15Begun: a run that the process died in waits before the next.
func TestA15Begun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStage(Options{})
		for n, begun := range []bool{false, true} {
			st.stored[key(n)] = Stored{At: 5, ID: key(n).ID, Begun: begun}
			st.truth[key(n)] = Alarm{At: 5}
		}
		st.s.Start()
		time.Sleep(time.Minute)
		st.want(t, "0@0s 1@2s")
		st.s.Close()
	})
}

// TestA10LongSleep: no timer sleeps longer than a minute, and none runs too early.
func TestA10LongSleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStage(Options{})
		st.s.Start()
		st.set(1, 1000*time.Hour+1)
		time.Sleep(1000 * time.Hour)
		st.want(t, "")
		time.Sleep(time.Nanosecond)
		st.want(t, "1@1000h0m0.000000001s")
		st.s.Close()
	})
}

// TestA16Changes: what is told while a run is on, or a retry waits.
func TestA16Changes(t *testing.T) {
	for _, x := range []struct {
		name string
		do   func(st *stage, r *Run, a Alarm)
		want string
	}{
		{"fails", func(st *stage, r *Run, _ Alarm) { r.Fail(true, false) }, "1@1s 1@3s"},
		{"another, then fails (A8.4)", func(st *stage, r *Run, _ Alarm) { st.set(1, 10*time.Second); r.Fail(true, false) }, "1@1s 1@10s"},
		{"another, then the disk fails", func(st *stage, r *Run, _ Alarm) {
			st.s.Told(r.Key, Alarm{}, 2) // undone
			r.Fail(false, false)
		}, "1@1s 1@3s"},
		{"looked at again while it runs (A6)", func(st *stage, r *Run, _ Alarm) { st.s.Check(r.Key); r.Fail(false, false) }, "1@1s 1@3s"},
		{"told the same, as found", func(st *stage, r *Run, a Alarm) { st.s.Saw(r.Key, a); r.Fail(true, false) }, "1@1s 1@3s"},
		{"dead at once (A14)", func(st *stage, r *Run, a Alarm) {
			if r.Fail(true, true) {
				a.Dead = true
				st.s.Told(r.Key, a, 2)
				r.End()
			}
		}, "1@1s"},
		{"replaced while a retry waits", func(st *stage, r *Run, _ Alarm) {
			r.Fail(true, false)
			st.set(1, 2*time.Second)
		}, "1@1s 1@2s"},
	} {
		t.Run(x.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := newStage(Options{})
				st.s.Start()
				st.do = func(r *Run, a Alarm) {
					st.do = nil
					x.do(st, r, a)
				}
				st.set(1, time.Second)
				time.Sleep(time.Minute)
				st.want(t, x.want)
				if n := st.inMemory(); n != 0 {
					t.Errorf("%d still wait", n)
				}
				st.s.Close()
			})
		})
	}
}

// TestStoredLate: what the index was told late is not lost between it and the horizon (invariant 4).
func TestStoredLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStage(Options{Horizon: 2})
		for n := range 8 {
			st.stored[key(n)] = Stored{At: st.began.Add(time.Duration(n+1) * time.Second).UnixNano(), ID: key(n).ID}
			st.truth[key(n)] = Alarm{At: st.stored[key(n)].At}
		}
		st.late = []func(){}
		st.s.Start()
		synctest.Wait()
		st.set(99, 5*time.Second+1) // behind the horizon, and not durable yet
		time.Sleep(3500 * time.Millisecond)
		synctest.Wait()
		st.s.mu.Lock()
		upTo, late := st.s.spaces[0].upTo.At, st.late
		st.late = nil
		for _, store := range late {
			store()
		}
		st.s.mu.Unlock()
		at := st.truth[key(99)].At
		if upTo <= at {
			t.Fatal("it has not been read past it")
		}
		st.s.Stored(key(99), at)
		time.Sleep(5 * time.Second)
		st.want(t, "0@1s 1@2s 2@3s 3@4s 4@5s 99@5.000000001s 5@6s 6@7s 7@8s")
		st.s.Close()
	})
}
