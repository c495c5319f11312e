package do_test

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/durablego/do"
	"github.com/durablego/do/internal/bridge"
	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/disk/disktest"
)

// TestL20IndexNotDurable: an index could not be made durable before the log forgot an object. The next
// Open looks at everything.
func TestL20IndexNotDurable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		faulty := disktest.NewFaulty(noSync{disk.OS()})
		o := do.Options{Logger: (&logged{}).logger()}
		env, w := newClocksOn(t, o, bridge.Config{FS: faulty, SegmentBytes: 1})
		wantNil(t, addClock(t, clockOf(env, "x")))
		env.Restart() // x has a row
		faulty.Fail(disktest.Fault{Op: disktest.Sync, Count: -1, Match: func(name string) bool { return strings.Contains(name, "metadata") }})
		setAlarm(t, env, "x", time.Hour)
		for i := range 5 {
			wantNil(t, addClock(t, clockOf(env, fmt.Sprint(i))))
			synctest.Wait()
		}
		faulty.Clear()
		env.Crash()
		pass(2 * time.Hour)
		w.want(t, "1h0m0s#0")
	})
}

// TestL20IndexNotClosed: so it does after a Close that could not write the index.
func TestL20IndexNotClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, o := withRow(t)
		faulty := disktest.NewFaulty(noSync{disk.OS()})
		o.Scripts = []*do.Script{clocksIn(w, true)}
		rt := openOn(t, o, faulty)
		faulty.Fail(disktest.Fault{Op: disktest.Write, Count: -1, Match: func(name string) bool { return strings.Contains(name, "metadata") }})
		_, err := do.Call(t.Context(), rt.Namespace("CLOCK").GetByName("x"), (*clock).Ring, time.Hour)
		wantNil(t, err)
		closeNow(t, rt)
		faulty.Clear()
		o.Scripts = []*do.Script{clocksIn(w, true)}
		rt = openOn(t, o, nil)
		pass(2 * time.Hour)
		w.want(t, "1h0m0s#0")
		closeNow(t, rt)
	})
}

// withRow gives a folder with an object x that has a row.
func withRow(t *testing.T) (*clocks, do.Options) {
	w := &clocks{began: time.Now()}
	o := do.Options{Dir: t.TempDir(), Scripts: []*do.Script{clocksIn(w, true)}}
	rt := openOn(t, o, nil)
	_, err := do.Call(t.Context(), rt.Namespace("CLOCK").GetByName("x"), (*clock).Add, 1)
	wantNil(t, err)
	closeNow(t, rt)
	return w, o
}

// ringAndKill sets the alarm of x, and gives what a power cut leaves then: the alarm is in the log only.
func ringAndKill(t *testing.T, w *clocks, o do.Options) string {
	o.Scripts = []*do.Script{clocksIn(w, true)}
	_, record := recorded(t, o.Dir)
	rt := openOn(t, o, record)
	_, err := do.Call(t.Context(), rt.Namespace("CLOCK").GetByName("x"), (*clock).Ring, time.Hour)
	wantNil(t, err)
	left := filepath.Join(t.TempDir(), "left")
	wantNil(t, record.Crash(left))
	wantNil(t, rt.Namespace("CLOCK").Delete(t.Context(), rt.Namespace("CLOCK").IDFromName("x"))) // this life is over
	closeNow(t, rt)
	return left
}

// TestL20SecondOpen: the Open after a power cut fails half-way. The second one looks at what the log
// spoke of.
func TestL20SecondOpen(t *testing.T) {
	for _, fails := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w, o := withRow(t)
			o.Dir = ringAndKill(t, w, o)
			if fails {
				faulty := disktest.NewFaulty(noSync{disk.OS()})
				faulty.Fail(disktest.Fault{Op: disktest.Open, Match: func(name string) bool { return strings.HasSuffix(name, "metadata.sqlite") }})
				o.Scripts = []*do.Script{clocksIn(w, true)}
				o.Logger = slog.New(slog.DiscardHandler)
				if _, _, err := bridge.Open(o, bridge.Config{FS: faulty}); err == nil {
					t.Fatal("it does not fail")
				}
			}
			o.Scripts = []*do.Script{clocksIn(w, true)}
			rt := openOn(t, o, nil)
			pass(2 * time.Hour)
			if w.want(t, "1h0m0s#0"); t.Failed() {
				t.Logf("after an Open that fails: %v", fails)
			}
			closeNow(t, rt)
		})
	}
}

// TestL20LookFails: the look of an Open at an object fails once. It is looked at again, by this runtime.
func TestL20LookFails(t *testing.T) {
	for _, fails := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w, o := withRow(t)
			o.Dir = ringAndKill(t, w, o)
			faulty := disktest.NewFaulty(noSync{disk.OS()})
			var replayed, failed atomic.Bool
			faulty.Hook(func(op disktest.Op, name string) error {
				if op == disktest.Rename && strings.Contains(name, "UNCLEAN") {
					replayed.Store(true)
				}
				if fails && op == disktest.Open && replayed.Load() && strings.HasSuffix(name, ".sqlite") && strings.Contains(name, "main.clock") && !strings.Contains(name, "metadata") && !failed.Swap(true) {
					return syscall.EMFILE
				}
				return nil
			})
			o.Scripts = []*do.Script{clocksIn(w, true)}
			rt := openOn(t, o, faulty)
			if fails && !failed.Load() {
				t.Fatal("the fault was not met")
			}
			pass(2 * time.Hour)
			w.want(t, "1h0m0s#0")
			closeNow(t, rt)
			o.Scripts = []*do.Script{clocksIn(w, true)}
			rt = openOn(t, o, nil) // nor the next one
			pass(2 * time.Hour)
			w.want(t, "1h0m0s#0")
			closeNow(t, rt)
		})
	}
}

// TestL20RebuildKilled: a kill while Open rebuilds a lost index on a slow disk. The next Open finds all
// alarms.
func TestL20RebuildKilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const objects = 60
		w := &clocks{began: time.Now()}
		o := do.Options{Dir: t.TempDir(), Scripts: []*do.Script{clocksIn(w, true)}}
		rt := openOn(t, o, noSync{disk.OS()})
		for i := range objects {
			_, err := do.Call(t.Context(), rt.Namespace("CLOCK").GetByName(fmt.Sprint(i)), (*clock).Ring, 24*time.Hour)
			wantNil(t, err)
		}
		closeNow(t, rt)
		wantNil(t, os.Remove(filepath.Join(o.Dir, "main.clock", "metadata.sqlite")))
		left := filepath.Join(t.TempDir(), "left")
		o.Scripts, o.Logger = []*do.Script{clocksIn(w, true)}, slog.New(slog.DiscardHandler)
		faulty := disktest.NewFaulty(noSync{disk.OS()})
		var wrote, copied atomic.Bool
		faulty.Hook(func(op disktest.Op, name string) error {
			index := strings.Contains(name, "main.clock/metadata.sqlite")
			if op == disktest.Write && strings.HasSuffix(name, "metadata.sqlite-wal") {
				wrote.Store(true)
			} else if wrote.Load() && op == disktest.Open && !copied.Swap(true) { // it has committed
				wantNil(t, os.CopyFS(left, os.DirFS(o.Dir)))
			}
			if op == disktest.Open && index && !wrote.Load() {
				time.Sleep(50 * time.Millisecond)
			}
			return nil
		})
		opened, _, err := bridge.Open(o, bridge.Config{FS: faulty})
		wantNil(t, err)
		closeNow(t, opened.(*do.Runtime))
		text, _ := os.ReadFile(filepath.Join(left, "UNCLEAN"))
		o.Dir, o.Scripts = left, []*do.Script{clocksIn(w, true)}
		rt = openOn(t, o, noSync{disk.OS()})
		all, silent := 0, 0
		for info, err := range rt.Namespace("CLOCK").Objects(t.Context(), do.ObjectsOptions{}) {
			wantNil(t, err)
			all++
			if info.Alarm.IsZero() {
				silent++
			}
		}
		if all != objects || silent > 0 {
			t.Errorf("UNCLEAN %q: %d objects, want %d; %d without their alarm", text, all, objects, silent)
		}
		closeNow(t, rt)
	})
}

// TestL20LookImpossible: what Open could not look at, the next Open looks at.
func TestL20LookImpossible(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, o := withRow(t)
		o.Dir = ringAndKill(t, w, o)
		faulty := disktest.NewFaulty(noSync{disk.OS()})
		var replayed, done atomic.Bool
		var met atomic.Int32
		faulty.Hook(func(op disktest.Op, name string) error {
			if op == disktest.Rename && strings.Contains(name, "UNCLEAN") {
				replayed.Store(true)
			}
			if !done.Load() && (op == disktest.Open || op == disktest.Stat) && replayed.Load() && strings.Contains(name, ".sqlite") && strings.Contains(name, "main.clock") && !strings.Contains(name, "metadata") {
				met.Add(1)
				return syscall.EIO
			}
			return nil
		})
		o.Scripts = []*do.Script{clocksIn(w, true)}
		rt := openOn(t, o, faulty)
		done.Store(true)
		if met.Load() == 0 {
			t.Fatal("not met")
		}
		closeNow(t, rt)
		o.Scripts = []*do.Script{clocksIn(w, true)}
		rt = openOn(t, o, nil)
		pass(2 * time.Hour)
		w.want(t, "1h0m0s#0")
		closeNow(t, rt)
	})
}
