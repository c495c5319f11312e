package do_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
	"github.com/durablego/do/internal/disk/disktest"
)

// wantObjects wants exactly these names in the list, in any order.
func wantObjects(t *testing.T, env *dotest.Runtime, want ...string) {
	t.Helper()
	got := []string{}
	for _, o := range env.Objects(env.Namespace("BOX")) {
		got = append(got, o.ID.Name())
	}
	slices.Sort(got)
	slices.Sort(want)
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("Objects = %q, want %q", got, want)
	}
}

// placed runs f in a bubble with a runtime of plain boxes in a known folder.
func placed(t *testing.T, f func(t *testing.T, env *dotest.Runtime, dir string)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		o := boxesIn(filepath.Join(t.TempDir(), "data"))
		f(t, dotest.New(t, dotest.Options{Runtime: o}), o.Dir)
	})
}

// wantFiles wants exactly these objects to have files.
func wantFiles(t *testing.T, env *dotest.Runtime, dir string, want ...string) {
	t.Helper()
	ns := env.Namespace("BOX")
	var got, ids []string
	files, err := filepath.Glob(filepath.Join(dir, "main.BOX", "*.sqlite"))
	wantNil(t, err)
	for _, f := range files {
		if f = filepath.Base(f); !strings.HasPrefix(f, "metadata") {
			got = append(got, f)
		}
	}
	for _, name := range want {
		ids = append(ids, ns.IDFromName(name).String()+".sqlite")
	}
	slices.Sort(ids)
	if !slices.Equal(got, ids) {
		t.Errorf("files: %q, want those of %q", got, want)
	}
}

// evict takes objects out of memory.
func evict(t *testing.T, env *dotest.Runtime, names ...string) {
	t.Helper()
	for _, name := range names {
		wantNil(t, env.Evict(named(env, name)))
	}
}

// TestL17Objects follows objects through their lives: the list has those with data, from
// the commit that gives it to them (L16) to the closing that finds them empty (K26), asleep
// or awake, with names, times and sizes. D6: dotest's Objects is the same list.
func TestL17Objects(t *testing.T) {
	placed(t, func(t *testing.T, env *dotest.Runtime, dir string) {
		began := time.Now()
		wantObjects(t, env)
		wantMemory(t, named(env, "reader"), 0)
		wantTotal(t, named(env, "reader"), 0)
		wantObjects(t, env)
		wantAdd(t, named(env, "a"), 1, 1)
		wantAdd(t, named(env, "b"), 1, 1)
		wantNil(t, run(env, named(env, "c"), func(ctx context.Context, b *box) error {
			if _, err := b.Add(ctx, 1); err != nil {
				return err
			}
			wantObjects(t, env, "a", "b") // not committed
			return nil
		}))
		wantObjects(t, env, "a", "b", "c")
		time.Sleep(time.Second)
		wantTotal(t, named(env, "a"), 1)
		evict(t, env, "a", "b", "reader")
		time.Sleep(time.Hour)
		wantObjects(t, env, "a", "b", "c")
		for _, o := range env.Objects(env.Namespace("BOX")) {
			used := began
			if o.ID.Name() == "a" {
				used = began.Add(time.Second)
			}
			if !o.Created.Equal(began) || !o.Used.Equal(used) || o.Size != 3*4096 || !o.Alarm.IsZero() || o.Dead {
				t.Errorf("%s: %+v, began %v", o.ID.Name(), o, began)
			}
		}
		wantNil(t, run(env, named(env, "b"), func(ctx context.Context, b *box) error {
			for i := range 50 {
				if err := b.state.KV().Put(ctx, fmt.Sprint(i), strings.Repeat("x", 1000)); err != nil {
					return err
				}
			}
			return nil
		}))
		size := func(name string) (size int64) {
			for _, o := range env.Objects(env.Namespace("BOX")) {
				if o.ID.Name() == name {
					size = o.Size
				}
			}
			return size
		}
		if n := size("b"); n < 50_000 {
			t.Errorf("size of a live object: %d, want what was committed", n)
		}
		env.Restart()
		if n := size("b"); n < 50_000 {
			t.Errorf("size after a restart: %d", n)
		}
		wantNil(t, run(env, named(env, "a"), func(ctx context.Context, b *box) error { return b.state.Storage().DeleteAll(ctx) }))
		wantObjects(t, env, "b", "c")
		wantFiles(t, env, dir, "a", "b", "c")
		evict(t, env, "a")
		wantObjects(t, env, "b", "c")
		wantFiles(t, env, dir, "b", "c") // K26
		env.Restart()
		wantObjects(t, env, "b", "c")
	})
}

// TestL17Pages lists in pages, with a cursor, and wakes nobody.
func TestL17Pages(t *testing.T) {
	builds := 0
	env := dotest.New(t, dotest.Options{Runtime: boxes(class(func(context.Context, *box) error { builds++; return nil }))})
	const n = 25
	for i := range n {
		wantAdd(t, named(env, fmt.Sprint(i)), 1, 1)
	}
	env.Restart()
	builds = 0
	ns := env.Namespace("BOX")
	all := env.Objects(ns)
	if len(all) != n || !slices.IsSortedFunc(all, func(a, b do.ObjectInfo) int { return strings.Compare(a.ID.String(), b.ID.String()) }) {
		t.Errorf("%d objects, want %d in the order of their ids", len(all), n)
	}
	var paged []do.ObjectInfo
	for after := (do.ID{}); ; {
		page := 0
		for o, err := range ns.Objects(t.Context(), do.ObjectsOptions{StartAfter: after, Limit: 10}) {
			wantNil(t, err)
			paged, after = append(paged, o), o.ID
			page++
		}
		if page < 10 {
			break
		}
	}
	if !slices.Equal(paged, all) {
		t.Errorf("in pages: %d objects, not those of the whole list: %d", len(paged), len(all))
	}
	for range ns.Objects(t.Context(), do.ObjectsOptions{}) {
		break // whoever stops early leaves nothing behind
	}
	if builds > 0 {
		t.Errorf("%d constructors ran", builds)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range ns.Objects(gone, do.ObjectsOptions{}) {
		wantErr(t, "Objects without time", err, context.Canceled)
	}
	wantNil(t, run(env, named(env, "0"), func(ctx context.Context, b *box) error {
		own := b.env.Namespace("BOX")
		for _, err := range own.Objects(ctx, do.ObjectsOptions{Limit: 1}) {
			wantNil(t, err)
		}
		for _, err := range own.Objects(t.Context(), do.ObjectsOptions{Limit: 1}) {
			wantErr(t, "Objects of an Env with a foreign ctx", err, do.ErrOutsideTurn) // T7
		}
		return nil
	}))
	wantNil(t, env.Runtime().Close(t.Context()))
	for _, err := range ns.Objects(t.Context(), do.ObjectsOptions{}) {
		wantErr(t, "Objects after Close", err, do.ErrClosed)
	}
}

// TestL20Crash cuts the power at many moments: the list has exactly the objects that have
// data then, without help of an event.
func TestL20Crash(t *testing.T) {
	placed(t, func(t *testing.T, env *dotest.Runtime, dir string) {
		crash := func(want ...string) {
			t.Helper()
			env.Crash()
			wantObjects(t, env, want...)
			wantFiles(t, env, dir, want...)
		}
		wantAdd(t, named(env, "a"), 1, 1)
		crash("a") // its row was never written
		wantAdd(t, named(env, "b"), 1, 1)
		time.Sleep(time.Second) // written, not durable
		crash("a", "b")
		wantTotal(t, named(env, "c"), 0)
		evict(t, env, "c")
		wantNil(t, run(env, named(env, "a"), func(ctx context.Context, b *box) error { return b.state.Storage().DeleteAll(ctx) }))
		crash("b") // it is without data, but nobody had closed it
		wantNil(t, env.Namespace("BOX").Delete(t.Context(), env.Namespace("BOX").IDFromName("b")))
		crash()
		wantTotal(t, named(env, "b"), 0)
		wantAdd(t, named(env, "b"), 1, 1)
		env.Restart()
		wantObjects(t, env, "b")
		crash("b")
	})
}

// TestL20LostIndex removes the index of a closed folder: it is rebuilt from the files.
func TestL20LostIndex(t *testing.T) {
	o := boxesIn(filepath.Join(t.TempDir(), "data"))
	env := dotest.New(t, dotest.Options{Runtime: o})
	for _, name := range []string{"a", "b", "c"} {
		wantAdd(t, named(env, name), 1, 1)
	}
	unnamed := env.Namespace("BOX").NewUniqueID()
	wantAdd(t, env.Namespace("BOX").Get(unnamed), 1, 1)
	for _, change := range []func(path string) error{
		os.Remove,
		func(path string) error { return os.Truncate(path, 100) },
		func(path string) error { return os.WriteFile(path, nil, 0o644) },
	} {
		wantNil(t, env.Runtime().Close(t.Context()))
		wantNil(t, change(filepath.Join(o.Dir, "main.BOX", "metadata.sqlite")))
		env.Restart()
		wantObjects(t, env, "a", "b", "c", "")
		for _, o := range env.Objects(env.Namespace("BOX")) {
			if o.Size != 3*4096 || time.Since(o.Created) > time.Minute {
				t.Errorf("a rebuilt row: %+v", o)
			}
		}
	}
}

// TestL20HalfMadeIndex: what a power cut has left of the making of an index goes, also where there
// is no object to list.
func TestL20HalfMadeIndex(t *testing.T) {
	o := boxesIn(filepath.Join(t.TempDir(), "data"))
	env := dotest.New(t, dotest.Options{Runtime: o}) // runs quick_check at the end
	wantAdd(t, named(env, "a"), 1, 1)
	env.Restart() // its row is written
	wantNil(t, env.Namespace("BOX").Delete(t.Context(), named(env, "a").ID()))
	wantNil(t, env.Runtime().Close(t.Context()))
	path := filepath.Join(o.Dir, "main.BOX", "metadata.sqlite")
	file, err := os.ReadFile(path)
	wantNil(t, err)
	clear(file[:512])
	wantNil(t, os.WriteFile(path, file, 0o644))
	env.Restart()
	wantObjects(t, env)
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is still there: %v", err)
	}
}

// TestNewerIndex: an index of a newer version is refused at Open, and left as it is.
func TestNewerIndex(t *testing.T) {
	o := boxesIn(filepath.Join(t.TempDir(), "data"))
	rt, err := do.Open(o)
	wantNil(t, err)
	wantAdd(t, rt.Namespace("BOX").GetByName("x"), 1, 1)
	wantNil(t, rt.Close(t.Context()))
	path := filepath.Join(o.Dir, "main.BOX", "metadata.sqlite")
	file, err := os.ReadFile(path)
	wantNil(t, err)
	file[63] = 2 // user_version
	wantNil(t, os.WriteFile(path, file, 0o644))
	_, err = do.Open(o)
	wantErr(t, "Open", err, do.ErrNewerFormat)
	file[63] = 1
	wantNil(t, os.WriteFile(path, file, 0o644))
	rt, err = do.Open(o)
	wantNil(t, err)
	wantTotal(t, rt.Namespace("BOX").GetByName("x"), 1)
	wantNil(t, rt.Close(t.Context()))
}

// TestL20Cost: after a clean stop Open looks at no object, however many there are, and after
// an unclean one only at those that were open.
func TestL20Cost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env, d := newSlowDisk(t, boxes(class(nil)))
		for i := range 30 {
			wantAdd(t, named(env, fmt.Sprint(i)), 1, 1)
		}
		var looks atomic.Int32
		d.Hook(func(op disktest.Op, name string) error {
			if op != disktest.Stat && op != disktest.SyncDir && strings.HasSuffix(name, ".sqlite") && len(filepath.Base(name)) > 64 {
				looks.Add(1)
			}
			return nil
		})
		evict(t, env, "0")
		looks.Store(0)
		env.Crash()
		if n := looks.Load(); n < 29 {
			t.Errorf("%d operations on objects after a crash, want the 29 open ones looked at", n)
		}
		env.Restart()
		looks.Store(0)
		env.Restart()
		if n := looks.Load(); n != 0 {
			t.Errorf("%d operations on objects at a clean start, want none", n)
		}
		wantTotal(t, named(env, "7"), 1)
		looks.Store(0)
		env.Crash()
		if n := looks.Load(); n > 20 {
			t.Errorf("%d operations on objects after a crash with one open", n)
		}
		if n := len(env.Objects(env.Namespace("BOX"))); n != 30 {
			t.Errorf("%d objects, want 30", n)
		}
	})
}
