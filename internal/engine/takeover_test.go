package engine_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/doerr"
	"github.com/durablego/do/internal/engine"
	"github.com/durablego/do/internal/sqlite"
)

const (
	foreignSchema = `CREATE TABLE _cf_KV(key TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID;
		CREATE TABLE _cf_METADATA(key INTEGER PRIMARY KEY, value BLOB);`
	foreignAlarm = 1795395725003000000
)

// writeForeign makes a file like the reference's, with a log that has all but the tables.
func writeForeign(t testing.TB, path, schema, sql string) {
	t.Helper()
	image, err := sqlite.Image(schema)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, image, 0o600); err != nil {
		t.Fatal(err)
	}
	conn, err := sqlite.Open(path, sqlite.Options{FS: disk.OS(), WAL: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(conn.Exec(sql), conn.Close()); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+"-shm", make([]byte, 32768), 0o600); err != nil {
		t.Fatal(err)
	}
}

func foreignRows(more string) string {
	return fmt.Sprintf(`BEGIN; INSERT INTO _cf_KV VALUES('b', x'02'), ('a', x'01'), ('bulk', zeroblob(20000));
		INSERT INTO _cf_METADATA VALUES(1, %d), (2, 'of no account');
		CREATE TABLE item(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT); INSERT INTO item(name) VALUES('x'), ('y');
		CREATE INDEX item_name ON item(name); CREATE VIEW named AS SELECT name FROM item;
		CREATE TABLE noid(v); INSERT INTO noid(rowid, v) VALUES(7, 's');
		CREATE TRIGGER tr AFTER DELETE ON item BEGIN DELETE FROM noid; END;
		CREATE VIRTUAL TABLE doc USING fts5(body); INSERT INTO doc VALUES('the quick brown fox'); %s; COMMIT`, foreignAlarm, more)
}

// converted are the keys and values as convert makes them.
var converted = []string{"a", "=1", "b", "=2", "bulk", "=20000"}

var errBad = errors.New("a bad value")

// convert stands for what the root package does with a value.
func convert(key string, stored []byte) ([]byte, error) {
	switch {
	case strings.HasPrefix(key, "bad"):
		return nil, &doerr.ConversionError{Key: key, Tag: 'R', Err: errBad}
	case len(stored) == 1:
		return fmt.Appendf(nil, "=%d", stored[0]), nil
	}
	return fmt.Appendf(nil, "=%d", len(stored)), nil
}

// takingOver has a DB take over files below dir, whose temporary ones are beside it.
func takingOver(dir string, done func(engine.Takeover, error)) func(*engine.Options) {
	n := 0
	return func(o *engine.Options) {
		o.Foreign = &engine.Foreign{
			Value: convert,
			Temp:  func() string { n++; return filepath.Join(dir, fmt.Sprintf("%d.partial", n)) },
			Name:  func() string { return "its name" },
			Done:  done,
		}
	}
}

// newForeign gives an object whose files are the reference's.
func newForeign(t *testing.T, more string) (*object, *[]engine.Takeover) {
	var told []engine.Takeover
	temp := t.TempDir()
	o := newObject(t, takingOver(temp, func(x engine.Takeover, err error) {
		if err == nil {
			told = append(told, x)
		}
	})).auto()
	writeForeign(t, o.path, foreignSchema, foreignRows(more))
	t.Cleanup(func() {
		if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
			t.Errorf("left behind: %v, %v", left, err)
		}
	})
	return o, &told
}

// files reads what is in a folder.
func files(t testing.TB, dir string) map[string]string {
	t.Helper()
	all, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	content := map[string]string{}
	for _, f := range all {
		data, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		content[f.Name()] = string(data)
	}
	return content
}

// wantTakenOver checks what is in a database that was taken over.
func (o *object) wantTakenOver() {
	o.t.Helper()
	o.want(converted...)
	for query, want := range map[string][]string{
		"SELECT name FROM item ORDER BY id":                                            {"x", "y"},
		"SELECT seq FROM sqlite_sequence":                                              {"2"},
		"SELECT rowid FROM noid":                                                       {"7"},
		"SELECT count(*) FROM named":                                                   {"2"},
		"SELECT rowid FROM doc WHERE doc MATCH 'brown'":                                {"1"},
		"SELECT name FROM sqlite_schema WHERE name LIKE '\\_cf\\_%' ESCAPE '\\'":       nil,
		"SELECT name FROM sqlite_schema WHERE type IN ('trigger', 'index') AND sql>''": {"item_name", "tr"},
	} {
		got, err := o.Query(ctx, query)
		if slices.Sort(got); err != nil || !slices.Equal(got, want) {
			o.t.Errorf("%s: %q, %v, want %q", query, got, err, want)
		}
	}
	a, err := o.Session.Alarm(ctx)
	if err != nil || a != (engine.Alarm{At: foreignAlarm}) {
		o.t.Errorf("alarm %+v, %v", a, err)
	}
	if name, err := o.DB.Name(); err != nil || name != "its name" {
		o.t.Errorf("name %q, %v", name, err)
	}
}

// TestIssue5Part6TakeOver opens a file of the reference, whose log has all of its data.
func TestIssue5Part6TakeOver(t *testing.T) {
	o, told := newForeign(t, "")
	if foreign, err := o.IsForeign(ctx); !foreign || err != nil {
		t.Errorf("foreign: %v, %v", foreign, err)
	}
	o.wantTakenOver()
	if foreign, err := engine.IsForeign(disk.OS(), o.path); foreign || err != nil {
		t.Errorf("foreign: %v, %v", foreign, err)
	}
	o.save("c", "3")
	o.close()
	all := files(t, o.dir)
	if _, ok := all["a.sqlite-shm"]; ok || len(all) != 2 {
		t.Errorf("files %q", slices.Sorted(maps.Keys(all)))
	}
	if want := (engine.Takeover{Keys: 3, Alarm: foreignAlarm, Original: o.path + ".orig", Size: int64(len(all["a.sqlite.orig"]))}); len(*told) != 1 || (*told)[0] != want {
		t.Errorf("told %+v, want %+v", *told, want)
	}
	o.want(append(slices.Clone(converted), "c", "3")...) // not from the original once more
	o.close()

	// The original, put back, is as good as before.
	if err := os.Rename(o.path+".orig", o.path); err != nil {
		t.Fatal(err)
	}
	o.wantTakenOver()
}

// TestIssue5Part6Unconvertible refuses files that have something which cannot be taken over,
// or is not known, and does not touch them.
func TestIssue5Part6Unconvertible(t *testing.T) {
	for name, more := range map[string]string{
		"value":          "INSERT INTO _cf_KV VALUES('bad', x'05')",
		"unknown table":  "CREATE TABLE _cf_NEW(x)",
		"our name":       "CREATE TABLE _do_kv(x)",
		"our prefix":     "CREATE TABLE _DO_mine(x)",
		"no such column": "DROP TABLE _cf_KV; CREATE TABLE _cf_KV(k, v)",
	} {
		o, told := newForeign(t, more)
		before := files(t, o.dir)
		for range 2 {
			_, _, err := o.Get(ctx, "a")
			if !errors.Is(err, doerr.ErrUnconvertible) || engine.IsIO(err) {
				t.Errorf("%s: %v", name, err)
			}
			if c, ok := errors.AsType[*doerr.ConversionError](err); name == "value" && (!ok || c.Key != "bad" || c.Tag != 'R' || !errors.Is(err, errBad)) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if after := files(t, o.dir); fmt.Sprint(after) != fmt.Sprint(before) || len(*told) > 0 {
			t.Errorf("%s: changed", name)
		}
		if name == "value" {
			a, data, err := engine.InspectForeign(disk.OS(), o.path)
			if a.At != foreignAlarm || !data || err != nil {
				t.Errorf("%+v, %v, %v", a, data, err)
			}
		}
	}
}

// TestIssue5Part6OnlyWhereAsked refuses the file where nobody said that there are such.
func TestIssue5Part6OnlyWhereAsked(t *testing.T) {
	o := newObject(t).auto()
	writeForeign(t, o.path, foreignSchema, foreignRows(""))
	before := files(t, o.dir)
	if _, _, err := o.Get(ctx, "a"); err == nil || errors.Is(err, doerr.ErrUnconvertible) {
		t.Errorf("opened: %v", err)
	}
	if after := files(t, o.dir); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Error("changed")
	}
}

// TestIssue5Part6DestroyForeign removes files that were never taken over, also such as cannot be.
func TestIssue5Part6DestroyForeign(t *testing.T) {
	for _, more := range []string{"", "INSERT INTO _cf_KV VALUES('bad', x'05')"} {
		o, told := newForeign(t, more)
		if err := o.Destroy(ctx); err != nil {
			t.Fatal(err)
		}
		o.wantFiles()
		if len(*told) > 0 || len(files(t, o.dir)) > 0 {
			t.Errorf("taken over first: %+v, files %q", *told, slices.Sorted(maps.Keys(files(t, o.dir))))
		}
		o.want()
	}
}

// TestIssue5Part6EmptyForeign takes over what has no data, which goes with the close.
func TestIssue5Part6EmptyForeign(t *testing.T) {
	o := newObject(t, takingOver(t.TempDir(), nil)).auto()
	writeForeign(t, o.path, foreignSchema, "INSERT INTO _cf_METADATA VALUES(1, NULL)")
	if a, data, err := engine.InspectForeign(disk.OS(), o.path); a.IsSet() || data || err != nil {
		t.Errorf("%+v, %v, %v", a, data, err)
	}
	o.want()
	o.close()
	o.wantFiles()
}
