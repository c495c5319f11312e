package catalog_test

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/durablego/do/internal/catalog"
	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/disk/disktest"
	"github.com/durablego/do/internal/doerr"
	"github.com/durablego/do/internal/sqlite"
)

// format1 is a catalog as it was before there were states and a history.
const format1 = `
CREATE TABLE namespace(
	unique_key  TEXT NOT NULL PRIMARY KEY COLLATE NOCASE,
	environment TEXT NOT NULL,
	script      TEXT NOT NULL,
	stable_id   TEXT NOT NULL,
	class       TEXT NOT NULL,
	binding     TEXT NOT NULL,
	UNIQUE(environment, script, stable_id)
) WITHOUT ROWID;
PRAGMA user_version = 1;
INSERT INTO namespace VALUES ('main.a', '', 'main', 'a', 'Aye', 'A'), ('p.main.B~2', 'p', 'main', 'B', 'Bee', 'B');`

var old = map[string]catalog.Namespace{
	"main.a":     {Script: "main", StableID: "a", Class: "Aye", Binding: "A", UniqueKey: "main.a"},
	"p.main.B~2": {Environment: "p", Script: "main", StableID: "B", Class: "Bee", Binding: "B", UniqueKey: "p.main.B~2"},
}

// write1 makes a data folder with such a catalog.
func write1(t *testing.T, fsys disk.FS, dir string) {
	t.Helper()
	path := filepath.Join(dir, catalog.File)
	f, err := fsys.Open(path, os.O_RDWR|os.O_CREATE)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := sqlite.Open(path, sqlite.Options{FS: fsys})
	if err == nil {
		err = conn.Exec("BEGIN;" + format1 + "COMMIT")
	}
	if err = errors.Join(err, conn.Close(), f.Sync(), f.Close(), fsys.SyncDir(dir)); err != nil {
		t.Fatal(err)
	}
}

func rows(t *testing.T, c *catalog.Catalog, err error) map[string]catalog.Namespace {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	all, err := c.Rows()
	if err = errors.Join(err, c.Close()); err != nil {
		t.Fatal(err)
	}
	return live(all)
}

// TestUpgrade opens a catalog of format 1, with the power cut at each moment of that:
// everything in it is kept, under the same keys (P1).
func TestUpgrade(t *testing.T) {
	for n := 1; ; n++ {
		dir := t.TempDir()
		faulty := disktest.NewFaulty(disktest.NoSync(disk.OS()))
		record, err := disktest.NewRecorder(faulty, dir)
		if err != nil {
			t.Fatal(err)
		}
		write1(t, record, dir)
		left, ops := filepath.Join(t.TempDir(), "left"), 0
		faulty.Hook(func(op disktest.Op, _ string) error {
			switch op { // the recorder can be asked during these only
			case disktest.Write, disktest.Truncate, disktest.Sync, disktest.SyncDir:
				if ops++; ops == n {
					return record.Crash(left)
				}
			}
			return nil
		})
		c, err := catalog.Open(record, dir)
		if got := rows(t, c, err); !maps.Equal(got, old) {
			t.Fatalf("after the upgrade: %v, want %v", got, old)
		}
		if ops < n {
			break
		}
		c, err = catalog.Open(disk.OS(), left)
		if got := rows(t, c, err); !maps.Equal(got, old) {
			t.Errorf("cut at %d: %v, want %v", n, got, old)
		}
	}
}

// TestOpenCopy reads the catalog of an older version, and one that a crash left with a
// journal, in a folder that it does not change (P8).
func TestOpenCopy(t *testing.T) {
	dir := t.TempDir()
	write1(t, disk.OS(), dir)
	path := filepath.Join(dir, catalog.File)
	before := read(t, path)
	c, err := catalog.OpenCopy(disk.OS(), dir)
	if got := rows(t, c, err); !maps.Equal(got, old) {
		t.Errorf("a copy has %v, want %v", got, old)
	}
	if read(t, path) != before {
		t.Error("the catalog was changed")
	}

	hot := hotFolder(t)
	path = filepath.Join(hot, catalog.File)
	before, journal := read(t, path), read(t, path+"-journal")
	c, err = catalog.OpenCopy(disk.OS(), hot)
	if got := rows(t, c, err); !maps.Equal(got, old) {
		t.Errorf("a copy of a crash has %v, want %v", got, old)
	}
	if read(t, path) != before || read(t, path+"-journal") != journal {
		t.Error("the folder of a crash was changed")
	}
	c, err = catalog.OpenCopy(disk.OS(), t.TempDir())
	if got := rows(t, c, err); len(got) != 0 {
		t.Errorf("a copy of nothing has %v", got)
	}
}

// hotFolder is what a crash leaves in the middle of an Apply.
func hotFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	faulty := disktest.NewFaulty(disktest.NoSync(disk.OS()))
	record, err := disktest.NewRecorder(faulty, dir)
	if err != nil {
		t.Fatal(err)
	}
	write1(t, record, dir)
	c, err := catalog.Open(record, dir)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	left := filepath.Join(t.TempDir(), "left")
	done := false
	faulty.Hook(func(op disktest.Op, name string) error {
		if op != disktest.Sync || filepath.Base(name) != catalog.File || done {
			return nil
		}
		done = true // journal and database are written, the database not synced
		return copyFolder(dir, left)
	})
	plan, err := catalog.Make(catalog.Declared{Classes: []catalog.Class{{Namespace: catalog.Namespace{Script: "main", StableID: "a", Class: "New", Binding: "A"}}}},
		catalog.Found{Rows: []catalog.Row{{Namespace: old["main.a"], State: catalog.Live}}})
	if err = errors.Join(err, c.Apply(plan)); err != nil || !done {
		t.Fatalf("Apply = %v, cut is %v", err, done)
	}
	return left
}

func copyFolder(from, to string) error { return os.CopyFS(to, os.DirFS(from)) }

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestIdentity writes and reads the copy of an identity that has odd bytes (P1); what is
// not whole is none, what is newer is refused.
func TestIdentity(t *testing.T) {
	dir := t.TempDir()
	n := catalog.Namespace{Environment: "a\nb", Script: "ä\x00\"", StableID: "\xff", Class: "*x.Y[int]", Binding: ".", UniqueKey: "k.1"}
	folder := filepath.Join(dir, n.UniqueKey)
	if err := errors.Join(os.Mkdir(folder, 0o755), catalog.WriteIdentity(disk.OS(), folder, n)); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(folder, catalog.IdentityFile)
	good := read(t, path)
	for text, want := range map[string][]catalog.Namespace{
		good:                                   {n},
		good[:len(good)-2]:                     nil,
		strings.ToUpper(good):                  nil,
		good + "more":                          nil,
		strings.Replace(good, "k.1", "k.2", 1): nil, // a copy under another name is not its own
		"":                                     nil,
	} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		found, err := look(t, dir)
		if err != nil || !slices.Equal(found.Folders, want) {
			t.Errorf("found %+v, %v in %q, want %+v", found.Folders, err, text, want)
		}
	}
	if err := os.WriteFile(path, []byte(strings.Replace(good, " 1\n", " 2\n", 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := look(t, dir); !errors.Is(err, doerr.ErrNewerFormat) {
		t.Errorf("a newer one = %v, want ErrNewerFormat", err)
	}
}

func look(t *testing.T, dir string) (catalog.Found, error) {
	t.Helper()
	c, err := catalog.OpenCopy(disk.OS(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.Look(disk.OS(), dir)
}

// TestForeignFolder: a folder that others made, and that cannot be read, is not ours to judge.
func TestForeignFolder(t *testing.T) {
	faulty := disktest.NewFaulty(disk.OS())
	dir := t.TempDir()
	for _, name := range []string{"lost+found", "main.A"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
		faulty.Hook(func(op disktest.Op, path string) error {
			if op == disktest.Read && filepath.Base(path) == name {
				return &fs.PathError{Op: "open", Path: path, Err: fs.ErrPermission}
			}
			return nil
		})
		c, err := catalog.Open(faulty, dir)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = c.Look(faulty, dir); errors.Is(err, fs.ErrPermission) != (name == "main.A") {
			t.Errorf("with a closed folder %s: %v", name, err)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}
