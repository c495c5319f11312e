package do_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
	"github.com/durablego/do/internal/bridge"
	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/disk/disktest"
)

// T15: when files could not be written out, everybody waits until the log is replayed, and that
// waits until all files are closed: also those of objects which have no instance, after a reset,
// more of them than are closed at once. Nobody waits for a time limit.
func TestT15RuinWithoutInstances(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		faulty := disktest.NewFaulty(noSync{disk.OS()})
		c := class(nil)
		c.IdleTimeout = -1
		o := boxes(c)
		o.MaxOpenDatabases, o.Logger = 1000, (&logged{}).logger()
		env := dotest.NewWith(t, dotest.Options{Runtime: o}, bridge.Config{FS: faulty, SegmentBytes: 1})
		for i := range 100 {
			stub := named(env, fmt.Sprint(i))
			wantAdd(t, stub, 1, 1)
			wantErr(t, "panic", run(env, stub, func(context.Context, *box) error { panic(errBoom) }), do.ErrReset)
		}
		synctest.Wait()
		faulty.Fail(disktest.Fault{Op: disktest.Sync, N: 1, Match: func(name string) bool { return strings.HasSuffix(name, ".sqlite") }})
		began := time.Now()
		// It is durable in the log, and in no file; the answer may be overtaken by the ruin.
		if _, err := do.Call(t.Context(), named(env, "x"), (*box).Add, 1); err != nil {
			wantErr(t, "a failed sync of files", err, do.ErrReset)
		}
		synctest.Wait()
		if faulty.Fired() == 0 {
			t.Fatal("no file was synced")
		}
		wantAdd(t, named(env, "x"), 1, 2)
		if took := time.Since(began); took > time.Second {
			t.Errorf("that took %v", took)
		}
		for i := range 100 {
			wantTotal(t, named(env, fmt.Sprint(i)), 1)
		}
	})
}

// T15: so it is with the files of an object whose recovery failed half-way: it is told once more.
func TestT15RuinAfterFailedRecovery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := class(nil)
		c.IdleTimeout = -1
		env, d := newSlowDisk(t, boxes(c))
		x, y := named(env, "x"), named(env, "y")
		wantAdd(t, x, 1, 1)
		wantAdd(t, y, 1, 1)
		for _, of := range []string{"commits", ".sqlite"} { // a batch, and then the file that is to have the rest
			d.Fail(disktest.Fault{Op: disktest.Sync, Match: func(name string) bool {
				return strings.Contains(name, of) && !strings.Contains(name, "index")
			}})
		}
		_, err := do.Call(t.Context(), x, (*box).Add, 10)
		wantErr(t, "a failed sync", err, do.ErrReset)
		synctest.Wait()
		d.Clear()
		began := time.Now()
		_, err = do.Call(t.Context(), y, (*box).Add, 1) // meets the ruin
		wantErr(t, "the ruin", err, do.ErrReset)
		wantAdd(t, y, 1, 2)
		wantTotal(t, x, 1)
		if took := time.Since(began); took > time.Second {
			t.Errorf("that took %v", took)
		}
	})
}

// T16: a checkpoint that was done, but took too long, costs nobody else his instance.
func TestT16LateCheckpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := class(nil)
		c.IdleTimeout = -1
		o := boxes(c)
		o.CheckpointBytes = 1
		env, d := newSlowDisk(t, o)
		x, y := named(env, "x"), named(env, "y")
		wantAdd(t, y, 1, 1)
		wantAdd(t, x, 1, 1)
		synctest.Wait()
		var slow atomic.Bool
		d.Hook(func(op disktest.Op, name string) error {
			if op == disktest.Write && strings.HasSuffix(name, x.ID().String()+".sqlite") && slow.CompareAndSwap(false, true) {
				time.Sleep(31 * time.Second)
			}
			return nil
		})
		wantAdd(t, x, 1, 2)
		synctest.Wait()
		_, err := do.Call(t.Context(), x, (*box).Add, 1)
		wantErr(t, "during the checkpoint", err, do.ErrReset)
		if !slow.Load() {
			t.Fatal("there was no checkpoint")
		}
		for {
			if _, err = do.Call0(t.Context(), x, (*box).Total); err == nil {
				break
			}
			time.Sleep(time.Second)
		}
		wantTotal(t, x, 2)
		if n, err := do.Call0(t.Context(), y, (*box).Memory); err != nil || n != 1 {
			t.Errorf("another object's memory = %d, %v, want 1", n, err)
		}
	})
}

// L8: an object that is copied does not leave memory meanwhile, and its events do not wait.
func TestL8IdleBesideExport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env, d := newSlowDisk(t, boxes(class(nil)))
		x := named(env, "x")
		wantAdd(t, x, 1, 1)
		wantNil(t, run(env, x, func(ctx context.Context, b *box) error {
			return b.state.KV().Put(ctx, "large", make([]byte, 2_000_000))
		}))
		copied, finish := make(chan error, 1), make(chan struct{})
		d.Hook(func(op disktest.Op, name string) error {
			if op == disktest.Write && strings.Contains(name, "export-") {
				<-finish
			}
			return nil
		})
		go func() { copied <- env.Namespace("BOX").Export(t.Context(), x.ID(), io.Discard) }()
		time.Sleep(time.Hour) // its idle time is over many times
		synctest.Wait()
		if len(copied) > 0 {
			t.Fatalf("the copy ended: %v", <-copied)
		}
		began := time.Now()
		wantAdd(t, x, 1, 2)
		if took := time.Since(began); took > 0 {
			t.Errorf("an event took %v", took)
		}
		close(finish)
		wantNil(t, <-copied)
		time.Sleep(time.Hour)
		synctest.Wait()
		wantErr(t, "Evict", env.Evict(x), do.ErrNotRunning) // it has left
	})
}
