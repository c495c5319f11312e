package engine_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/disk/disktest"
	"github.com/durablego/do/internal/doerr"
	"github.com/durablego/do/internal/engine"
	"github.com/durablego/do/internal/sqlite"
)

// exported gives the file of an object with a key, a name and some bulk.
func exported(t *testing.T, more ...func(o *object)) []byte {
	t.Helper()
	o := newObject(t).auto()
	o.SetName("n")
	o.save("a", "1")
	o.save("bulk", strings.Repeat("x", 20000))
	for _, f := range more {
		f(o)
	}
	s := o.snapshot()
	defer s.Close()
	var file bytes.Buffer
	if err := s.WriteTo(ctx, &file); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

// changed gives a file after SQL that no object may run.
func changed(t *testing.T, file []byte, sql string) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(path, file, 0o644); err != nil {
		t.Fatal(err)
	}
	conn, err := sqlite.Open(path, sqlite.Options{FS: disk.OS()})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(conn.Exec(sql), conn.Close()); err != nil {
		t.Fatal(err)
	}
	file, err = os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func keep(name string) string { return name }

// A copy of an object becomes an object's database, under the name that it is given.
func TestAdopt(t *testing.T) {
	for given, want := range map[string]string{"n": "n", "other": "other", "": ""} {
		o := newObject(t).auto()
		if err := os.WriteFile(o.path, exported(t), 0o644); err != nil {
			t.Fatal(err)
		}
		data, err := engine.Adopt(ctx, o.disk, o.path, func(stored string) string {
			if stored != "n" {
				t.Errorf("stored name %q, want n", stored)
			}
			return given
		})
		if err != nil || !data {
			t.Errorf("Adopt = %v, %v", data, err)
		}
		o.wantFiles("main")
		if got, err := o.Name(); got != want || err != nil {
			t.Errorf("Name = %q, %v, want %q", got, err, want)
		}
		o.want("a", "1", "bulk", strings.Repeat("x", 20000))
		o.save("a", "2")
		o.close()
		o.want("a", "2", "bulk", strings.Repeat("x", 20000))
	}
}

// A file without data is told from one with.
func TestL16AdoptWithoutData(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	file := changed(t, exported(t), "DELETE FROM _do_kv")
	if err := os.WriteFile(path, file, 0o644); err != nil {
		t.Fatal(err)
	}
	if data, err := engine.Adopt(ctx, disk.OS(), path, keep); data || err != nil {
		t.Errorf("Adopt = %v, %v, want no data", data, err)
	}
}

// What is not an object's database is refused, whatever is wrong with it.
func TestAdoptRefuses(t *testing.T) {
	file := exported(t)
	with := func(at int, b ...byte) []byte {
		f := slices.Clone(file)
		copy(f[at:], b)
		return f
	}
	for what, c := range map[string]struct {
		file []byte
		err  error
	}{
		"empty":             {nil, doerr.ErrNotDatabase},
		"text":              {[]byte(strings.Repeat("hello ", 2000)), doerr.ErrNotDatabase},
		"short":             {file[:50], doerr.ErrNotDatabase},
		"cut at a page":     {file[:4096*3], doerr.ErrNotDatabase},
		"cut in a page":     {file[:4096*3+100], doerr.ErrNotDatabase},
		"newer format":      {with(60, 0, 0, 0, 2), doerr.ErrNewerFormat},
		"other format":      {with(60, 0, 0, 0, 0), doerr.ErrNotDatabase},
		"pages of 512":      {with(16, 2, 0), doerr.ErrNotDatabase},
		"UTF-16":            {with(56, 0, 0, 0, 2), doerr.ErrNotDatabase},
		"journal mode":      {with(18, 1, 2), doerr.ErrNotDatabase},
		"schema overwrites": {with(100, make([]byte, 3000)...), doerr.ErrNotDatabase},
		"a page of zeros":   {with(4096, make([]byte, 4096)...), doerr.ErrNotDatabase},
		"a page of ones":    {with(3*4096, bytes.Repeat([]byte{1}, 4096)...), doerr.ErrNotDatabase},
		"no tables":         {changed(t, file, "DROP TABLE _do_kv"), doerr.ErrNotDatabase},
		"a trigger":         {changed(t, file, "CREATE TRIGGER x AFTER INSERT ON _do_kv BEGIN DELETE FROM _do_kv; END"), doerr.ErrNotDatabase},
		"an index":          {changed(t, file, "CREATE INDEX x ON _do_kv(value)"), doerr.ErrNotDatabase},
		"another table":     {changed(t, file, "CREATE TABLE _do_more(x)"), doerr.ErrNotDatabase},
		"other columns":     {changed(t, file, "ALTER TABLE _do_kv ADD COLUMN more"), doerr.ErrNotDatabase},
	} {
		t.Run(what, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x")
			if err := os.WriteFile(path, c.file, 0o644); err != nil {
				t.Fatal(err)
			}
			if _, err := engine.Adopt(ctx, disk.OS(), path, keep); !errors.Is(err, c.err) {
				t.Errorf("Adopt = %v, want %v", err, c.err)
			}
		})
	}
}

// A failure of the disk is not the file's fault, and ctx ends the check.
func TestAdoptFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	file := exported(t)
	for op := disktest.Open; op <= disktest.Stat; op++ {
		for n := 1; ; n++ {
			if err := os.WriteFile(path, file, 0o644); err != nil {
				t.Fatal(err)
			}
			faulty := disktest.NewFaulty(disk.OS())
			faulty.Fail(disktest.Fault{Op: op, N: n, Err: errDisk})
			_, err := engine.Adopt(ctx, faulty, path, func(string) string { return "m" })
			told := errors.Is(err, errDisk) && !errors.Is(err, doerr.ErrNotDatabase)
			switch op {
			case disktest.Read: // quick_check takes it for damage
				told = told || errors.Is(err, doerr.ErrNotDatabase)
			case disktest.Write: // room ahead in the log need not be made
				told = told || err == nil
			}
			if !told && (err != nil || faulty.Fired() > 0) {
				t.Errorf("%d. %v: Adopt = %v", n, op, err)
			}
			_ = os.Remove(path + "-wal")
			if faulty.Fired() == 0 {
				break
			}
		}
	}
	if err := os.WriteFile(path, file, 0o644); err != nil {
		t.Fatal(err)
	}
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := engine.Adopt(gone, disk.OS(), path, keep); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("Adopt without time = %v", err)
	}
}

// An adopted file takes the place of a database without data, durably, and of no other one.
func TestTake(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	file := exported(t)
	adopted := func() {
		t.Helper()
		if err := os.WriteFile(path, file, 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := engine.Adopt(ctx, disk.OS(), path, keep); err != nil {
			t.Fatal(err)
		}
	}
	bulk := strings.Repeat("x", 20000)
	for what, prepare := range map[string]func(o *object){
		"nothing": func(o *object) {},
		"looked":  func(o *object) { o.want() },
		"empty": func(o *object) {
			o.save("a", "2")
			if err := o.DeleteAll(ctx); err != nil {
				t.Fatal(err)
			}
			o.commit()
		},
	} {
		for _, op := range []disktest.Op{-1, disktest.Rename, disktest.SyncDir} {
			o := newObject(t).auto()
			prepare(o)
			adopted()
			n := 1
			if op == disktest.SyncDir && what == "empty" {
				n = 2 // the first is for what was there
			}
			o.disk.Fail(disktest.Fault{Op: op, N: n, Err: errDisk})
			err := o.DB.Take(ctx, path)
			if op < 0 {
				if err != nil {
					t.Errorf("%s: Take = %v", what, err)
				}
				o.want("a", "1", "bulk", bulk)
				continue
			}
			if !errors.Is(err, errDisk) {
				t.Errorf("%s, %v fails: Take = %v", what, op, err)
			}
			o.wantFiles()
			o.want()
		}
	}
	o := newObject(t).auto()
	o.save("a", "2")
	for _, prepare := range []func(){func() {}, o.close, func() { o.DB.Abandon(); o.reopen() }} {
		prepare()
		adopted()
		if err := o.DB.Take(ctx, path); !errors.Is(err, doerr.ErrHasData) {
			t.Errorf("Take over data = %v", err)
		}
		o.want("a", "2")
	}
}
