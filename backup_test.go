package do_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
	"github.com/durablego/do/internal/bridge"
	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/disk/disktest"
)

// twoClasses are Options with BOX and another class of boxes.
func twoClasses(dir string) do.Options {
	o := boxesIn(dir)
	c := class(nil)
	c.Binding = "OTHER"
	do.RegisterIn(o.Scripts[0], c)
	return o
}

// TestL26Backup copies a folder with objects in every state, and opens the copy.
func TestL26Backup(t *testing.T) {
	for _, relaxed := range []bool{false, true} {
		root := t.TempDir()
		dir, to := filepath.Join(root, "data"), filepath.Join(root, "new", "backup")
		rt, err := do.Open(twoClasses(dir))
		wantNil(t, err)
		wantAdd(t, rt.Namespace("OTHER").GetByName("orphan"), 9, 9)
		wantNil(t, rt.Close(t.Context()))

		o := boxesIn(dir) // OTHER is not declared any more
		o.Relaxed = relaxed
		env := dotest.New(t, dotest.Options{Runtime: o})
		for i, name := range []string{"live", "asleep", "emptied", "deleted", "unwritten"} {
			if name != "unwritten" {
				wantAdd(t, named(env, name), i+1, i+1)
			}
		}
		fill(t, env, "asleep", 3000)
		evict(t, env, "asleep")
		wantNil(t, remove(t, env, "deleted"))
		wantNil(t, run(env, named(env, "emptied"), func(ctx context.Context, b *box) error { return b.state.Storage().DeleteAll(ctx) }))
		wantMemory(t, named(env, "unwritten"), 0)
		wantNil(t, env.Runtime().Backup(t.Context(), to))
		wantAdd(t, named(env, "live"), 10, 11) // not in the copy
		wantObjects(t, env, "live", "asleep")

		copied := dotest.New(t, dotest.Options{Runtime: twoClasses(to)})
		if names := below(t, to); strings.Contains(names, "partial") || strings.Contains(names, "-wal") {
			t.Errorf("in the copy: %s", names)
		}
		wantObjects(t, copied, "live", "asleep")
		wantTotal(t, named(copied, "live"), 1)
		wantTotal(t, named(copied, "asleep"), 2)
		wantTotal(t, named(copied, "emptied"), 0)
		wantTotal(t, named(copied, "deleted"), 0)
		wantTotal(t, copied.Namespace("OTHER").GetByName("orphan"), 9)
		if n := len(copied.Objects(copied.Namespace("OTHER"))); n != 1 {
			t.Errorf("%d orphans in the copy, want 1", n)
		}
		was := env.Objects(env.Namespace("BOX"))
		for i, o := range copied.Objects(copied.Namespace("BOX")) {
			if !o.Created.Equal(was[i].Created) || o.Size != was[i].Size {
				t.Errorf("listed in the copy: %+v, was %+v", o, was[i])
			}
		}
	}
}

// TestBackupServes copies while objects write two values in each turn, come and go: in the
// copy both are the same everywhere.
func TestBackupServes(t *testing.T) {
	root := t.TempDir()
	env := dotest.New(t, dotest.Options{Runtime: boxesIn(filepath.Join(root, "data"))})
	both := func(ctx context.Context, b *box) error {
		n, err := b.Add(ctx, 1)
		if err != nil {
			return err
		}
		return b.state.KV().Put(ctx, "twin", n)
	}
	const objects = 20
	for i := range objects {
		wantNil(t, run(env, named(env, fmt.Sprint(i)), both))
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(w), 1))
			for {
				select {
				case <-stop:
					return
				default:
				}
				name := fmt.Sprint(rng.IntN(objects))
				switch rng.IntN(20) {
				case 0:
					_ = env.Evict(named(env, name))
				case 1:
					wantNil(t, remove(t, env, name))
				case 2:
					wantNil(t, remove(t, env, "temporary"+name))
				case 3:
					wantNil(t, run(env, named(env, "temporary"+name), both))
				default:
					wantNil(t, run(env, named(env, name), both))
				}
			}
		})
	}
	var copies []string
	for i := range 5 {
		to := filepath.Join(root, fmt.Sprint("copy", i))
		wantNil(t, env.Runtime().Backup(t.Context(), to))
		copies = append(copies, to)
	}
	close(stop)
	wg.Wait()
	for _, to := range copies {
		copied := dotest.New(t, dotest.Options{Runtime: boxesIn(to)})
		ns := copied.Namespace("BOX")
		all := copied.Objects(ns)
		for _, o := range all {
			wantNil(t, run(copied, ns.Get(o.ID), func(ctx context.Context, b *box) error {
				total, err := b.Total(ctx)
				var twin int
				if ok, gerr := b.state.KV().Get(ctx, "twin", &twin); err != nil || gerr != nil || !ok || total != twin || total == 0 {
					t.Errorf("%s: total %d, twin %d, %v, %v, %v", to, total, twin, ok, err, gerr)
				}
				return nil
			}))
		}
		if files, err := filepath.Glob(filepath.Join(to, "main.BOX", "*.sqlite")); err != nil || len(files) != len(all)+1 {
			t.Errorf("%d files for %d objects, %v", len(files)-1, len(all), err)
		}
	}
}

// TestBackupErrors (L26): what Backup refuses, and that nothing is left of one that fails.
func TestBackupErrors(t *testing.T) {
	root := t.TempDir()
	dir, to := filepath.Join(root, "data"), filepath.Join(root, "copy")
	o := boxesIn(dir)
	faulty := disktest.NewFaulty(disktest.NoSync(disk.OS()))
	opened, _, err := bridge.Open(o, bridge.Config{FS: faulty})
	wantNil(t, err)
	rt := opened.(*do.Runtime)
	for _, name := range []string{"a", "b"} {
		wantAdd(t, rt.Namespace("BOX").GetByName(name), 1, 1)
	}
	wantErr(t, "into a folder with something in it", rt.Backup(t.Context(), root), fs.ErrExist)
	wantErr(t, "into itself", rt.Backup(t.Context(), dir), do.ErrInvalidOptions)
	wantErr(t, "into its own folder", rt.Backup(t.Context(), filepath.Join(dir, "x")), do.ErrInvalidOptions)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	wantErr(t, "without time", rt.Backup(gone, to), context.Canceled)
	for op := disktest.Open; op <= disktest.Rename; op++ {
		for n := 1; ; n++ {
			before := faulty.Fired()
			faulty.Fail(disktest.Fault{Op: op, N: n, Match: func(name string) bool { return strings.Contains(name, "copy") }})
			err := rt.Backup(t.Context(), to)
			fired := faulty.Fired() > before
			faulty.Clear()
			there, _ := filepath.Glob(to + "*")
			switch {
			case err != nil && !errors.Is(err, syscall.EIO):
				t.Errorf("%d. %v fails: %v", n, op, err)
			case err == nil && len(there) != 1, err != nil && len(there) > 1, err != nil && len(there) == 1 && there[0] != to && op != disktest.Remove:
				t.Errorf("%d. %v fails: %v, there are %q", n, op, err, there)
			}
			if len(there) == 1 && there[0] == to { // then it is whole
				rt, err := do.Open(boxesIn(to))
				wantNil(t, err)
				wantTotal(t, rt.Namespace("BOX").GetByName("b"), 1)
				wantNil(t, rt.Close(t.Context()))
			}
			for _, path := range there {
				wantNil(t, os.RemoveAll(path))
			}
			if !fired {
				break
			}
		}
	}
	wantTotal(t, rt.Namespace("BOX").GetByName("a"), 1)
	// Close cuts it short.
	hold, begun := make(chan struct{}), make(chan struct{})
	var once sync.Once
	faulty.Hook(func(op disktest.Op, name string) error {
		if strings.Contains(name, "copy") && op == disktest.Write {
			once.Do(func() { close(begun) })
			<-hold
		}
		return nil
	})
	cut := make(chan error, 1)
	go func() { cut <- rt.Backup(t.Context(), to) }()
	<-begun
	closed := make(chan error, 1)
	go func() { closed <- rt.Close(t.Context()) }()
	for {
		if err := rt.Backup(gone, to); errors.Is(err, do.ErrClosed) {
			break // it has begun
		}
	}
	close(hold)
	wantErr(t, "a Backup that Close meets", <-cut, do.ErrClosed)
	wantNil(t, <-closed)
	if there, _ := filepath.Glob(to + "*"); len(there) > 0 {
		t.Errorf("left behind: %q", there)
	}
	wantErr(t, "after Close", rt.Backup(t.Context(), to), do.ErrClosed)
}

// TestBackupPowerCut: a power cut leaves a copy that is whole, or none under that name; when
// Backup has returned, a whole one.
func TestBackupPowerCut(t *testing.T) {
	root := t.TempDir()
	record, err := disktest.NewRecorder(disktest.NoSync(disk.OS()), root)
	wantNil(t, err)
	faulty := disktest.NewFaulty(record)
	opened, _, err := bridge.Open(boxesIn(filepath.Join(root, "data")), bridge.Config{FS: faulty})
	wantNil(t, err)
	rt := opened.(*do.Runtime)
	for _, name := range []string{"a", "b"} {
		wantAdd(t, rt.Namespace("BOX").GetByName(name), 1, 1)
	}
	var mu sync.Mutex // the index writes in the background
	rng := rand.New(rand.NewPCG(1, 1))
	look := func(done bool) {
		mu.Lock()
		defer mu.Unlock()
		after := t.TempDir()
		wantNil(t, record.PowerCut(rng, after))
		to := filepath.Join(after, "copies", "copy")
		if _, err := os.Stat(to); err != nil {
			if done {
				t.Errorf("the copy is gone: %v", err)
			}
			return
		}
		rt, _, err := bridge.Open(boxesIn(to), bridge.Config{FS: disktest.NoSync(disk.OS())})
		if err != nil {
			t.Errorf("the copy: %v", err)
			return
		}
		for _, name := range []string{"a", "b"} {
			wantTotal(t, rt.(*do.Runtime).Namespace("BOX").GetByName(name), 1)
		}
		if n := len(inIndex(t, rt.(*do.Runtime))); n != 2 {
			t.Errorf("%d objects in the copy, want 2", n)
		}
		wantNil(t, rt.(*do.Runtime).Close(context.Background()))
	}
	faulty.Hook(func(op disktest.Op, name string) error {
		if op != disktest.Stat && op != disktest.Read {
			look(false)
		}
		return nil
	})
	wantNil(t, rt.Backup(t.Context(), filepath.Join(root, "copies", "copy")))
	faulty.Hook(nil)
	for range 10 {
		look(true)
	}
	wantNil(t, rt.Close(t.Context()))
}
