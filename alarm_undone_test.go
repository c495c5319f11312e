package do_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
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

// slowLog takes a while when a logger with attributes is made: the goroutine of an alarm run is delayed
// between the failure and Run.Fail.
type slowLog struct {
	slog.Handler
	d *atomic.Int64
}

func (h slowLog) WithAttrs([]slog.Attr) slog.Handler {
	time.Sleep(time.Duration(h.d.Load()))
	return h
}

func (h slowLog) WithGroup(string) slog.Handler { return h }

// SlowDelete takes its time and then removes the alarm, in one turn.
func (c *clock) SlowDelete(ctx context.Context, d time.Duration) (int, error) {
	time.Sleep(d)
	return 0, c.state.Storage().DeleteAlarm(ctx)
}

// undone has an event delete the alarm of x for whose run it is time; its commit fails, so the alarm is
// there again, and must run. The event begins then, and takes so long; the mark of the run is written that
// late. The goroutine of the run is delayed when it has heard of the failure, or not.
func undone(t *testing.T, begins, takes, mark time.Duration) {
	for _, delay := range []time.Duration{0, time.Second} {
		synctest.Test(t, func(t *testing.T) {
			w, o := withRow(t)
			faulty := disktest.NewFaulty(noSync{disk.OS()})
			o.Scripts = []*do.Script{clocksIn(w, true)}
			var d atomic.Int64
			o.Logger = slog.New(slowLog{slog.DiscardHandler, &d})
			opened, _, err := bridge.Open(o, bridge.Config{FS: faulty})
			wantNil(t, err)
			rt := opened.(*do.Runtime)
			stub := rt.Namespace("CLOCK").GetByName("x")
			_, err = do.Call(t.Context(), stub, (*clock).Ring, time.Hour)
			wantNil(t, err)
			pass(time.Hour - time.Second)
			d.Store(int64(delay))
			var failed, marked atomic.Bool
			faulty.Hook(func(op disktest.Op, name string) error {
				if op == disktest.Sync && strings.HasSuffix(name, ".log") && !failed.Swap(true) {
					time.Sleep(2 * time.Second)
					return syscall.EIO
				}
				if op == disktest.Write && strings.Contains(name, "metadata") && !marked.Swap(true) {
					time.Sleep(mark)
				}
				return nil
			})
			time.Sleep(begins)
			var wg sync.WaitGroup
			wg.Go(func() {
				if _, err := do.Call(context.Background(), stub, (*clock).SlowDelete, takes); err == nil {
					t.Error("the deletion was answered")
				}
			})
			pass(24 * time.Hour)
			wg.Wait()
			if !failed.Load() || !marked.Load() {
				t.Fatal("there was no fault, or no run")
			}
			if w.want(t, "1h0m0s#0"); t.Failed() {
				t.Logf("delay %v", delay)
			}
			closeNow(t, rt)
		})
	}
}

// TestA6LookUndone: the run waits behind the event that deletes the alarm.
func TestA6LookUndone(t *testing.T) { undone(t, 0, 3*time.Second, 0) }

// TestA6RunUndone: the event comes between the look at the alarm and its handler.
func TestA6RunUndone(t *testing.T) { undone(t, 3*time.Second, 4*time.Second, 5*time.Second) }

// TestA15MarkBehindTheLog: the mark of a run is written before the handler starts, also while a commit
// of the object waits for the log.
func TestA15MarkBehindTheLog(t *testing.T) {
	for _, slow := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w, o := withRow(t)
			faulty := disktest.NewFaulty(noSync{disk.OS()})
			o.Scripts = []*do.Script{clocksIn(w, true)}
			o.Logger = slog.New(slog.DiscardHandler)
			left := filepath.Join(t.TempDir(), "left")
			var copied atomic.Bool
			w.handle = func(context.Context, *clock, do.AlarmInfo) error {
				if !copied.Swap(true) {
					wantNil(t, os.CopyFS(left, os.DirFS(o.Dir))) // what a kill in the handler leaves
				}
				return nil
			}
			opened, _, err := bridge.Open(o, bridge.Config{FS: faulty})
			wantNil(t, err)
			rt := opened.(*do.Runtime)
			stub := rt.Namespace("CLOCK").GetByName("x")
			_, err = do.Call(t.Context(), stub, (*clock).Ring, time.Hour)
			wantNil(t, err)
			pass(time.Hour - time.Second)
			faulty.Hook(func(op disktest.Op, name string) error {
				if slow && op == disktest.Sync && strings.HasSuffix(name, ".log") {
					time.Sleep(2 * time.Second)
				}
				return nil
			})
			var wg sync.WaitGroup
			wg.Go(func() { _ = addClock(t, stub) })
			pass(30 * time.Second)
			wg.Wait()
			w.want(t, "1h0m0s#0")
			closeNow(t, rt)
			o.Dir, o.Scripts = left, []*do.Script{clocksIn(w, true)}
			rt = openOn(t, o, nil)
			pass(100 * time.Millisecond)
			w.want(t, "1h0m0s#0") // it waits, as the process died in it
			if t.Failed() {
				t.Logf("slow %v", slow)
			}
			closeNow(t, rt)
		})
	}
}
