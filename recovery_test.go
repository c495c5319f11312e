package do_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
	"github.com/durablego/do/internal/disk/disktest"
)

// failFiles lets all operations of a kind on objects' files fail from now on.
func (d *slowDisk) failFiles(op disktest.Op) {
	d.Fail(disktest.Fault{Op: op, Count: -1, Match: func(name string) bool {
		return strings.Contains(name, "main.BOX") || strings.Contains(name, "commits")
	}})
}

// TestT15CutThatFails has an fsync fail, and then everything that would cut off what it
// should have covered. Until the cut works events get ErrReset; eviction and time change
// nothing; after it only what was answered is there (T34.8).
func TestT15CutThatFails(t *testing.T) {
	for _, c := range []struct {
		name  string
		pause func(t *testing.T, env *dotest.Runtime, stub *do.Stub)
	}{
		{"at once", func(*testing.T, *dotest.Runtime, *do.Stub) {}},
		{"after the idle time", func(*testing.T, *dotest.Runtime, *do.Stub) {
			time.Sleep(time.Hour)
			synctest.Wait()
		}},
		{"events meanwhile", func(t *testing.T, _ *dotest.Runtime, stub *do.Stub) {
			for range 5 {
				_, err := do.Call(t.Context(), stub, (*box).Add, 1000)
				wantErr(t, "an event before the cut", err, do.ErrReset)
				time.Sleep(20 * time.Second)
			}
		}},
		{"eviction", func(t *testing.T, env *dotest.Runtime, stub *do.Stub) {
			_ = env.Evict(stub)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				env, d := newSlowDisk(t, boxes(class(nil)))
				stub := named(env, "x")
				wantAdd(t, stub, 1, 1)
				d.failFiles(disktest.Sync)
				_, err := do.Call(t.Context(), stub, (*box).Add, 10)
				wantErr(t, "the failed fsync", err, do.ErrReset)
				wantErr(t, "the failed fsync", err, syscall.EIO)
				if e := errorOf(t, err); !e.Remote || !e.Retryable || e.Overloaded || !e.Reset { // L24.5
					t.Errorf("%+v, want Remote, Retryable, Reset", e)
				}
				c.pause(t, env, stub)
				synctest.Wait() // a try that began before Clear may answer who waits for it
				d.Clear()
				wantTotal(t, stub, 1)
				wantAdd(t, stub, 2, 3)
				env.Restart()
				wantTotal(t, named(env, "x"), 3)
			})
		})
	}
}

// TestT15FirstFsync is the same for an object's first fsync: nothing of it is left.
func TestT15FirstFsync(t *testing.T) {
	for _, op := range []disktest.Op{disktest.Sync, disktest.SyncDir} {
		synctest.Test(t, func(t *testing.T) {
			env, d := newSlowDisk(t, boxes(class(nil)))
			if op == disktest.Sync {
				wantAdd(t, named(env, "other"), 1, 1) // the folder is there, and says whose it is
				d.failFiles(op)
			} else {
				d.Fail(disktest.Fault{Op: op, Count: -1, Match: func(name string) bool { return strings.Contains(name, "commits") }})
			}
			_, err := do.Call(t.Context(), named(env, "x"), (*box).Add, 10)
			wantErr(t, "the failed fsync", err, do.ErrReset)
			time.Sleep(time.Hour)
			synctest.Wait()
			d.Clear()
			wantTotal(t, named(env, "x"), 0)
			wantAdd(t, named(env, "x"), 1, 1)
			env.Crash()
			wantTotal(t, named(env, "x"), 1)
		})
	}
}

// TestT34_8 has held answers of several events when the fsync fails: all of them get
// ErrReset, parked events too, and those in the queue go to the next instance, which sees
// nothing of what was undone.
func TestT34_8FsyncFails(t *testing.T) {
	slow(t, func(t *testing.T, env *dotest.Runtime, stub *do.Stub, d *slowDisk) {
		parked := start(env, stub, func(ctx context.Context, b *box) error {
			return b.state.Await(ctx, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		})
		synctest.Wait()
		held := goAdd(t, stub, 10)
		synctest.Wait()
		reader := start(env, stub, func(ctx context.Context, b *box) error { _, err := b.Total(ctx); return err })
		synctest.Wait()
		hold := make(chan struct{})
		running := start(env, stub, func(ctx context.Context, b *box) error {
			<-hold
			_, err := b.Add(ctx, 100)
			return err
		})
		synctest.Wait()
		queued := start(env, stub, func(ctx context.Context, b *box) error {
			if total, err := b.Total(ctx); err != nil || total != 1 || b.n != 0 {
				t.Errorf("the next instance sees %d, %v, field %d, want 1 and 0", total, err, b.n)
			}
			return nil
		})
		synctest.Wait()
		d.permits <- syscall.EIO
		d.free()
		synctest.Wait()
		for what, a := range map[string]<-chan error{"held": held, "held reader": reader, "parked": parked} {
			wantErr(t, what, <-a, do.ErrReset)
		}
		close(hold)
		wantErr(t, "the running event", <-running, do.ErrReset)
		wantNil(t, <-queued)
		wantTotal(t, stub, 1)
	})
}

// TestL14AfterAFailure calls again as soon as it has the answer of an event whose commit
// or fsync failed: the call reaches a fresh instance.
func TestL14AfterAFailure(t *testing.T) {
	env := newBoxes(t)
	stub := named(env, "x")
	for i := range 100 {
		wantAdd(t, stub, 1, i+1)
		for what, fail := range map[string]func(*do.Stub, int){"commit": env.FailCommits, "fsync": env.FailSyncs} {
			wantTotal(t, stub, i+1) // its database is open
			fail(stub, 1)
			_, err := do.Call(t.Context(), stub, (*box).Add, 1)
			wantErr(t, "a failed "+what, err, do.ErrReset)
			if n, err := do.Call0(t.Context(), stub, (*box).Memory); err != nil || n != 0 {
				t.Fatalf("the call after a failed %s = %d, %v, want the field of a fresh instance", what, n, err)
			}
		}
	}
}

// wantOverdue wants L24.4.
func wantOverdue(t *testing.T, err error) {
	t.Helper()
	if e := errorOf(t, err); !e.Remote || !e.Overloaded || !e.Reset || e.Retryable {
		t.Errorf("Remote %v, Overloaded %v, Reset %v, Retryable %v, want true true true false", e.Remote, e.Overloaded, e.Reset, e.Retryable)
	}
}

// TestT16SlowFsync counts an fsync over 30 s as failed (N13): ErrReset, Overloaded. What
// it may have made durable after all is cut off.
func TestT16SlowFsync(t *testing.T) {
	slow(t, func(t *testing.T, env *dotest.Runtime, stub *do.Stub, d *slowDisk) {
		began := time.Now()
		_, err := do.Call(t.Context(), stub, (*box).Add, 10)
		wantErr(t, "the slow fsync", err, do.ErrReset)
		wantOverdue(t, err)
		if took := time.Since(began); took != 30*time.Second {
			t.Errorf("it was given up after %v, want 30 s", took)
		}
		time.Sleep(2 * time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err = do.Call(ctx, stub, (*box).Add, 100)
		wantErr(t, "an event while the fsync hangs", err, do.ErrReset) // L10
		d.free()
		synctest.Wait()
		wantTotal(t, stub, 1)
		wantAdd(t, stub, 1, 2)
		env.Crash()
		wantTotal(t, named(env, "x"), 2)
	})
}

// TestT16SlowCommit is the same for a commit whose write hangs: one that does not fit into memory,
// or of a relaxed runtime.
func TestT16SlowCommit(t *testing.T) {
	for _, relaxed := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			o := boxes(class(nil))
			o.Relaxed = relaxed
			env, d := newSlowDisk(t, o)
			stub := named(env, "x")
			wantAdd(t, stub, 1, 1)
			release := make(chan struct{})
			var hangs atomic.Bool // before that what the turn writes goes through
			d.Hook(func(op disktest.Op, name string) error {
				if op == disktest.Write && hangs.Load() && (strings.HasSuffix(name, "-wal") || strings.HasSuffix(name, "-overflow")) {
					<-release
				}
				return nil
			})
			began := time.Now()
			err := run(env, stub, func(ctx context.Context, b *box) error {
				for i := range 10 {
					wantNil(t, b.state.KV().Put(ctx, fmt.Sprint("large", i), make([]byte, 2<<20-100)))
				}
				_, err := b.Add(ctx, 10)
				hangs.Store(true)
				return err
			})
			wantErr(t, "the slow commit", err, do.ErrReset)
			wantOverdue(t, err)
			if took := time.Since(began); took != 30*time.Second {
				t.Errorf("it was given up after %v, want 30 s", took)
			}
			d.Hook(nil)
			close(release)
			synctest.Wait()
			wantTotal(t, stub, 1)
			wantAdd(t, stub, 1, 2)
		})
	}
}

// TestL18 keeps the number of open databases near MaxOpenDatabases (N20), and loses
// nothing by closing one.
func TestL18BoundedDatabases(t *testing.T) {
	o := boxes(class(nil))
	o.MaxOpenDatabases = 5
	o.Dir = t.TempDir()
	env, control := openBoxes(t, o)
	for round := 1; round <= 3; round++ {
		for i := range 40 {
			wantAdd(t, env.Namespace("BOX").GetByName(string(rune('a'+i))), 1, round)
		}
	}
	if n := control.Cells(); n != 40 {
		t.Errorf("%d objects in memory, want 40: closing a database evicts nobody", n)
	}
	if n := control.OpenDatabases(); n > 5+64 || n == 40 {
		t.Errorf("%d databases are open, want about 5", n)
	}
}
