package do_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
	"github.com/durablego/do/internal/bridge"
	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/disk/disktest"
	"github.com/durablego/do/internal/sqlite"
)

// export gives the file of a box.
func export(t *testing.T, ns *do.Namespace, name string) []byte {
	t.Helper()
	var file bytes.Buffer
	wantNil(t, ns.Export(t.Context(), ns.IDFromName(name), &file))
	return file.Bytes()
}

// fill stores n kilobytes.
func fill(t *testing.T, env *dotest.Runtime, name string, n int) {
	t.Helper()
	wantNil(t, run(env, named(env, name), func(ctx context.Context, b *box) error {
		for i := range n {
			if err := b.state.KV().Put(ctx, fmt.Sprint("fill", i), strings.Repeat("x", 1000)); err != nil {
				return err
			}
		}
		return nil
	}))
}

// wantNoPartial wants nothing of an interrupted copy in a folder.
func wantNoPartial(t *testing.T, dir string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.partial*"))
	if err != nil || len(names) > 0 {
		t.Errorf("left behind: %q, %v", names, err)
	}
}

// TestI14ExportImport (L27, L28) copies objects, live, asleep and in the middle of a wait: a plain SQLite file as
// of a commit point, which Import takes under the same id and under another one, in another
// runtime and after a crash. I13, I14: a name that is not the object's own is dropped.
func TestI14ExportImport(t *testing.T) {
	for _, kilobytes := range []int{1, 2000} { // in memory, and by way of a file
		placed(t, func(t *testing.T, env *dotest.Runtime, dir string) {
			ns := env.Namespace("BOX")
			wantAdd(t, named(env, "x"), 1, 1)
			fill(t, env, "x", kilobytes)
			live := export(t, ns, "x")
			hold, parked := make(chan struct{}), make(chan error, 1)
			go func() {
				parked <- run(env, named(env, "x"), func(ctx context.Context, b *box) error {
					if _, err := b.Add(ctx, 1); err != nil {
						return err
					}
					if err := b.state.Await(ctx, func(context.Context) error { <-hold; return nil }); err != nil {
						return err
					}
					_, err := b.Add(ctx, 1)
					return err
				})
			}()
			synctest.Wait()
			waiting := export(t, ns, "x")
			close(hold)
			wantNil(t, <-parked)
			evict(t, env, "x")
			asleep := export(t, ns, "x")
			wantErr(t, "Evict", env.Evict(named(env, "x")), do.ErrNotRunning) // it was not woken
			wantTotal(t, named(env, "x"), 3)
			wantNoPartial(t, dir)

			other := dotest.New(t, dotest.Options{Runtime: boxes(class(nil))})
			for name, file := range map[string][]byte{"live": live, "waiting": waiting, "asleep": asleep} {
				wantNil(t, other.Namespace("BOX").Import(t.Context(), other.Namespace("BOX").IDFromName(name), bytes.NewReader(file)))
			}
			unique := other.Namespace("BOX").NewUniqueID()
			wantNil(t, other.Namespace("BOX").Import(t.Context(), unique, bytes.NewReader(live)))
			x, err := other.Namespace("BOX").IDFromString(other.Namespace("BOX").IDFromName("x").String()) // without name
			wantNil(t, err)
			wantNil(t, other.Namespace("BOX").Import(t.Context(), x, bytes.NewReader(live)))
			other.Crash()
			wantObjects(t, other, "live", "waiting", "asleep", "", "x")
			wantTotal(t, named(other, "live"), 1)
			wantTotal(t, named(other, "waiting"), 2)
			wantTotal(t, named(other, "asleep"), 3)
			wantTotal(t, other.Namespace("BOX").Get(unique), 1)
			wantNil(t, run(other, other.Namespace("BOX").Get(x), func(_ context.Context, b *box) error {
				if name := b.state.ID().Name(); name != "x" {
					t.Errorf("name = %q, want the stored one: x", name)
				}
				return nil
			}))
			wantNil(t, env.Runtime().Close(t.Context())) // the other one looks for what is left in the bubble
		})
	}
}

// TestExportIsPlain opens an exported file as any program would, without a log beside it.
func TestExportIsPlain(t *testing.T) {
	env := newBoxes(t)
	wantAdd(t, named(env, "x"), 1, 1)
	path := filepath.Join(t.TempDir(), "x.sqlite")
	wantNil(t, os.WriteFile(path, export(t, env.Namespace("BOX"), "x"), 0o644))
	conn, err := sqlite.Open(path, sqlite.Options{FS: disk.OS()})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	s, _, err := conn.Prepare("SELECT (SELECT count(*) FROM _do_kv), (SELECT value FROM _do_meta WHERE key='name'), (SELECT integrity_check FROM pragma_integrity_check)")
	if err != nil {
		t.Fatal(err)
	}
	if row, err := s.Step(); !row || err != nil || s.ColumnInt64(0) != 1 || s.ColumnText(1) != "x" || s.ColumnText(2) != "ok" {
		t.Errorf("%v, %v: %d keys, name %q, %s", row, err, s.ColumnInt64(0), s.ColumnText(1), s.ColumnText(2))
	}
}

// TestExportErrors (L27): what Export refuses, and failures of the writer.
func TestExportErrors(t *testing.T) {
	for _, kilobytes := range []int{1, 2000} {
		placed(t, func(t *testing.T, env *dotest.Runtime, dir string) {
			ns := env.Namespace("BOX")
			wantErr(t, "without data", ns.Export(t.Context(), ns.IDFromName("none"), io.Discard), do.ErrNoData)
			wantErr(t, "a zero id", ns.Export(t.Context(), do.ID{}, io.Discard), do.ErrInvalidID)
			wantErr(t, "a foreign id", ns.Export(t.Context(), keyed(t, "other", false).IDFromName("x"), io.Discard), do.ErrForeignID)
			fill(t, env, "x", kilobytes)
			id := ns.IDFromName("x")
			wantErr(t, "a writer that fails", ns.Export(t.Context(), id, writer(func([]byte) (int, error) { return 0, errBoom })), errBoom)
			gone, cancel := context.WithCancel(t.Context())
			cancel()
			wantErr(t, "without time", ns.Export(gone, id, io.Discard), context.Canceled)
			wantNil(t, run(env, named(env, "x"), func(ctx context.Context, b *box) error {
				wantErr(t, "in a blocked section", b.state.BlockConcurrencyWhile(ctx, func(ctx context.Context) error {
					wantErr(t, "in a blocked section", ns.Export(ctx, id, io.Discard), do.ErrDeadlock)
					return nil
				}), nil)
				return ns.Export(ctx, id, io.Discard) // a wait
			}))
			// A slow writer holds nobody up: not the object, not Close.
			hold, begun := make(chan struct{}), make(chan struct{})
			slow := make(chan error, 1)
			go func() {
				first := true
				slow <- ns.Export(t.Context(), id, writer(func(p []byte) (int, error) {
					if first {
						close(begun)
						<-hold
					}
					first = false
					return len(p), nil
				}))
			}()
			<-begun
			wantAdd(t, named(env, "x"), 1, 1)
			evict(t, env, "x")
			wantNil(t, env.Runtime().Close(t.Context()))
			close(hold)
			wantNil(t, <-slow)
			wantErr(t, "after Close", ns.Export(t.Context(), id, io.Discard), do.ErrClosed)
			wantNoPartial(t, dir)
		})
	}
}

type writer func(p []byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

// TestImportErrors (L28): what Import refuses leaves nothing behind, and the object as it was.
func TestImportErrors(t *testing.T) {
	o := boxesIn(filepath.Join(t.TempDir(), "data"))
	o.MaxObjectBytes = 40 << 10
	env := dotest.New(t, dotest.Options{Runtime: o})
	ns := env.Namespace("BOX")
	wantAdd(t, named(env, "x"), 1, 1)
	file := export(t, ns, "x")
	newer := bytes.Clone(file)
	newer[63] = 9
	id := ns.IDFromName("y")
	for what, c := range map[string]struct {
		r    io.Reader
		want error
	}{
		"nothing":              {strings.NewReader(""), do.ErrNotDatabase},
		"something else":       {strings.NewReader(strings.Repeat("text ", 3000)), do.ErrNotDatabase},
		"a part":               {bytes.NewReader(file[:8192]), do.ErrNotDatabase},
		"a newer version":      {bytes.NewReader(newer), do.ErrNewerFormat},
		"too large":            {io.MultiReader(bytes.NewReader(file), bytes.NewReader(make([]byte, 40<<10))), do.ErrValueTooLarge},
		"a reader that breaks": {io.MultiReader(bytes.NewReader(file[:5000]), reader(func([]byte) (int, error) { return 0, errBoom })), errBoom},
	} {
		wantErr(t, what, ns.Import(t.Context(), id, c.r), c.want)
		wantNoPartial(t, o.Dir)
		wantFiles(t, env, o.Dir, "x")
	}
	never := reader(func([]byte) (int, error) { t.Error("it was read"); return 0, io.EOF })
	wantErr(t, "a zero id", ns.Import(t.Context(), do.ID{}, never), do.ErrInvalidID)
	wantErr(t, "a foreign id", ns.Import(t.Context(), keyed(t, "other", false).IDFromName("x"), never), do.ErrForeignID)
	wantErr(t, "over data", ns.Import(t.Context(), ns.IDFromName("x"), never), do.ErrHasData)
	evict(t, env, "x")
	wantErr(t, "over data asleep", ns.Import(t.Context(), ns.IDFromName("x"), never), do.ErrHasData)
	wantNil(t, run(env, named(env, "y"), func(ctx context.Context, b *box) error {
		wantErr(t, "from its own turn", ns.Import(ctx, id, bytes.NewReader(file)), do.ErrDeadlock)
		return nil
	}))
	// Data that come while r is read win.
	writes := reader(func(p []byte) (int, error) {
		if n, err := do.Call(t.Context(), named(env, "y"), (*box).Add, 5); n != 5 {
			t.Errorf("Add = %d, %v", n, err)
		}
		return 0, io.EOF
	})
	wantErr(t, "over data that came meanwhile", ns.Import(t.Context(), id, io.MultiReader(bytes.NewReader(file), writes)), do.ErrHasData)
	wantTotal(t, named(env, "y"), 5)
	wantTotal(t, named(env, "x"), 1)
	wantNoPartial(t, o.Dir)
	// An instance without data gives way to one that has them.
	wantNil(t, run(env, named(env, "z"), func(_ context.Context, b *box) error { b.n = 7; return nil }))
	wantNil(t, ns.Import(t.Context(), ns.IDFromName("z"), bytes.NewReader(file)))
	wantTotal(t, named(env, "z"), 1)
	wantMemory(t, named(env, "z"), 0)
	created := func() (at time.Time) {
		for _, o := range env.Objects(ns) {
			if o.ID.Name() == "z" {
				at = o.Created
			}
		}
		return at
	}
	was := created()
	wantAdd(t, named(env, "z"), 1, 2)
	if now := created(); was.IsZero() || !now.Equal(was) {
		t.Errorf("Created = %v, was %v", now, was)
	}
	wantNil(t, env.Runtime().Close(t.Context()))
	wantErr(t, "after Close", ns.Import(t.Context(), id, never), do.ErrClosed)
}

type reader func(p []byte) (int, error)

func (r reader) Read(p []byte) (int, error) { return r(p) }

// TestL16ImportPowerCut (L28): a power cut in an Import leaves all of the object or nothing, and no
// file that nobody knows (L16, L20).
func TestL16ImportPowerCut(t *testing.T) {
	env := newBoxes(t)
	wantAdd(t, named(env, "x"), 1, 1)
	fill(t, env, "x", 30)
	file := export(t, env.Namespace("BOX"), "x")
	cuts(t, func(t *testing.T, rt *do.Runtime) {
		wantAdd(t, rt.Namespace("BOX").GetByName("y"), 1, 1)
	}, func(t *testing.T, rt *do.Runtime) {
		wantNil(t, rt.Namespace("BOX").Import(t.Context(), rt.Namespace("BOX").IDFromName("x"), bytes.NewReader(file)))
	}, func(t *testing.T, rt *do.Runtime, done bool) {
		names := inIndex(t, rt)
		total, err := do.Call0(t.Context(), rt.Namespace("BOX").GetByName("x"), (*box).Total)
		if err != nil || total != len(names)-1 || done && total != 1 {
			t.Errorf("total = %d, %v, listed: %v", total, err, names)
		}
	})
}

// TestCopiesFail lets the disk fail once at every operation of an Export and an Import: they
// say so or succeed, and a second attempt works.
func TestCopiesFail(t *testing.T) {
	for op := disktest.Open; op <= disktest.Rename; op++ {
		for n := 1; ; n++ {
			o := boxesIn(filepath.Join(t.TempDir(), "data"))
			o.Logger = new(logged).logger()
			faulty := disktest.NewFaulty(disktest.NoSync(disk.OS()))
			opened, _, err := bridge.Open(o, bridge.Config{FS: faulty})
			wantNil(t, err)
			env := opened.(*do.Runtime)
			ns := env.Namespace("BOX")
			wantAdd(t, ns.GetByName("x"), 1, 1)
			faulty.Fail(disktest.Fault{Op: op, N: n, Match: func(name string) bool { return !strings.Contains(name, "metadata") }})
			var file bytes.Buffer
			try := func(what string, fn func() error) {
				t.Helper()
				if err := fn(); err != nil {
					if !errors.Is(err, syscall.EIO) && !errors.Is(err, do.ErrNotDatabase) { // quick_check tells no other way
						t.Errorf("%d. %v: %s = %v", n, op, what, err)
					}
					faulty.Clear()
					wantTotal(t, ns.GetByName("x"), 1) // the next event does not pay for it
					if err := fn(); err != nil && !errors.Is(err, do.ErrHasData) {
						t.Errorf("%d. %v: %s for the second time = %v", n, op, what, err)
					}
				}
			}
			try("Export", func() error { file.Reset(); return ns.Export(t.Context(), ns.IDFromName("x"), &file) })
			try("Import", func() error { return ns.Import(t.Context(), ns.IDFromName("y"), bytes.NewReader(file.Bytes())) })
			fired := faulty.Fired()
			faulty.Clear()
			wantTotal(t, ns.GetByName("x"), 1)
			wantTotal(t, ns.GetByName("y"), 1)
			wantNil(t, env.Close(t.Context()))
			if fired == 0 {
				break
			}
		}
	}
}
