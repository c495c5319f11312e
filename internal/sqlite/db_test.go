package sqlite_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/sqlite"
)

const schema = `PRAGMA user_version=1;
CREATE TABLE _do_kv(key TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID;
CREATE TABLE _do_meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;`

func newImage(tb testing.TB, schema string) []byte {
	tb.Helper()
	image, err := sqlite.Image(schema)
	if err != nil {
		tb.Fatal(err)
	}
	return image
}

// newFile writes content to a file in a folder of its own.
func newFile(tb testing.TB, content []byte) (path string) {
	tb.Helper()
	path = filepath.Join(tb.TempDir(), "a.sqlite")
	if err := os.WriteFile(path, content, 0o644); err != nil {
		tb.Fatal(err)
	}
	return path
}

func newDB(tb testing.TB) (path string) { return newFile(tb, newImage(tb, schema)) }

// db is a connection whose methods fail the test.
type db struct {
	*sqlite.Conn
	tb testing.TB
}

func open(tb testing.TB, path string, o sqlite.Options) *db {
	tb.Helper()
	if o.FS == nil {
		o.FS = disk.OS()
	}
	c, err := sqlite.Open(path, o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = c.Close() })
	return &db{c, tb}
}

// openWAL opens an object's database.
func openWAL(tb testing.TB, path string) *db {
	tb.Helper()
	return open(tb, path, sqlite.Options{WAL: true})
}

func (d *db) exec(format string, args ...any) {
	d.tb.Helper()
	sql := fmt.Sprintf(format, args...)
	if err := d.Exec(sql); err != nil {
		d.tb.Fatalf("Exec(%.80q): %v", sql, err)
	}
}

func (d *db) prepare(sql string) *sqlite.Stmt {
	d.tb.Helper()
	s, tail, err := d.Prepare(sql)
	if err != nil || s == nil || tail != "" {
		d.tb.Fatalf("Prepare(%.80q) = %v, %q, %v", sql, s, tail, err)
	}
	return s
}

// value gives the first column of the first row, as text.
func (d *db) value(sql string) string {
	d.tb.Helper()
	s := d.prepare(sql)
	defer s.Finalize()
	row, err := s.Step()
	if err != nil {
		d.tb.Fatalf("Step(%.80q): %v", sql, err)
	}
	if !row {
		return ""
	}
	return s.ColumnText(0)
}

func (d *db) close() {
	d.tb.Helper()
	if err := d.Close(); err != nil {
		d.tb.Fatal(err)
	}
}

// quickCheck fails the test if the database is not sound.
func (d *db) quickCheck() {
	d.tb.Helper()
	if got := d.value("PRAGMA integrity_check"); got != "ok" {
		d.tb.Fatalf("integrity_check = %s", got)
	}
}

func (d *db) checkpoint() {
	d.tb.Helper()
	if err := d.Checkpoint(); err != nil {
		d.tb.Fatal(err)
	}
}

// wantCode checks that err is an Error with this extended code.
func wantCode(t *testing.T, what string, err error, extended string) *sqlite.Error {
	t.Helper()
	var e *sqlite.Error
	if !errors.As(err, &e) || e.Extended != extended {
		t.Fatalf("%s: %v, want %s", what, err, extended)
	}
	return e
}
