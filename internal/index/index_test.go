package index_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/disk/disktest"
	"github.com/durablego/do/internal/doerr"
	"github.com/durablego/do/internal/index"
)

var ctx = context.Background()

// id gives the n-th id. Their order is that of n.
func id(n int) (id index.ID) {
	binary.BigEndian.PutUint32(id[:], uint32(n))
	return id
}

// row is a row of object n with something in every field.
func row(n int) index.Row {
	return index.Row{ID: id(n), Name: "o", Created: 1, Used: 2, Size: 4096, Alarm: 5, AlarmState: index.AlarmSet}
}

func open(t *testing.T, fsys disk.FS, dir string) *index.Index {
	t.Helper()
	x := index.New(index.Options{FS: fsys, Path: filepath.Join(dir, index.File)})
	t.Cleanup(func() { x.Close() })
	return x
}

func want(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}

// list gives all rows, page by page.
func list(t *testing.T, x *index.Index, page int) (rows []index.Row) {
	t.Helper()
	var after index.ID
	for {
		next, err := x.List(ctx, after, page)
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, next...)
		if len(next) < page {
			return rows
		}
		after = next[page-1].ID
	}
}

// L17: what is said of an object is in its row, written or not.
func TestL17Changes(t *testing.T) {
	for _, c := range []struct {
		name string
		make func(x *index.Index)
		want []index.Row
	}{
		{"nothing", func(*index.Index) {}, nil},
		{"put", func(x *index.Index) { x.Put(row(1)) }, []index.Row{row(1)}},
		{"saw", func(x *index.Index) { x.Saw(id(1), "n", 7, 8) },
			[]index.Row{{ID: id(1), Name: "n", Created: 7, Used: 7, Size: 8}}},
		{"saw after put", func(x *index.Index) { x.Put(row(1)); x.Saw(id(1), "", 7, 8) },
			[]index.Row{{ID: id(1), Name: "o", Created: 1, Used: 7, Size: 8, Alarm: 5, AlarmState: index.AlarmSet}}},
		{"used", func(x *index.Index) { x.Used(id(1), 7) }, nil},
		{"used after put", func(x *index.Index) { x.Put(row(1)); x.Used(id(1), 7) },
			[]index.Row{{ID: id(1), Name: "o", Created: 1, Used: 7, Size: 4096, Alarm: 5, AlarmState: index.AlarmSet}}},
		{"alarm", func(x *index.Index) { x.Saw(id(1), "", 7, 8); x.SetAlarm(id(1), 9, index.AlarmDead) },
			[]index.Row{{ID: id(1), Created: 7, Used: 7, Size: 8, Alarm: 9, AlarmState: index.AlarmDead}}},
		{"removed", func(x *index.Index) { x.Put(row(1)); x.Put(row(2)); x.Remove(id(1)) }, []index.Row{row(2)}},
		{"used after removed", func(x *index.Index) { x.Put(row(1)); x.Remove(id(1)); x.Used(id(1), 7) }, nil},
		{"saw after removed", func(x *index.Index) { x.Put(row(1)); x.Remove(id(1)); x.Saw(id(1), "", 7, 8) },
			[]index.Row{{ID: id(1), Created: 7, Used: 7, Size: 8}}},
		{"put after removed", func(x *index.Index) { x.Put(row(1)); x.Remove(id(1)); x.Put(row(1)) }, []index.Row{row(1)}},
	} {
		// Each of the changes may be written by itself, or all at once, or not yet.
		for _, flush := range []string{"each", "end", "never"} {
			t.Run(c.name+" "+flush, func(t *testing.T) {
				x := open(t, disk.OS(), t.TempDir())
				c.make(x)
				if flush == "each" { // what is stored first is changed by the same again
					want(t, x.Flush(ctx))
					c.make(x)
				}
				if flush != "never" {
					want(t, x.Flush(ctx))
				}
				if got := list(t, x, 10); !slices.Equal(got, c.want) {
					t.Errorf("List = %+v, want %+v", got, c.want)
				}
				for n := range 3 {
					got, ok, err := x.Get(ctx, id(n))
					i := slices.IndexFunc(c.want, func(r index.Row) bool { return r.ID == id(n) })
					if err != nil || ok != (i >= 0) || ok && got != c.want[i] {
						t.Errorf("Get(%d) = %+v, %v, %v", n, got, ok, err)
					}
				}
			})
		}
	}
}

// L16: there is no file before the first row, also not for what has no row.
func TestL16NoFileWithoutRow(t *testing.T) {
	dir := t.TempDir()
	x := open(t, disk.OS(), dir)
	x.Used(id(1), 1)
	x.Remove(id(2))
	x.SetAlarm(id(3), 4, index.AlarmSet)
	if _, ok, err := x.Get(ctx, id(1)); ok || err != nil {
		t.Errorf("Get = %v, %v", ok, err)
	}
	want(t, x.Sync(ctx))
	want(t, x.Close())
	if names, err := os.ReadDir(dir); err != nil || len(names) > 0 {
		t.Errorf("the folder holds %v, %v, want nothing", names, err)
	}
}

// A change is written after a while, many are at once, and nothing runs without one.
func TestL16WriteBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := open(t, disk.OS(), t.TempDir())
		if x.Waits() {
			t.Error("a timer without a change")
		}
		x.Put(row(1))
		time.Sleep(199 * time.Millisecond)
		if n := x.Pending(); n != 1 {
			t.Errorf("%d changes wait after 199 ms, want 1", n)
		}
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
		if n := x.Pending(); n != 0 || x.Waits() {
			t.Errorf("%d changes wait after 201 ms, due %v, want none", n, x.Waits())
		}
		for n := range 1000 {
			x.Put(row(n))
		}
		synctest.Wait()
		if n := x.Pending(); n != 0 || x.Waits() {
			t.Errorf("%d of 1,000 changes wait, due %v, want none", n, x.Waits())
		}
		want(t, x.Close())
		x.Put(row(1))
		if x.Waits() {
			t.Error("a closed index takes changes")
		}
		_, err := x.List(ctx, id(0), 1)
		if _, _, gerr := x.Get(ctx, id(0)); !errors.Is(err, doerr.ErrClosed) || !errors.Is(gerr, doerr.ErrClosed) {
			t.Errorf("List, Get = %v, %v, want ErrClosed", err, gerr)
		}
		want(t, x.Close())
	})
}

// L17: a page costs the same in a large index as in a small one, first or last.
func TestL17PageCost(t *testing.T) {
	const rows, page = 20_000, 100
	faulty := disktest.NewFaulty(disktest.NoSync(disk.OS()))
	dir := t.TempDir()
	x := open(t, faulty, dir)
	for n := range rows {
		x.Put(row(n + 1))
	}
	want(t, x.Close())
	x = open(t, faulty, dir)
	if _, err := x.List(ctx, id(0), 1); err != nil {
		t.Fatal(err)
	}
	for _, after := range []int{0, rows / 2, rows - page} {
		steps, reads := x.Steps(), faulty.Count(disktest.Read)
		got, err := x.List(ctx, id(after), page)
		if err != nil || len(got) != page || got[0].ID != id(after+1) || got[page-1].ID != id(after+page) {
			t.Errorf("after %d: %d rows, %v", after, len(got), err)
		}
		steps, reads = x.Steps()-steps, faulty.Count(disktest.Read)-reads
		if steps != page || reads > 20 {
			t.Errorf("after %d: %d rows and %d pages read for a page of %d", after, steps, reads, page)
		}
	}
}

// ErrNewerFormat: an index of a newer version is left alone, and so is what is none.
func TestNewerFormat(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, index.File)
	if lost, err := index.Examine(disk.OS(), path); !lost || err != nil {
		t.Errorf("Examine of nothing = %v, %v, want lost", lost, err)
	}
	image, err := index.Image()
	if err != nil {
		t.Fatal(err)
	}
	newer, older := slices.Clone(image), slices.Clone(image)
	newer[63], older[63] = 9, 0
	for what, c := range map[string]struct {
		content []byte
		lost    bool
		err     error
	}{
		"ours":        {image, false, nil},
		"newer":       {newer, false, doerr.ErrNewerFormat},
		"older":       {older, false, errAny},
		"no database": {slices.Repeat([]byte("x"), 8192), false, errAny},
		"cut short":   {image[:100], true, nil},
		"torn":        {append(make([]byte, 512), image[512:]...), true, nil},
		"empty":       {nil, true, nil},
	} {
		want(t, os.WriteFile(path, c.content, 0o644))
		lost, err := index.Examine(disk.OS(), path)
		if lost != c.lost || (err == nil) != (c.err == nil) || c.err != nil && c.err != errAny && !errors.Is(err, c.err) {
			t.Errorf("%s: Examine = %v, %v, want %v, %v", what, lost, err, c.lost, c.err)
		}
		x := open(t, disk.OS(), dir)
		x.Put(row(1))
		if err := x.Flush(ctx); (err == nil) != (c.err == nil) {
			t.Errorf("%s: Flush = %v", what, err)
		}
		x.Close()
		if now, err := os.ReadFile(path); err != nil || c.err != nil && !slices.Equal(now, c.content) {
			t.Errorf("%s: the file was changed: %v", what, err)
		}
		want(t, os.Remove(path))
	}
	if _, err := os.Stat(path + "-wal"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a log is left: %v", err)
	}
}

var errAny = errors.New("any")

// A18: alarms that are to run come in the order of their times, page by page, dead ones and
// none left out; a run that had begun is marked (A15).
func TestA18Due(t *testing.T) {
	x := open(t, disk.OS(), t.TempDir())
	if rows, err := x.Due(ctx, 0, index.ID{}, 10); err != nil || len(rows) != 0 {
		t.Errorf("Due without a file = %v, %v", rows, err)
	}
	for n, state := range []index.AlarmState{index.AlarmSet, index.AlarmDead, index.AlarmBegun, index.AlarmSet, index.AlarmNone, index.AlarmSet} {
		r := row(n)
		r.Alarm, r.AlarmState = int64(10-n/3), state
		x.Put(r)
	}
	want(t, x.Flush(ctx))
	x.SetAlarm(id(5), 11, index.AlarmSet) // pending
	var got []index.ID
	var at int64
	var after index.ID
	for {
		rows, err := x.Due(ctx, at, after, 2)
		want(t, err)
		for _, r := range rows {
			got, at, after = append(got, r.ID), r.Alarm, r.ID
		}
		if len(rows) < 2 {
			break
		}
	}
	if order := []index.ID{id(3), id(0), id(2), id(5)}; !slices.Equal(got, order) {
		t.Errorf("Due = %v, want %v", got, order)
	}
}
