package do_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
	"github.com/durablego/do/internal/bridge"
	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/disk/disktest"
	"github.com/durablego/do/kvstorage"
)

// read reads a key of an object, which opens its database.
func read(t testing.TB, env *dotest.Runtime, name, key string) (v any, err error) {
	t.Helper()
	err = inThing(t, env, name, func(ctx context.Context, s *do.State) error {
		v, _, err = kvstorage.Get[any](ctx, s.KV(), key)
		return err
	})
	return v, err
}

func wantRead(t testing.TB, env *dotest.Runtime, name, key string, want any) {
	t.Helper()
	if got, err := read(t, env, name, key); err != nil || got != want {
		t.Errorf("%s of %s: %v, %v, want %v", key, name, got, err, want)
	}
}

// filesOf gives the names of an object's files, without its id.
func filesOf(t testing.TB, env *dotest.Runtime, dir, name string) string {
	t.Helper()
	id := env.Namespace("THING").IDFromName(name).String()
	all, err := os.ReadDir(filepath.Join(dir, "shop-Thing"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range all {
		if rest, ok := strings.CutPrefix(f.Name(), id); ok {
			names = append(names, rest)
		}
	}
	return strings.Join(names, " ")
}

// TestIssue5Part6Delete deletes objects that were taken over, that were not, and that cannot
// be: nothing of them is left, nor comes back.
func TestIssue5Part6Delete(t *testing.T) {
	for _, relaxed := range []bool{false, true} {
		o := things(ofReference(t, shopFolder), nil)
		o.Relaxed = relaxed
		env := dotest.New(t, dotest.Options{Runtime: o})
		wantRead(t, env, "values", "int", int64(42))
		if got := filesOf(t, env, o.Dir, "values"); !strings.Contains(got, ".sqlite.orig") {
			t.Errorf("files %q", got)
		}
		ns := env.Namespace("THING")
		for _, name := range []string{"values", "tables", "circle", "alarm"} {
			wantNil(t, ns.Delete(t.Context(), ns.IDFromName(name)))
			if got := filesOf(t, env, o.Dir, name); got != "" {
				t.Errorf("%s left %q", name, got)
			}
		}
		env.Restart()
		for _, name := range []string{"values", "tables", "circle", "alarm"} {
			for _, info := range env.Objects(env.Namespace("THING")) {
				if info.ID.Equal(env.Namespace("THING").IDFromName(name)) {
					t.Errorf("%s is listed", name)
				}
			}
			wantRead(t, env, name, "fine", nil)
		}
		wantNil(t, inThing(t, env, "circle", func(ctx context.Context, s *do.State) error { return s.KV().Put(ctx, "new", 1) }))
		wantRead(t, env, "circle", "new", int64(1))
	}
}

// TestIssue5Part6DeleteAll empties an object that was taken over: its original stays, and is not
// taken over once more.
func TestIssue5Part6DeleteAll(t *testing.T) {
	o := things(ofReference(t, shopFolder), nil)
	env := dotest.New(t, dotest.Options{Runtime: o})
	wantNil(t, inThing(t, env, "values", func(ctx context.Context, s *do.State) error { return s.Storage().DeleteAll(ctx) }))
	env.Restart()
	wantRead(t, env, "values", "int", nil)
	env.Restart()
	if got := filesOf(t, env, o.Dir, "values"); got != ".sqlite.orig" {
		t.Errorf("files %q", got)
	}
	wantNil(t, os.Remove(filepath.Join(o.Dir, "shop-Thing", env.Namespace("THING").IDFromName("values").String()+".sqlite.orig")))
	wantNil(t, inThing(t, env, "values", func(ctx context.Context, s *do.State) error { return s.KV().Put(ctx, "new", 1) }))
	wantRead(t, env, "values", "new", int64(1))
}

// TestIssue5Part6BackupTakesOverNothing copies a folder in which some objects are taken over and some
// are not, nor can be; the copy goes on with it.
func TestIssue5Part6BackupTakesOverNothing(t *testing.T) {
	o := things(ofReference(t, shopFolder), nil)
	env := dotest.New(t, dotest.Options{Runtime: o})
	wantRead(t, env, "values", "int", int64(42))
	to := filepath.Join(t.TempDir(), "backup")
	wantNil(t, env.Runtime().Backup(t.Context(), to))
	if got := filesOf(t, env, o.Dir, "tables"); got != ".sqlite .sqlite-shm .sqlite-wal" {
		t.Errorf("taken over by the backup: %q", got)
	}
	o.Dir = to
	copied := dotest.New(t, dotest.Options{Runtime: things(to, nil)})
	if a, b := len(copied.Objects(copied.Namespace("THING"))), len(env.Objects(env.Namespace("THING"))); a != b {
		t.Errorf("%d objects in the copy, want %d", a, b)
	}
	wantRead(t, copied, "values", "int", int64(42))
	wantTables(t, copied)
	if _, err := read(t, copied, "circle", "fine"); !errors.Is(err, do.ErrUnconvertible) {
		t.Errorf("in the copy: %v", err)
	}
}

// TestIssue5Part6WithoutTheList opens a folder whose metadata.sqlite was not copied, or is lost later
// on: the objects' files say which alarms there are.
func TestIssue5Part6WithoutTheList(t *testing.T) {
	dir := ofReference(t, shopFolder)
	lose := func() {
		for _, suffix := range []string{"", "-wal", "-shm"} {
			if err := os.Remove(filepath.Join(dir, "shop-Thing", "metadata.sqlite"+suffix)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
		}
	}
	lose()
	for range 2 {
		env := dotest.New(t, dotest.Options{Runtime: things(dir, nil)})
		alarms := 0
		for _, info := range env.Objects(env.Namespace("THING")) {
			if !info.Alarm.IsZero() {
				alarms++
			}
		}
		if alarms != 4 {
			t.Errorf("%d alarms, want 4", alarms)
		}
		wantRead(t, env, "alarm", "x", int64(1))
		wantNil(t, env.Runtime().Close(t.Context()))
		lose()
	}
}

// TestIssue5Part6UniqueKey has keys that cannot be, that clash and that change. Open refuses them
// and leaves what is there; the same key again is fine.
func TestIssue5Part6UniqueKey(t *testing.T) {
	open := func(dir string, classes ...do.Class[*box]) error {
		s := do.NewScript("main")
		for i, c := range classes {
			c.New, c.Binding = class(nil).New, fmt.Sprintf("B%d", i)
			do.RegisterIn(s, c)
		}
		rt, err := do.Open(do.Options{Dir: dir, Scripts: []*do.Script{s}})
		if err == nil {
			err = rt.Close(t.Context())
		}
		return err
	}
	key := func(k string) do.Class[*box] { return do.Class[*box]{UniqueKey: k} }
	dir := t.TempDir()
	for _, bad := range []string{
		"../up", "a/b", `a\b`, "..", ".", "a:b", "a\x00b", "a\nb", "\xff", "dot.", "space ", "catalog.sqlite", "CATALOG.SQLITE-journal",
		"lock", "UNCLEAN", "commits", "x.partial", strings.Repeat("k", 201), // N4
	} {
		wantErr(t, fmt.Sprintf("UniqueKey %q", bad), open(t.TempDir(), key(bad)), do.ErrInvalidOptions)
	}
	for _, good := range []string{"shop-Thing", "clé-😀", "210bd0cbd803ef7883a1ee9d86cce06e", "a.b c", strings.Repeat("k", 200)} {
		wantNil(t, open(t.TempDir(), key(good)))
	}
	wantNil(t, open(dir, key("first")))
	wantNil(t, open(dir, key("first")))
	wantErr(t, "a changed key", open(dir, key("second")), do.ErrInvalidOptions)
	wantErr(t, "a key of another case", open(dir, key("FIRST")), do.ErrInvalidOptions)
	wantErr(t, "another's key", open(dir, key("first"), key("First")), do.ErrInvalidOptions)
	wantErr(t, "one key for two", open(t.TempDir(), key("k"), key("k")), do.ErrInvalidOptions)
	wantNil(t, open(dir, key("")))
	wantErr(t, "a key for what has one of its own", func() error {
		dir := t.TempDir()
		if err := open(dir, key("")); err != nil {
			return err
		}
		return open(dir, key("late"))
	}(), do.ErrInvalidOptions)
}

// TestIssue5Part6UniqueKeyOfOtherFiles refuses as a key every name that a data folder in use has.
func TestIssue5Part6UniqueKeyOfOtherFiles(t *testing.T) {
	names := map[string]bool{}
	for _, relaxed := range []bool{false, true} {
		o := boxesIn(t.TempDir())
		o.Relaxed = relaxed
		env := dotest.New(t, dotest.Options{Runtime: o})
		wantAdd(t, named(env, "x"), 1, 1)
		all, err := os.ReadDir(o.Dir)
		wantNil(t, err)
		for _, f := range all {
			names[f.Name()] = true
		}
	}
	delete(names, "main.BOX")
	for name := range names {
		s := do.NewScript("main")
		c := class(nil)
		c.UniqueKey = name
		do.RegisterIn(s, c)
		if rt, err := do.Open(do.Options{Dir: t.TempDir(), Scripts: []*do.Script{s}}); !errors.Is(err, do.ErrInvalidOptions) {
			t.Errorf("UniqueKey %q: %v", name, err)
			wantNil(t, rt.Close(t.Context()))
		}
	}
	if len(names) < 4 {
		t.Errorf("only %v in the folder", names)
	}
}

// quiet are things without a log.
func quiet(dir string) do.Options {
	o := things(dir, nil)
	o.Logger = slog.New(slog.DiscardHandler)
	return o
}

// TestIssue5Part6PowerCut cuts the power again and again while a folder is opened and its objects
// are used: what is left opens, and has everything, once more and once more.
func TestIssue5Part6PowerCut(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	rounds := 4
	if testing.Short() {
		rounds = 2
	}
	for round := range rounds {
		root := ofReference(t, shopFolder)
		recorder, err := disktest.NewRecorder(disk.OS(), root)
		wantNil(t, err)
		faulty := disktest.NewFaulty(recorder)
		var mu sync.Mutex
		var left []string
		turn := 0
		faulty.Hook(func(op disktest.Op, name string) error {
			mu.Lock()
			defer mu.Unlock()
			if turn++; op == disktest.Read || op == disktest.Stat || op == disktest.Open || (turn+round)%11 > 0 && !strings.Contains(name, "metadata.sqlite-wal") {
				return nil
			}
			dst := t.TempDir()
			left = append(left, dst)
			return recorder.PowerCut(rng, dst)
		})
		rt, _, err := bridge.Open(quiet(root), bridge.Config{FS: faulty})
		wantNil(t, err)
		stubs := rt.(*do.Runtime).Namespace("THING")
		for _, name := range recordedGood {
			_, err := do.Call(t.Context(), stubs.GetByName(name), (*thing).Keys, "after")
			wantNil(t, err)
		}
		wantNil(t, rt.(*do.Runtime).Close(t.Context()))
		faulty.Hook(nil)
		for i, dir := range left {
			rt, err := do.Open(quiet(dir))
			if err != nil {
				t.Fatalf("round %d, cut %d: %v", round, i, err)
			}
			objects, alarms, names := 0, 0, 0
			for info, err := range rt.Namespace("THING").Objects(t.Context(), do.ObjectsOptions{}) {
				wantNil(t, err)
				objects++
				if !info.Alarm.IsZero() {
					alarms++
				}
				if info.ID.Name() != "" {
					names++
				}
			}
			if objects != 14 || alarms != 4 || names < 3 {
				t.Errorf("round %d, cut %d: %d objects, %d alarms, %d names", round, i, objects, alarms, names)
			}
			for name, want := range map[string]int{"values": len(stored()) + 2, "tables": 1, "alarm": 1, "closed 🎉": 200} {
				n, err := do.Call(t.Context(), rt.Namespace("THING").GetByName(name), (*thing).Keys, "")
				if err != nil || n != want && n != want+1 {
					t.Errorf("round %d, cut %d: %s has %d keys, %v, want %d", round, i, name, n, err, want)
				}
			}
			wantNil(t, rt.Close(t.Context()))
			if t.Failed() {
				t.FailNow()
			}
		}
		if len(left) < 10 {
			t.Errorf("only %d cuts", len(left))
		}
	}
}

// Keys counts the keys, and puts one more behind that if it has a name.
func (o *thing) Keys(ctx context.Context, more string) (n int, err error) {
	for _, err := range o.state.KV().List(ctx, kvstorage.ListOptions{}) {
		if err != nil {
			return 0, err
		}
		n++
	}
	if more != "" {
		err = o.state.KV().Put(ctx, more, n)
	}
	return n, err
}
