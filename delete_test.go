package do_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
	"github.com/durablego/do/internal/bridge"
	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/disk/disktest"
)

// remove deletes a box.
func remove(t *testing.T, env *dotest.Runtime, name string) error {
	ns := env.Namespace("BOX")
	return ns.Delete(t.Context(), ns.IDFromName(name))
}

// TestL15Delete deletes objects that are in memory, asleep, broken, without data or without
// a trace: nothing is left of them, also after a crash at once, and they begin anew.
func TestL15Delete(t *testing.T) {
	for what, prepare := range map[string]func(t *testing.T, env *dotest.Runtime){
		"live":   func(*testing.T, *dotest.Runtime) {},
		"asleep": func(t *testing.T, env *dotest.Runtime) { evict(t, env, "x") },
		"closed": func(t *testing.T, env *dotest.Runtime) { env.Restart() },
		"crashed": func(t *testing.T, env *dotest.Runtime) {
			env.Crash()
			wantTotal(t, named(env, "x"), 1)
		},
		"broken": func(t *testing.T, env *dotest.Runtime) {
			env.FailSyncs(named(env, "x"), 2)
			_, err := do.Call(t.Context(), named(env, "x"), (*box).Add, 1)
			wantErr(t, "a failed fsync", err, do.ErrReset)
		},
		"empty": func(t *testing.T, env *dotest.Runtime) {
			wantNil(t, run(env, named(env, "x"), func(ctx context.Context, b *box) error { return b.state.Storage().DeleteAll(ctx) }))
		},
		"deleted": func(t *testing.T, env *dotest.Runtime) { wantNil(t, remove(t, env, "x")) },
	} {
		t.Run(what, func(t *testing.T) {
			placed(t, func(t *testing.T, env *dotest.Runtime, dir string) {
				wantAdd(t, named(env, "y"), 7, 7)
				wantAdd(t, named(env, "x"), 1, 1)
				prepare(t, env)
				wantNil(t, remove(t, env, "x"))
				wantFiles(t, env, dir, "y")
				wantObjects(t, env, "y")
				wantErr(t, "Evict", env.Evict(named(env, "x")), do.ErrNotRunning)
				env.Crash()
				wantFiles(t, env, dir, "y")
				wantObjects(t, env, "y")
				wantTotal(t, named(env, "x"), 0)
				wantAdd(t, named(env, "x"), 2, 2)
				wantObjects(t, env, "x", "y")
				wantNil(t, remove(t, env, "x"))
				wantAdd(t, named(env, "x"), 3, 3) // at once
				wantTotal(t, named(env, "y"), 7)
				env.Restart()
				wantTotal(t, named(env, "x"), 3)
				wantObjects(t, env, "x", "y")
			})
		})
	}
}

// TestT34_10 deletes under events: those that run and wait end as usual, queued and new ones
// go to an instance that finds nothing.
func TestT34_10Delete(t *testing.T) {
	bubble(t, func(t *testing.T, env *dotest.Runtime) {
		stub := named(env, "x")
		wantAdd(t, stub, 1, 1)
		wake, hold := make(chan struct{}), make(chan struct{})
		total := func(want int) func(ctx context.Context, b *box) error {
			return func(ctx context.Context, b *box) error {
				if got, err := b.Total(ctx); err != nil || got != want {
					t.Errorf("total = %d, %v, want %d", got, err, want)
				}
				return nil
			}
		}
		parked := start(env, stub, func(ctx context.Context, b *box) error {
			b.n = 5
			if err := b.state.Await(ctx, func(context.Context) error { <-wake; return nil }); err != nil {
				return err
			}
			return total(1)(ctx, b)
		})
		synctest.Wait()
		running := start(env, stub, func(context.Context, *box) error { <-hold; return nil })
		synctest.Wait()
		empty := func(ctx context.Context, b *box) error {
			if b.n != 0 {
				t.Errorf("field = %d, want that of a new instance", b.n)
			}
			return total(0)(ctx, b)
		}
		queued := start(env, stub, empty)
		deleted := make(chan error, 1)
		go func() { deleted <- remove(t, env, "x") }()
		synctest.Wait()
		late := start(env, stub, func(ctx context.Context, b *box) error {
			if err := empty(ctx, b); err != nil {
				return err
			}
			_, err := b.Add(ctx, 1)
			return err
		})
		close(hold)
		synctest.Wait()
		if !answered(running) || answered(deleted) || answered(queued) || answered(late) {
			t.Errorf("running %v, deleted %v, queued %v, late %v: want the first alone to have ended",
				answered(running), answered(deleted), answered(queued), answered(late))
		}
		close(wake)
		for _, a := range []<-chan error{parked, running, deleted, queued, late} {
			wantNil(t, <-a)
		}
		wantObjects(t, env, "x") // the name came with the first event after it
	})
}

// TestL15Errors: Delete refuses what is no id of the namespace and what would wait for
// itself, and gives up with its ctx or when the runtime is closed.
func TestL15Errors(t *testing.T) {
	bubble(t, func(t *testing.T, env *dotest.Runtime) {
		ns, stub := env.Namespace("BOX"), named(env, "x")
		wantAdd(t, stub, 1, 1)
		id := stub.ID()
		wantErr(t, "a zero id", ns.Delete(t.Context(), do.ID{}), do.ErrInvalidID)
		wantErr(t, "a foreign id", ns.Delete(t.Context(), keyed(t, "other", false).IDFromName("x")), do.ErrForeignID)
		wantNil(t, run(env, stub, func(ctx context.Context, b *box) error {
			wantErr(t, "from its own turn", ns.Delete(ctx, id), do.ErrDeadlock)
			own := b.env.Namespace("BOX")
			wantErr(t, "from its own turn by its Env", own.Delete(ctx, id), do.ErrDeadlock)
			wantErr(t, "by its Env with a foreign ctx", own.Delete(t.Context(), id), do.ErrOutsideTurn) // T7
			return b.state.Await(ctx, func(ctx context.Context) error {
				wantErr(t, "from its own Await", ns.Delete(ctx, id), do.ErrDeadlock)
				return nil
			})
		}))
		wantTotal(t, stub, 1)
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		running := start(env, stub, func(context.Context, *box) error { time.Sleep(time.Minute); return nil })
		synctest.Wait()
		wantErr(t, "beside a long event", ns.Delete(short, id), context.DeadlineExceeded)
		wantNil(t, <-running)
		wantTotal(t, stub, 1)
		wantNil(t, run(env, named(env, "other"), func(ctx context.Context, b *box) error {
			return b.env.Namespace("BOX").Delete(ctx, id) // of another object, from a turn
		}))
		wantTotal(t, stub, 0)
		wantErr(t, "without ctx", ns.Delete(nil, id), do.ErrOutsideTurn) //lint:ignore SA1012 misuse is the point
		wantNil(t, env.Runtime().Close(t.Context()))
		wantErr(t, "after Close", ns.Delete(t.Context(), id), do.ErrClosed)
	})
}

// TestL15LeavesNoCell: objects without instance that were deleted or looked at take no memory,
// also those of a class that never idles out.
func TestL15LeavesNoCell(t *testing.T) {
	c := class(nil)
	c.IdleTimeout = -1
	o := boxes(c)
	o.Dir = t.TempDir()
	rt, control := openBoxes(t, o)
	ns := rt.Namespace("BOX")
	wantAdd(t, ns.GetByName("live"), 1, 1)
	for i := range 100 {
		wantNil(t, ns.Delete(t.Context(), ns.IDFromName(fmt.Sprint(i))))
		wantErr(t, "Export", ns.Export(t.Context(), ns.IDFromName(fmt.Sprint("e", i)), discard{}), do.ErrNoData)
	}
	for i := 0; control.Cells() > 1; i++ {
		if i == 1e6 {
			t.Fatalf("%d objects in memory, want 1", control.Cells())
		}
		wantMemory(t, ns.GetByName("live"), 1) // they leave in the background
	}
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// cuts runs an action on a folder with the box x, and looks with check at what a power cut
// before any operation of the disk leaves.
func cuts(t *testing.T, prepare, action func(t *testing.T, rt *do.Runtime), check func(t *testing.T, rt *do.Runtime, done bool)) {
	root := t.TempDir()
	record, err := disktest.NewRecorder(disktest.NoSync(disk.OS()), root)
	wantNil(t, err)
	faulty := disktest.NewFaulty(record)
	o := boxesIn(filepath.Join(root, "data"))
	rt, _, err := bridge.Open(o, bridge.Config{FS: faulty})
	wantNil(t, err)
	prepare(t, rt.(*do.Runtime))
	var mu sync.Mutex // the index writes in the background
	rng, n := rand.New(rand.NewPCG(1, 1)), 0
	look := func(done bool) {
		mu.Lock()
		defer mu.Unlock()
		n++
		after := t.TempDir()
		wantNil(t, record.PowerCut(rng, after))
		o := boxesIn(filepath.Join(after, "data"))
		rt, _, err := bridge.Open(o, bridge.Config{FS: disktest.NoSync(disk.OS())})
		if err != nil {
			t.Errorf("after power cut %d: %v", n, err)
			return
		}
		check(t, rt.(*do.Runtime), done)
		wantNil(t, rt.(*do.Runtime).Close(context.Background()))
	}
	faulty.Hook(func(op disktest.Op, name string) error {
		if op != disktest.Stat && op != disktest.Read {
			look(false)
			look(false)
		}
		return nil
	})
	action(t, rt.(*do.Runtime))
	faulty.Hook(nil)
	for range 4 {
		look(true)
	}
	wantNil(t, rt.(*do.Runtime).Close(t.Context()))
	if n < 10 {
		t.Errorf("%d power cuts, want more", n)
	}
}

// listed gives the names in the list.
func inIndex(t *testing.T, rt *do.Runtime) (names []string) {
	for o, err := range rt.Namespace("BOX").Objects(t.Context(), do.ObjectsOptions{}) {
		wantNil(t, err)
		names = append(names, o.ID.Name())
	}
	return names
}

// TestL15PowerCut: a power cut in a Delete leaves the object whole and listed, or gone and
// not listed; after it, gone (T34.13).
func TestL15PowerCut(t *testing.T) {
	cuts(t, func(t *testing.T, rt *do.Runtime) {
		wantAdd(t, rt.Namespace("BOX").GetByName("x"), 1, 1)
		wantAdd(t, rt.Namespace("BOX").GetByName("x"), 1, 2)
	}, func(t *testing.T, rt *do.Runtime) {
		wantNil(t, rt.Namespace("BOX").Delete(t.Context(), rt.Namespace("BOX").IDFromName("x")))
	}, func(t *testing.T, rt *do.Runtime, done bool) {
		names := inIndex(t, rt)
		total, err := do.Call0(t.Context(), rt.Namespace("BOX").GetByName("x"), (*box).Total)
		if err != nil || total != 2*len(names) || done && total != 0 {
			t.Errorf("total = %d, %v, listed: %v", total, err, names)
		}
	})
}

// TestL15DiskFails: a Delete that fails says why, and can be repeated.
func TestL15DiskFails(t *testing.T) {
	for _, op := range []disktest.Op{disktest.Remove, disktest.SyncDir, disktest.Sync, disktest.Write} {
		env, d := newSlowDisk(t, boxes(class(nil)))
		wantAdd(t, named(env, "x"), 1, 1)
		wantAdd(t, named(env, "x"), 1, 2)
		d.failFiles(op)
		err := remove(t, env, "x")
		d.Clear()
		if err == nil && op != disktest.SyncDir { // the commit log has it: nobody needs the folder's sync
			t.Errorf("%v fails: Delete = nil", op)
		}
		total, err := do.Call0(t.Context(), named(env, "x"), (*box).Total)
		if err != nil || total != 2 && total != 0 {
			t.Errorf("%v failed: total = %d, %v", op, total, err)
		}
		wantNil(t, remove(t, env, "x"))
		env.Crash()
		wantTotal(t, named(env, "x"), 0)
		wantObjects(t, env)
	}
}
