package sqlite_test

import (
	"strings"
	"testing"

	"github.com/durablego/do/internal/sqlite"
)

// S8, S48, S53: what PrepareUser tells about a statement.
func TestUserStatements(t *testing.T) {
	d := openUser(t)
	d.exec("CREATE TABLE t(a)")
	for _, c := range []struct {
		sql                    string
		writes, schema, pragma bool
	}{
		{"SELECT 1", false, false, false},
		{"INSERT INTO t VALUES(1) RETURNING a", true, false, false},
		{"EXPLAIN INSERT INTO t VALUES(1)", false, false, false},
		{"EXPLAIN DROP TABLE t", false, false, false},
		{"CREATE TABLE u(a)", true, true, false},
		{"DROP TABLE t", true, true, false},
		{"ALTER TABLE t RENAME TO u", true, true, false},
		{"PRAGMA optimize", true, false, true},
		{"PRAGMA table_list", false, false, true},
	} {
		s, _, err := d.PrepareUser(c.sql)
		if err != nil {
			t.Fatalf("%s: %v", c.sql, err)
		}
		if s.Writes != c.writes || s.Schema != c.schema || s.Pragma != c.pragma {
			t.Errorf("%s: writes %v, schema %v, pragma %v", c.sql, s.Writes, s.Schema, s.Pragma)
		}
		if err := s.Finalize(); err != nil {
			t.Error(err)
		}
	}
	for _, c := range []struct {
		sql  string
		flag sqlite.Flag
		on   bool
		ok   bool
	}{
		{"PRAGMA foreign_keys=OFF", sqlite.ForeignKeys, false, true},
		{"PRAGMA main.recursive_triggers('Yes')", sqlite.RecursiveTriggers, true, true},
		{"PRAGMA foreign_keys", 0, false, false},
	} {
		s, _, err := d.PrepareUser(c.sql)
		if err != nil {
			t.Fatalf("%s: %v", c.sql, err)
		}
		if f, on, ok := s.Sets(); f != c.flag || on != c.on || ok != c.ok {
			t.Errorf("%s: Sets = %v, %v, %v", c.sql, f, on, ok)
		}
	}
}

// S48, K25: SetFlag reaches every flag, inside a transaction too.
func TestSetFlag(t *testing.T) {
	d := openUser(t)
	for f := range sqlite.Flags {
		for _, on := range []bool{!f.Default(), f.Default()} {
			d.exec("BEGIN")
			if err := d.SetFlag(f, on); err != nil {
				t.Fatal(err)
			}
			want := map[bool]string{true: "1", false: "0"}[on]
			if f == sqlite.CaseSensitiveLike { // cannot be read
				if got := d.value("SELECT 'a' NOT LIKE 'A'"); got != want {
					t.Errorf("case_sensitive_like = %s, want %s", got, want)
				}
			} else if got := d.value("PRAGMA " + f.String()); got != want {
				t.Errorf("%v = %s, want %s", f, got, want)
			}
			d.exec("ROLLBACK")
		}
	}
}

// N9, N10, S56: limits, each at its edge.
func TestLimits(t *testing.T) {
	d := openUser(t)
	list := func(n int, item, sep string) string { return strings.TrimSuffix(strings.Repeat(item+sep, n), sep) }
	for _, c := range []struct {
		name string
		most int
		sql  func(n int) string
	}{
		{"columns", 100, func(n int) string { return "SELECT " + list(n, "1", ",") }},
		{"function arguments", 127, func(n int) string { return "SELECT max(" + list(n, "1", ",") + ")" }},
		{"pattern", 50, func(n int) string { return "SELECT 'a' LIKE '" + strings.Repeat("a", n) + "'" }},
		{"pattern of GLOB", 50, func(n int) string { return "SELECT 'a' GLOB '" + strings.Repeat("a", n) + "'" }},
		{"depth", 100, func(n int) string { return "SELECT " + list(n, "1", "+") }},
		{"compound", 5, func(n int) string { return "SELECT 1" + strings.Repeat(" UNION ALL SELECT 1", n-1) }},
		{"parameters", 100, func(n int) string { return "SELECT " + list(n, "?", "+") }},
	} {
		if _, err := d.user(c.sql(c.most)); err != nil {
			t.Errorf("%s, %d: %v", c.name, c.most, err)
		}
		if _, err := d.user(c.sql(c.most + 1)); err == nil {
			t.Errorf("%s, %d: no error", c.name, c.most+1)
		}
	}
}

// A connection that was not opened for users takes nothing from them.
func TestPrepareUserElsewhere(t *testing.T) {
	_, _, err := openWAL(t, newDB(t)).PrepareUser("SELECT 1")
	wantCode(t, "PrepareUser", err, "SQLITE_MISUSE")
}

func TestRows(t *testing.T) {
	d := openUser(t)
	s, _, err := d.PrepareUser("SELECT ?, ?, ?, ?, ? UNION ALL SELECT 1, 2, 3, 4, 5")
	if err != nil {
		t.Fatal(err)
	}
	err = s.Bind([]sqlite.Arg{
		{Type: sqlite.Int, Int: -1 << 63}, {Type: sqlite.Float, Float: 1.5}, {Type: sqlite.Text, Text: "a\x00b"},
		{Type: sqlite.Blob, Blob: []byte{}}, {},
	})
	if err != nil {
		t.Fatal(err)
	}
	var r sqlite.Rows
	for range 2 {
		if row, err := s.StepRow(&r); !row {
			t.Fatal(err)
		}
	}
	v := r.Values
	if len(v) != 10 || v[0].Int() != -1<<63 || v[1].Float() != 1.5 || string(r.Bytes(v[2])) != "a\x00b" || v[3].Type != sqlite.Blob ||
		len(r.Bytes(v[3])) != 0 || v[4].Type != sqlite.Null || v[9].Int() != 5 {
		t.Errorf("values %v", v)
	}
}

// FuzzUser: no text of a user's reaches our tables, and none panics (S35).
func FuzzUser(f *testing.F) {
	for _, sql := range []string{
		"SELECT * FROM _do_kv", "CREATE TABLE t(x); INSERT INTO t SELECT value FROM _do_kv", "DROP TABLE _do_kv; VACUUM",
		"WITH a AS (SELECT * FROM main.'_do_kv') SELECT * FROM a", "-- \n/*x*/;BEGIN", "CREATE VIRTUAL TABLE f USING fts5(key, content=_do_kv); SELECT * FROM f",
		"PRAGMA foreign_keys=0; PRAGMA table_info(_do_kv)", "ALTER TABLE _do_kv RENAME TO x; SELECT * FROM x", "\ufeffVACUUM INTO 'x'", "SELECT '",
		"CREATE TRIGGER g AFTER DELETE ON t BEGIN UPDATE _do_kv SET value=0; END", "SELECT * FROM json_each((SELECT value FROM _do_kv))",
		"REINDEX; ANALYZE; SELECT * FROM sqlite_stat4", "EXPLAIN SELECT quote(value) FROM _do_kv", "SELECT * FROM sqlite_dbpage",
	} {
		f.Add(sql)
	}
	const secret = "s3cret-value"
	f.Fuzz(func(t *testing.T, sql string) {
		if len(sql) > 10_000 {
			t.Skip()
		}
		d := openUser(t)
		d.exec("INSERT INTO _do_kv VALUES('s3cret-key', '%s'); CREATE TABLE t(x); INSERT INTO t VALUES(1); BEGIN", secret)
		d.SetProgress(1000, func() bool { return true }) // endless recursion is not the question
		rows, _ := d.user(sql)
		d.SetProgress(0, nil)
		for _, r := range rows {
			if strings.Contains(strings.Join(r, ""), "s3cret") && !strings.Contains(sql, "s3cret") {
				t.Errorf("%q shows %q", sql, r)
			}
		}
		if !d.InTransaction() {
			t.Skip("SQLite ended the transaction: ROLLBACK clauses")
		}
		if got := d.value("SELECT key || value FROM _do_kv"); got != "s3cret-key"+secret {
			t.Errorf("%q leaves %q", sql, got)
		}
	})
}
