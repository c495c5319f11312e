package catalog_test

import (
	"errors"
	"path/filepath"
	"slices"
	"testing"

	"github.com/durablego/do/internal/catalog"
	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/sqlite"
)

// TestHistory has the catalog remember what became of a namespace: made, renamed, bound
// otherwise, marked, removed (P1, P9).
func TestHistory(t *testing.T) {
	fsys, dir := disk.Mem(), "/data"
	if err := fsys.MkdirAll(dir); err != nil {
		t.Fatal(err)
	}
	c, err := catalog.Open(fsys, dir)
	if err != nil {
		t.Fatal(err)
	}
	is := func(class, binding string) catalog.Declared {
		return catalog.Declared{Classes: []catalog.Class{{Namespace: catalog.Namespace{Script: "s", StableID: "a", Class: class, Binding: binding}}}}
	}
	gone := catalog.Declared{Tombstones: []catalog.Mark{{Script: "s", StableID: "a"}}}
	for _, d := range []catalog.Declared{is("X", "B"), is("Y", "B"), is("Y", "C"), is("Y", "C"), gone} {
		found, err := c.Look(fsys, dir)
		if err != nil {
			t.Fatal(err)
		}
		plan, err := catalog.Make(d, found)
		if err = errors.Join(err, c.Apply(plan)); err != nil {
			t.Fatal(err)
		}
	}
	state := func() catalog.State {
		rows, err := c.Rows()
		if err != nil || len(rows) != 1 {
			t.Fatalf("rows: %v, %v", rows, err)
		}
		return rows[0].State
	}
	if s := state(); s != catalog.Deleting {
		t.Errorf("state = %s, want deleting", s)
	}
	if _, err := c.Remove(fsys, dir); err != nil || state() != catalog.Deleted {
		t.Errorf("Remove = %v, state %s, want deleted", err, state())
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	want := []string{"create X B", "rename Y B", "keep Y C", "delete Y C", "removed Y C"}
	if got := history(t, fsys, dir); !slices.Equal(got, want) {
		t.Errorf("history = %q, want %q", got, want)
	}
}

func history(t *testing.T, fsys disk.FS, dir string) (lines []string) {
	t.Helper()
	conn, err := sqlite.Open(filepath.Join(dir, catalog.File), sqlite.Options{FS: fsys})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	s, _, err := conn.Prepare("SELECT change || ' ' || class || ' ' || binding FROM history WHERE unique_key='s.a' ORDER BY rowid")
	if err != nil {
		t.Fatal(err)
	}
	for {
		more, err := s.Step()
		if err != nil {
			t.Fatal(err)
		}
		if !more {
			return lines
		}
		lines = append(lines, s.ColumnText(0))
	}
}
