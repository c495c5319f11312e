package do_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/durablego/do"
	"github.com/durablego/do/internal/bridge"
	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/disk/disktest"
)

// TestA5BehindTheLog: while a commit waits for the log the index does not know of it: if it is undone
// by a kill, the alarm from before it runs.
func TestA5BehindTheLog(t *testing.T) {
	for _, slow := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w, o := withRow(t)
			o.Scripts = []*do.Script{clocksIn(w, true)}
			rt := openOn(t, o, nil)
			_, err := do.Call(t.Context(), rt.Namespace("CLOCK").GetByName("x"), (*clock).Ring, time.Hour)
			wantNil(t, err)
			closeNow(t, rt) // the alarm is everywhere
			faulty := disktest.NewFaulty(noSync{disk.OS()})
			o.Scripts = []*do.Script{clocksIn(w, true)}
			rt = openOn(t, o, faulty)
			goOn := make(chan struct{})
			if slow { // a sync of the log hangs for a second
				var once atomic.Bool
				faulty.Hook(func(op disktest.Op, name string) error {
					if op == disktest.Sync && strings.HasSuffix(name, ".log") && !once.Swap(true) {
						<-goOn
					}
					return nil
				})
			}
			var wg sync.WaitGroup
			wg.Go(func() { _ = addClock(t, rt.Namespace("CLOCK").GetByName("y")) }) // its sync hangs
			if slow {
				synctest.Wait()
			}
			wg.Go(func() {
				_, _ = do.Call(t.Context(), rt.Namespace("CLOCK").GetByName("x"), (*clock).Ring, 48*time.Hour) // not answered if slow
			})
			pass(time.Second)
			left := filepath.Join(t.TempDir(), "left")
			wantNil(t, os.CopyFS(left, os.DirFS(o.Dir))) // what a kill leaves
			close(goOn)
			wg.Wait()
			wantNil(t, rt.Namespace("CLOCK").Delete(t.Context(), rt.Namespace("CLOCK").IDFromName("x")))
			closeNow(t, rt)
			o.Dir, o.Scripts = left, []*do.Script{clocksIn(w, true)}
			rt = openOn(t, o, nil)
			pass(2 * time.Hour)
			if slow {
				w.want(t, "1h0m0s#0")
			} else {
				w.want(t, "")
			}
			closeNow(t, rt)
		})
	}
}

func addClock(t *testing.T, stub *do.Stub) error {
	_, err := do.Call(context.Background(), stub, (*clock).Add, 1)
	return err
}

// TestA5BehindTheLogPowerCut: the same when the index is synced meanwhile, because a segment of the
// log is given up.
func TestA5BehindTheLogPowerCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, o := withRow(t)
		o.Scripts = []*do.Script{clocksIn(w, true)}
		rt := openOn(t, o, nil)
		_, err := do.Call(t.Context(), rt.Namespace("CLOCK").GetByName("x"), (*clock).Ring, time.Hour)
		wantNil(t, err)
		closeNow(t, rt) // the alarm is everywhere
		o.Scripts = []*do.Script{clocksIn(w, true)}
		o.Logger = slog.New(slog.DiscardHandler)
		_, record := recorded(t, o.Dir)
		faulty := disktest.NewFaulty(record)
		opened, _, err := bridge.Open(o, bridge.Config{FS: faulty, SegmentBytes: 1})
		wantNil(t, err)
		rt = opened.(*do.Runtime)
		ns := rt.Namespace("CLOCK")
		var holdLog atomic.Bool
		var once, onceLog atomic.Bool
		files, log := make(chan struct{}), make(chan struct{})
		y := ns.IDFromName("y").String() + ".sqlite"
		faulty.Hook(func(op disktest.Op, name string) error {
			switch {
			case op == disktest.Sync && strings.HasSuffix(name, y):
				if !once.Swap(true) {
					<-files
				}
			case op == disktest.Sync && strings.HasSuffix(name, ".log") && holdLog.Load():
				if !onceLog.Swap(true) {
					<-log
				}
			}
			return nil
		})
		wantNil(t, addClock(t, ns.GetByName("y")))
		synctest.Wait() // its segment is being placed
		wantNil(t, addClock(t, ns.GetByName("z")))
		synctest.Wait() // this one's waits for that
		holdLog.Store(true)
		var wg sync.WaitGroup
		wg.Go(func() { _ = addClock(t, ns.GetByName("v")) }) // its batch is being synced
		synctest.Wait()
		wg.Go(func() { _, _ = do.Call(t.Context(), ns.GetByName("x"), (*clock).Ring, 48*time.Hour) }) // waits
		pass(time.Second)
		close(files)
		pass(time.Second)
		left := filepath.Join(t.TempDir(), "left")
		wantNil(t, record.Crash(left))
		close(log)
		wg.Wait()
		wantNil(t, ns.Delete(t.Context(), ns.IDFromName("x")))
		closeNow(t, rt)
		o.Dir, o.Scripts = left, []*do.Script{clocksIn(w, true)}
		rt = openOn(t, o, nil)
		pass(2 * time.Hour)
		w.want(t, "1h0m0s#0")
		closeNow(t, rt)
	})
}

// TestL16Phantom: an object whose first commit did not come to the log is not listed after a kill.
func TestL16Phantom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, o := withRow(t)
		faulty := disktest.NewFaulty(noSync{disk.OS()})
		o.Scripts = []*do.Script{clocksIn(w, true)}
		rt := openOn(t, o, faulty)
		ns := rt.Namespace("CLOCK")
		goOn := make(chan struct{})
		var once atomic.Bool
		faulty.Hook(func(op disktest.Op, name string) error {
			if op == disktest.Sync && strings.HasSuffix(name, ".log") && !once.Swap(true) {
				<-goOn
			}
			return nil
		})
		var wg sync.WaitGroup
		wg.Go(func() { _ = addClock(t, ns.GetByName("y")) })
		synctest.Wait()
		wg.Go(func() { _ = addClock(t, ns.GetByName("phantom")) }) // not answered
		pass(time.Second)
		left := filepath.Join(t.TempDir(), "left")
		wantNil(t, os.CopyFS(left, os.DirFS(o.Dir)))
		close(goOn)
		wg.Wait()
		closeNow(t, rt)
		o.Dir, o.Scripts = left, []*do.Script{clocksIn(w, true)}
		rt = openOn(t, o, nil)
		for info, err := range rt.Namespace("CLOCK").Objects(t.Context(), do.ObjectsOptions{}) {
			wantNil(t, err)
			if info.ID.Name() == "phantom" {
				var out bytes.Buffer
				t.Errorf("listed: %+v; Export = %v", info, rt.Namespace("CLOCK").Export(t.Context(), info.ID, &out))
			}
		}
		closeNow(t, rt)
	})
}
