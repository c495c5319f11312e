package sqlite_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/sqlite"
)

func TestOpenSettings(t *testing.T) {
	wal := open(t, newDB(t), sqlite.Options{WAL: true, MaxPages: 77})
	journal := open(t, newFile(t, nil), sqlite.Options{})
	for _, v := range []struct{ sql, wal, journal string }{
		{"PRAGMA journal_mode", "wal", "delete"},
		{"PRAGMA locking_mode", "exclusive", "normal"},
		{"PRAGMA synchronous", "0", "3"},
		{"PRAGMA foreign_keys", "1", "1"},
		{"PRAGMA trusted_schema", "0", "0"},
		{"PRAGMA cell_size_check", "1", "1"},
		{"PRAGMA temp_store", "2", "2"},
		{"PRAGMA max_page_count", "77", "4294967294"},
		{"PRAGMA wal_autocheckpoint", "0", "0"},
	} {
		if got := wal.value(v.sql); got != v.wal {
			t.Errorf("WAL: %s = %s, want %s", v.sql, got, v.wal)
		}
		if got := journal.value(v.sql); got != v.journal {
			t.Errorf("journal: %s = %s, want %s", v.sql, got, v.journal)
		}
	}
	if err := wal.Exec(`SELECT "no such column"`); err == nil {
		t.Error("a double-quoted string was taken")
	}
	if err := wal.Exec("PRAGMA writable_schema=ON; DELETE FROM sqlite_schema"); err == nil {
		t.Error("the schema table could be written")
	}
}

func TestOpenLimits(t *testing.T) {
	d := open(t, newDB(t), sqlite.Options{WAL: true, MaxRowBytes: 10_000, MaxPages: 20})
	s := d.prepare("INSERT INTO _do_kv VALUES (?, ?)")
	wantCode(t, "a long value", s.BindBlob(2, make([]byte, 10_001)), "SQLITE_TOOBIG")
	wantCode(t, "a long text", s.BindText(1, strings.Repeat("x", 10_001)), "SQLITE_TOOBIG")
	if err := s.BindBlob(2, make([]byte, 9_000)); err != nil {
		t.Error(err)
	}
	d.exec("CREATE TABLE t(x)")
	err := d.Exec("WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM c LIMIT 1000) INSERT INTO t SELECT randomblob(1000) FROM c")
	if e := wantCode(t, "too many pages", err, "SQLITE_FULL"); e.Err != nil {
		t.Errorf("the disk is blamed: %v", e.Err)
	}
	d.quickCheck()
}

func TestOpenMissing(t *testing.T) {
	dir := t.TempDir()
	for _, wal := range []bool{true, false} {
		_, err := sqlite.Open(filepath.Join(dir, "a"), sqlite.Options{FS: disk.OS(), WAL: wal})
		wantCode(t, "Open of nothing", err, "SQLITE_CANTOPEN")
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%v is not ErrNotExist", err)
		}
	}
	if names, err := os.ReadDir(dir); err != nil || len(names) != 0 {
		t.Errorf("left behind: %v, %v", names, err)
	}
}

func TestOpenNoDatabase(t *testing.T) {
	image := newImage(t, schema)
	change := func(off int, b ...byte) []byte {
		p := bytes.Clone(image)
		copy(p[off:], b)
		return p
	}
	for _, v := range []struct {
		name    string
		content []byte
		codes   string
	}{
		{"text", []byte(strings.Repeat("This is not a database. ", 500)), "SQLITE_NOTADB"},
		{"short", []byte("SQLite format 3"), "SQLITE_NOTADB"},
		{"zeros", make([]byte, 8192), "SQLITE_NOTADB"},
		{"header", change(0, 'X'), "SQLITE_NOTADB"},
		{"page size", change(16, 0xff), "SQLITE_NOTADB"},
		{"newer version", change(18, 9, 9), "SQLITE_NOTADB SQLITE_CANTOPEN SQLITE_READONLY"},
		{"page type", change(100, 0xee), "SQLITE_CORRUPT"},
		{"schema text", change(4096-60, bytes.Repeat([]byte{0xff}, 60)...), "SQLITE_CORRUPT"},
		{"cut", image[:5000], "SQLITE_CORRUPT"},
		{"empty", nil, "SQLITE_NOTADB"},
		{"journal mode", change(18, 1, 1), "SQLITE_NOTADB"},
	} {
		t.Run(v.name, func(t *testing.T) {
			path := newFile(t, v.content)
			c, err := sqlite.Open(path, sqlite.Options{FS: disk.OS(), WAL: true})
			if err == nil {
				c.Close()
				t.Fatal("Open = nil")
			}
			var e *sqlite.Error
			if !errors.As(err, &e) || !strings.Contains(v.codes, e.Code) {
				t.Errorf("Open = %v, want %s", err, v.codes)
			}
			got, err := os.ReadFile(path)
			if err != nil || !bytes.Equal(got, v.content) {
				t.Errorf("the file has changed, %v", err)
			}
			if names, err := os.ReadDir(filepath.Dir(path)); err != nil || len(names) != 1 {
				t.Errorf("files: %v, %v", names, err)
			}
		})
	}
}

func TestReadingMakesNoFile(t *testing.T) {
	path := newDB(t)
	d := openWAL(t, path)
	if got := d.value("SELECT count(*) FROM _do_kv"); got != "0" {
		t.Errorf("count = %s", got)
	}
	d.checkpoint()
	if err := errors.Join(d.SyncWAL(), d.SyncMain()); err != nil {
		t.Error(err)
	}
	if d.WALCreated() != 0 || d.WALSize() != 0 || d.Frames() != 0 {
		t.Errorf("WALCreated = %d, WALSize = %d, Frames = %d, want 0", d.WALCreated(), d.WALSize(), d.Frames())
	}
	d.close()
	if names, err := os.ReadDir(filepath.Dir(path)); err != nil || len(names) != 1 {
		t.Errorf("files: %v, %v", names, err)
	}
}

// SQL reaches no other file, least of all another object's.
func TestNoOtherFiles(t *testing.T) {
	other := openWAL(t, newDB(t))
	path := newDB(t)
	d := openWAL(t, path)
	names := []string{"other", filepath.Join(filepath.Dir(path), "x"), path, "4000000000", "-wal", "file:1"}
	for id := range 200 { // among them the handles of both
		names = append(names, fmt.Sprint(id))
	}
	for _, name := range names {
		wantCode(t, "ATTACH "+name, d.Exec("ATTACH '"+name+"' AS x"), "SQLITE_CANTOPEN")
		if err := d.Exec("VACUUM INTO '" + name + "'"); err == nil {
			t.Errorf("VACUUM INTO %s = nil", name)
		}
	}
	for _, dir := range []string{".", filepath.Dir(path)} {
		if names, err := filepath.Glob(filepath.Join(dir, "*other*")); err != nil || len(names) > 0 {
			t.Errorf("files: %q, %v", names, err)
		}
	}
	other.quickCheck()
}

func TestTransactionAndChanges(t *testing.T) {
	d := openWAL(t, newDB(t))
	if d.InTransaction() {
		t.Error("in a transaction at first")
	}
	d.exec("BEGIN; INSERT INTO _do_kv VALUES ('a', 1), ('b', 2), ('c', 3)")
	if !d.InTransaction() || d.Changes() != 3 {
		t.Errorf("InTransaction = %v, Changes = %d", d.InTransaction(), d.Changes())
	}
	d.exec("DELETE FROM _do_kv WHERE key = 'a'; COMMIT")
	if d.InTransaction() || d.Changes() != 1 || d.TotalChanges() != 4 {
		t.Errorf("InTransaction = %v, Changes = %d, TotalChanges = %d", d.InTransaction(), d.Changes(), d.TotalChanges())
	}
}

func TestCloseUndoesAndFinalizes(t *testing.T) {
	path := newDB(t)
	d := openWAL(t, path)
	s := d.prepare("SELECT key FROM _do_kv")
	d.exec("INSERT INTO _do_kv VALUES ('kept', 1); BEGIN; INSERT INTO _do_kv VALUES ('undone', 1)")
	if row, err := s.Step(); err != nil || !row {
		t.Fatal(row, err)
	}
	d.close()
	d.close()
	for what, err := range map[string]error{
		"Exec": d.Exec("SELECT 1"), "Step": second(s.Step()), "Reset": s.Reset(),
		"Checkpoint": d.Checkpoint(), "CutWAL": d.CutWAL(0),
		"BindInt64": s.BindInt64(1, 1), "BindText": s.BindText(1, "x"),
	} {
		wantCode(t, what+" after Close", err, "SQLITE_MISUSE")
	}
	if err := s.Finalize(); err != nil {
		t.Errorf("Finalize after Close = %v", err)
	}
	s.ClearBindings()
	d.Interrupt()
	d.SetProgress(1, func() bool { return true })
	if d.InTransaction() || d.Changes()+d.TotalChanges()+d.MemoryUsed() != 0 || s.ColumnBytes(0) != nil || s.ReadOnly() != true {
		t.Error("a closed connection has values")
	}
	if got := openWAL(t, path).value("SELECT group_concat(key) FROM _do_kv"); got != "kept" {
		t.Errorf("keys = %s, want kept", got)
	}
}

func second[T any](_ T, err error) error { return err }

func TestInsideSynctest(t *testing.T) {
	path := newDB(t)
	synctest.Test(t, func(t *testing.T) {
		d := openWAL(t, path)
		d.exec("INSERT INTO _do_kv VALUES ('a', datetime('now'))")
		if got := d.value("SELECT value FROM _do_kv"); !strings.HasPrefix(got, "2000-01-01") {
			t.Errorf("SQLite's time is %s, want the bubble's", got)
		}
		d.checkpoint()
		d.close()
	})
}
