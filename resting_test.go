package do_test

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/durablego/do"
	"github.com/durablego/do/internal/bridge"
	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/disk/disktest"
)

// clocksIn gives a script with clocks under a stable id, or without.
func clocksIn(w *clocks, declared bool) *do.Script {
	s := do.NewScript("main")
	boxIn(s, do.Class[*box]{Binding: "BOX"})
	if declared {
		do.RegisterIn(s, do.Class[*clock]{Binding: "CLOCK", NamespaceID: "clock", New: func(_ context.Context, state *do.State, env *do.Env) (*clock, error) {
			return &clock{box{state: state, env: env}, w}, nil
		}})
	}
	return s
}

// openOn opens a folder on a disk.
func openOn(t *testing.T, o do.Options, fs disk.FS) *do.Runtime {
	t.Helper()
	o.Logger = slog.New(slog.DiscardHandler)
	rt, _, err := bridge.Open(o, bridge.Config{FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	return rt.(*do.Runtime)
}

// recorded is the system's disk, recorded below dir.
func recorded(t *testing.T, dir string) (*disktest.Faulty, *disktest.Recorder) {
	t.Helper()
	f := disktest.NewFaulty(disktest.NoSync(disk.OS()))
	r, err := disktest.NewRecorder(f, dir)
	if err != nil {
		t.Fatal(err)
	}
	return f, r
}

// crashed writes an alarm and a total in a folder, both answered for, and gives what a power
// cut leaves of it: much of that is only in the commit log.
func crashed(t *testing.T, w *clocks, o do.Options) string {
	t.Helper()
	o.Dir, o.Scripts = t.TempDir(), []*do.Script{clocksIn(w, true)}
	rt := openOn(t, o, nil) // so that there is an index, which lacks what comes
	wantAdd(t, rt.Namespace("BOX").GetByName("x"), 1, 1)
	_, err := do.Call(t.Context(), rt.Namespace("CLOCK").GetByName("first"), (*clock).Add, 1)
	wantNil(t, err)
	closeNow(t, rt)
	_, record := recorded(t, o.Dir)
	rt = openOn(t, o, record)
	stub := rt.Namespace("CLOCK").GetByName("x")
	wantAdd(t, rt.Namespace("BOX").GetByName("x"), 1, 2)
	_, err = do.Call(t.Context(), stub, (*clock).Ring, time.Hour)
	wantNil(t, err)
	left := filepath.Join(t.TempDir(), "left")
	wantNil(t, record.Crash(left))
	closeNow(t, rt)
	return left
}

// Ring sets the alarm, and counts.
func (c *clock) Ring(ctx context.Context, in time.Duration) (int, error) {
	if err := c.state.Storage().SetAlarm(ctx, time.Now().Add(in)); err != nil {
		return 0, err
	}
	return c.Add(ctx, 1)
}

// TestP18Rests has a namespace rest after a crash: because it is not declared, because its
// script is not mounted, because another environment is opened. Meanwhile its alarm does not
// run and its calls give ErrUnserved (L23); when it is declared again everything is there,
// in the list of objects too, and the alarm is overdue (L20). A copy made meanwhile has it too.
func TestP18Rests(t *testing.T) {
	for name, resting := range map[string]do.Options{
		"not declared":        {Environment: "p", Scripts: []*do.Script{clocksIn(nil, false)}},
		"not mounted":         {Environment: "p", Scripts: []*do.Script{do.NewScript("other")}},
		"another environment": {Environment: "staging", Scripts: []*do.Script{clocksIn(&clocks{}, true)}}, // E11
		"nothing is trusted":  {Environment: "p", Scripts: []*do.Script{clocksIn(nil, false)}},
		"without a log":       {Environment: "p", Scripts: []*do.Script{clocksIn(nil, false)}, Relaxed: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &clocks{began: time.Now()}
				dir := crashed(t, w, do.Options{Environment: "p"})
				if name == "nothing is trusted" {
					wantNil(t, os.WriteFile(filepath.Join(dir, "UNCLEAN"), []byte("*\n.\n"), 0o644))
				}
				o := resting
				o.Dir = dir
				rt := openOn(t, o, nil)
				if name == "not declared" {
					_, err := do.Call0(t.Context(), rt.Namespace("CLOCK").GetByName("x"), (*clock).Total)
					wantErr(t, "a call", err, do.ErrUnserved)
				}
				pass(2 * time.Hour)
				w.want(t, "")
				copied := filepath.Join(t.TempDir(), "copy")
				wantNil(t, rt.Backup(t.Context(), copied))
				closeNow(t, rt)
				closeNow(t, openOn(t, o, nil)) // it rests on after another clean stop
				for _, dir := range []string{dir, copied} {
					rt = openOn(t, do.Options{Dir: dir, Environment: "p", Scripts: []*do.Script{clocksIn(w, true)}}, nil)
					if n := countObjects(t, rt.Namespace("CLOCK")); n != 2 {
						t.Errorf("%d objects are listed, want 2", n)
					}
					pass(time.Second)
					w.want(t, "1h0m0s#0")
					w.said = nil
					got, err := do.Call0(t.Context(), rt.Namespace("CLOCK").GetByName("x"), (*clock).Total)
					if err != nil || got != 1 {
						t.Errorf("total = %d, %v, want 1", got, err)
					}
					closeNow(t, rt)
				}
			})
		})
	}
}

func countObjects(t *testing.T, ns *do.Namespace) (n int) {
	t.Helper()
	for _, err := range ns.Objects(t.Context(), do.ObjectsOptions{}) {
		wantNil(t, err)
		n++
	}
	return n
}

// tombstoned is a script without clocks that wants their data removed.
func tombstoned() []*do.Script {
	s := clocksIn(nil, false)
	s.Tombstone("clock")
	return []*do.Script{s}
}

// TestP30CutDeletion cuts the power at any moment of an Open that removes a namespace, of
// which the commit log of a crash is full. The next Open finishes it: no file comes back, no
// alarm runs, and the rest is as it was (P9).
func TestP30CutDeletion(t *testing.T) {
	for seed := range uint64(30) {
		synctest.Test(t, func(t *testing.T) {
			w := &clocks{began: time.Now()}
			dir := crashed(t, w, do.Options{})
			pass(2 * time.Hour)
			rng := rand.New(rand.NewPCG(seed, 0))
			faulty, record := recorded(t, dir)
			left, n := filepath.Join(t.TempDir(), "left"), rng.IntN(60)
			var mu sync.Mutex // the disk is used in the background too
			faulty.Hook(func(op disktest.Op, _ string) error {
				mu.Lock()
				defer mu.Unlock()
				switch op { // the recorder can be asked during these only
				case disktest.Write, disktest.Truncate, disktest.Sync, disktest.SyncDir:
					if n--; n == 0 {
						return record.PowerCut(rng, left)
					}
				}
				return nil
			})
			rt := openOn(t, do.Options{Dir: dir, Scripts: tombstoned()}, record)
			pass(time.Hour)
			closeNow(t, rt)
			faulty.Hook(nil)
			if n > 0 {
				wantNil(t, record.PowerCut(rng, left))
			}
			closeNow(t, openOn(t, do.Options{Dir: left, Scripts: tombstoned()}, nil))
			if _, err := os.Stat(filepath.Join(left, "main.clock")); !os.IsNotExist(err) {
				t.Errorf("seed %d: the folder is still there: %v, with %s", seed, err, below(t, left))
			}
			rt = openOn(t, do.Options{Dir: left, Scripts: []*do.Script{clocksIn(w, true)}}, nil)
			pass(time.Hour)
			w.want(t, "")
			if n := countObjects(t, rt.Namespace("CLOCK")); n != 0 || keyOf(rt, "main/CLOCK") != "main.clock~2" { // P27
				t.Errorf("seed %d: %d objects under key %s", seed, n, keyOf(rt, "main/CLOCK"))
			}
			wantTotal(t, rt.Namespace("BOX").GetByName("x"), 2)
			closeNow(t, rt)
		})
	}
}

// TestP9LogComesBack has the commit log of before a deletion come back after it: its replay
// fails nothing, and what it makes anew of the namespace is removed again.
func TestP9LogComesBack(t *testing.T) {
	w := &clocks{began: time.Now()}
	dir := crashed(t, w, do.Options{})
	logs := contents(t, filepath.Join(dir, "commits"))
	if len(logs) == 0 {
		t.Fatal("there is no log")
	}
	wantNil(t, os.RemoveAll(filepath.Join(dir, "main.BOX"))) // its commits would be replayed over newer ones
	closeNow(t, openOn(t, do.Options{Dir: dir, Scripts: tombstoned()}, nil))
	for name, content := range logs {
		wantNil(t, os.MkdirAll(filepath.Join(dir, "commits"), 0o755))
		wantNil(t, os.WriteFile(filepath.Join(dir, "commits", name), []byte(content), 0o644))
	}
	rt := openOn(t, do.Options{Dir: dir, Scripts: []*do.Script{clocksIn(w, true)}}, nil)
	if _, err := os.Stat(filepath.Join(dir, "main.clock")); !os.IsNotExist(err) {
		t.Errorf("the folder is back: %v", err)
	}
	if n := countObjects(t, rt.Namespace("CLOCK")); n != 0 {
		t.Errorf("%d objects are back", n)
	}
	closeNow(t, rt)
}

// TestP9CannotBeRemoved has the disk refuse the removal: Open serves the rest, and the next
// one finishes it.
func TestP9CannotBeRemoved(t *testing.T) {
	w := &clocks{began: time.Now()}
	dir := crashed(t, w, do.Options{})
	closeNow(t, openOn(t, do.Options{Dir: dir, Scripts: []*do.Script{clocksIn(w, true)}}, nil)) // its log is replayed
	faulty, record := recorded(t, dir)
	faulty.Fail(disktest.Fault{Op: disktest.Remove, Count: -1, Match: func(name string) bool { return filepath.Base(filepath.Dir(name)) == "main.clock" }})
	rt := openOn(t, do.Options{Dir: dir, Scripts: tombstoned()}, record)
	wantTotal(t, rt.Namespace("BOX").GetByName("x"), 2)
	closeNow(t, rt)
	if listing := below(t, filepath.Join(dir, "main.clock")); listing == "" {
		t.Error("the disk did not refuse")
	}
	rt = openOn(t, do.Options{Dir: dir, Scripts: tombstoned()}, nil)
	if !rt.Plan().Empty() {
		t.Errorf("plan: %s", rt.Plan())
	}
	closeNow(t, rt)
	if _, err := os.Stat(filepath.Join(dir, "main.clock")); !os.IsNotExist(err) {
		t.Errorf("the folder is still there: %v", err)
	}
}
