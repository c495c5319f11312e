package do_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
	"github.com/durablego/do/internal/bridge"
	"github.com/durablego/do/internal/commitlog"
	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/disk/disktest"
)

// TestL20ShortLog cuts the power when the commit log has forgotten all objects: it does not
// before their rows are durable. An index that cannot be made durable holds nobody up.
func TestL20ShortLog(t *testing.T) {
	for _, broken := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			faulty := disktest.NewFaulty(noSync{disk.OS()})
			o := boxesIn(filepath.Join(t.TempDir(), "data"))
			o.Logger = (&logged{}).logger()
			env := dotest.NewWith(t, dotest.Options{Runtime: o}, bridge.Config{FS: faulty, SegmentBytes: 1})
			names := []string{"first"}
			wantAdd(t, named(env, "first"), 1, 1)
			env.Restart() // the index is there
			if broken {
				faulty.Fail(disktest.Fault{Op: disktest.Sync, Count: -1, Match: func(name string) bool { return strings.Contains(name, "metadata") }})
			}
			for i := range 20 {
				names = append(names, fmt.Sprint(i))
				wantAdd(t, named(env, names[i+1]), 1, 1)
			}
			synctest.Wait()
			found, err := commitlog.Replay(noSync{disk.OS()}, t.TempDir(), filepath.Join(o.Dir, "commits"))
			if err != nil || len(found.Names) > 0 {
				t.Errorf("the log speaks of %v, %v; want of nobody", found.Names, err)
			}
			faulty.Clear()
			env.Crash()
			slices.Sort(names)
			wantObjects(t, env, names...)
		})
	}
}

// TestL20ShortLogOpen cuts the power when the commit log has forgotten objects that are open:
// those that lost their data since are not in the list, though nobody has closed them.
func TestL20ShortLogOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := boxesIn(filepath.Join(t.TempDir(), "data"))
		env := dotest.NewWith(t, dotest.Options{Runtime: o}, bridge.Config{FS: noSync{disk.OS()}, SegmentBytes: 1})
		for _, name := range []string{"a", "b", "c", "d"} {
			wantAdd(t, named(env, name), 1, 1)
		}
		env.Restart() // all have rows
		for _, name := range []string{"a", "c"} {
			wantNil(t, run(env, named(env, name), func(ctx context.Context, b *box) error {
				return b.state.Storage().DeleteAll(ctx)
			}))
		}
		evict(t, env, "c")
		for range 3 { // the log goes on
			wantTotal(t, named(env, "b"), 1)
			wantNil(t, run(env, named(env, "b"), func(ctx context.Context, b *box) error { return b.state.KV().Put(ctx, "more", 1) }))
			synctest.Wait()
		}
		found, err := commitlog.Replay(noSync{disk.OS()}, t.TempDir(), filepath.Join(o.Dir, "commits"))
		if err != nil || len(found.Names) > 0 {
			t.Errorf("the log speaks of %v, %v; want of nobody", found.Names, err)
		}
		env.Crash()
		wantObjects(t, env, "b", "d")
	})
}

// TestL20Unopened: the next Open looks at an object that could not be opened until Close.
func TestL20Unopened(t *testing.T) {
	faulty := disktest.NewFaulty(noSync{disk.OS()})
	o := boxesIn(filepath.Join(t.TempDir(), "data"))
	env := dotest.NewWith(t, dotest.Options{Runtime: o}, bridge.Config{FS: faulty})
	wantAdd(t, named(env, "a"), 1, 1)
	env.Restart()
	file := named(env, "a").ID().String() + ".sqlite"
	faulty.Fail(disktest.Fault{Op: disktest.Open, N: 2, Count: -1, Match: func(name string) bool { return filepath.Base(name) == file }})
	if _, err := do.Call0(t.Context(), named(env, "a"), (*box).Total); err == nil {
		t.Fatal("it could be opened")
	}
	wantNil(t, env.Runtime().Close(t.Context()))
	unclean := func() string { text, _ := os.ReadFile(filepath.Join(o.Dir, "UNCLEAN")); return string(text) }
	if !strings.Contains(unclean(), file) {
		t.Errorf("after Close UNCLEAN says %q, want the object's file", unclean())
	}
	faulty.Clear()
	env.Restart()
	wantObjects(t, env, "a")
	if unclean() != "" {
		t.Errorf("after Open UNCLEAN says %q", unclean())
	}
}
