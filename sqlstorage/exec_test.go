package sqlstorage_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/durablego/do/internal/engine"
	"github.com/durablego/do/sqlstorage"
)

// S1, S2, S3: several statements in one text.
func TestScripts(t *testing.T) {
	o := newObject(t)
	o.want("CREATE TABLE t(x); INSERT INTO t VALUES(1); SELECT 'dropped'; SELECT x FROM t", "1")
	o.exec("INSERT INTO t VALUES(2); INSERT INTO t VALUES(?)", 3)
	o.fails(sqlstorage.ErrParameters, "INSERT INTO t VALUES(4); INSERT INTO t VALUES(?); SELECT 1", 5)
	o.failsWith("SQLITE_ERROR", "INSERT INTO t VALUES(6); INSERT INTO nope VALUES(1)")
	o.fails(sqlstorage.ErrParameters, "SELECT ?; SELECT 1")
	o.want("SELECT x FROM t", "1", "2", "3", "4", "6")
}

// S4: what ends without a statement.
func TestNoStatement(t *testing.T) {
	o := newObject(t)
	o.exec("CREATE TABLE t(x)")
	for _, q := range []string{"", "   ", ";", "-- comment", "/* c */", "SELECT 1; -- tail", "SELECT 1;;", "INSERT INTO t VALUES(1);;"} {
		o.fails(sqlstorage.ErrNoStatement, q)
	}
	for _, q := range []string{"SELECT 1;", "SELECT 1;  \n ", "SELECT 1 -- tail", "; SELECT 1", "SELECT 2; ; SELECT 1", "\ufeffSELECT 1"} {
		o.want(q, "1")
	}
	o.want("SELECT count(*) FROM t", "1")
}

// S5: arguments for parameters.
func TestParameters(t *testing.T) {
	o := newObject(t)
	for _, c := range []struct {
		query string
		args  []any
		want  string // "" is ErrParameters
	}{
		{"SELECT ?2, ?1", []any{"one", "two"}, "two one"},
		{"SELECT ?1 || ?1", []any{"a"}, "aa"},
		{"SELECT ?3", []any{"a", "b", "c"}, "c"},
		{"SELECT ?3", []any{"a"}, ""},
		{"SELECT :x, @y, $z", []any{"a", "b", "c"}, "a b c"},
		{"SELECT :x || :x", []any{"a"}, "aa"},
		{"SELECT :x, @y, $z", []any{sql.Named("z", "3"), sql.Named("x", "1"), sql.Named("y", "2")}, "1 2 3"},
		{"SELECT :x, @x", []any{sql.Named("x", "1"), sql.Named("x", "2")}, "1 2"},
		{"SELECT ?", nil, ""},
		{"SELECT 1", []any{1}, ""},
		{"SELECT ?", []any{1, 2}, ""},
		{"SELECT :x, :y", []any{sql.Named("x", "1"), "2"}, ""},
		{"SELECT :x, :y", []any{"2", sql.Named("x", "1")}, ""},
		{"SELECT :x, ?", []any{sql.Named("x", "1"), sql.Named("y", "1")}, ""},
		{"SELECT ?1", []any{sql.Named("1", "1")}, ""},
		{"SELECT :x", []any{sql.Named("y", "1")}, ""},
		{"SELECT :x", []any{sql.Named("X", "1")}, ""},
	} {
		if c.want == "" {
			o.fails(sqlstorage.ErrParameters, c.query, c.args...)
		} else if got := strings.Join(o.rows(c.query, c.args...), "|"); got != strings.ReplaceAll(c.want, " ", "") && got != c.want {
			t.Errorf("%s %v = %q, want %q", c.query, c.args, got, c.want)
		}
	}
}

// S6: the first step is made by Exec, a write runs to its end.
func TestFirstStep(t *testing.T) {
	o := newObject(t)
	o.exec("CREATE TABLE t(x CHECK (x < 5))")
	unread := o.exec("INSERT INTO t VALUES(1),(2),(3) RETURNING x")
	o.want("SELECT count(*) FROM t", "3")
	o.failsWith("SQLITE_CONSTRAINT_CHECK", "INSERT INTO t VALUES(9)")
	o.failsWith("SQLITE_ERROR", "SELECT abs(-9223372036854775807 - 1)")
	n := 0
	for unread.Next() {
		n++
	}
	if n != 3 || unread.Err() != nil {
		t.Errorf("%d rows, %v", n, unread.Err())
	}
	o.exec("INSERT INTO t VALUES(4) RETURNING x")
	o.commit() // an unread RETURNING does not hinder it
	o.want("SELECT count(*) FROM t", "4")
}

// S7: errors name codes and places, and never show arguments.
func TestErrors(t *testing.T) {
	o := newObject(t)
	o.exec("CREATE TABLE t(x UNIQUE); CREATE VIRTUAL TABLE f USING fts5(a)")
	var e *sqlstorage.Error
	_, err := o.Exec(ctx, "SELECT 1; SELECT nope FROM t")
	if !errors.As(err, &e) || e.Code != "SQLITE_ERROR" || e.Offset != 17 {
		t.Errorf("%v at %d", err, e.Offset)
	}
	o.exec("INSERT INTO t VALUES('secret')")
	for _, c := range []struct {
		query string
		arg   string
	}{
		{"INSERT INTO t VALUES(?)", "secret"},
		{"SELECT * FROM f WHERE f MATCH ?", `"secret`},
		{"SELECT * FROM f WHERE f MATCH ?", "secret:x"},
		{"SELECT json_extract('{}', ?)", "secret path"},
		{"SELECT json(?)", "{secret"},
		{"SELECT json_extract('{}', a) FROM (SELECT ? AS a)", "secret"},
	} {
		if _, err := o.Exec(ctx, c.query, c.arg); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", c.query, err)
		}
	}
}

// S9, N11: the same text may run again while its first cursor is open; a change of the
// schema is seen.
func TestSameText(t *testing.T) {
	o := newObject(t)
	o.exec("CREATE TABLE t(x); INSERT INTO t VALUES(1),(2)")
	const q = "SELECT * FROM t ORDER BY x"
	a, b := o.exec(q), o.exec(q)
	var got []int
	for _, c := range []*sqlstorage.Cursor{a, b, a, b} {
		var x int
		if !c.Next() {
			t.Fatal(c.Err())
		}
		o.ok(c.Scan(&x))
		got = append(got, x)
	}
	if fmt.Sprint(got) != "[1 1 2 2]" || a.Next() || b.Next() {
		t.Errorf("rows %v", got)
	}
	o.exec("ALTER TABLE t ADD COLUMN y DEFAULT 7")
	if c := o.exec(q); fmt.Sprint(c.Columns()) != "[x y]" {
		t.Errorf("columns %v", c.Columns())
	}
	o.commit()
	o.want(q, "1 7", "2 7")
	o.exec("DROP TABLE t")
	o.failsWith("SQLITE_ERROR", q)
	o.exec("CREATE TABLE t(z)")
	if c := o.exec(q[:15]); fmt.Sprint(c.Columns()) != "[z]" {
		t.Errorf("columns %v", c.Columns())
	}
}

// S14: what is counted.
func TestCounts(t *testing.T) {
	o := newObject(t)
	o.exec(`CREATE TABLE p(id INTEGER PRIMARY KEY, v); CREATE INDEX i ON p(v); CREATE TABLE c(p REFERENCES p(id) ON DELETE CASCADE); CREATE TABLE log(x);
		CREATE TRIGGER g AFTER INSERT ON p BEGIN INSERT INTO log VALUES(new.id); END`)
	for _, c := range []struct {
		query   string
		written int64
		read    int64
	}{
		{"INSERT INTO p VALUES(1, 'a'), (2, 'b')", 4, 0},
		{"INSERT INTO c VALUES(1), (1), (2)", 3, 0},
		{"DELETE FROM p WHERE id = 1", 3, 0},
		{"UPDATE p SET v = 'z' RETURNING v", 1, 1},
		{"SELECT * FROM log", 0, 2},
		{"CREATE TABLE q AS SELECT * FROM log", 0, 0},
		{"INSERT INTO q VALUES(1); INSERT INTO q VALUES(2)", 2, 0},
		{"DELETE FROM q", 4, 0},
	} {
		cursor := o.exec(c.query)
		for cursor.Next() {
		}
		if cursor.RowsWritten() != c.written || cursor.RowsRead() != c.read {
			t.Errorf("%s: written %d, read %d, want %d, %d", c.query, cursor.RowsWritten(), cursor.RowsRead(), c.written, c.read)
		}
	}
}

// S17, S19, S8: reads make no file, and see an empty database.
func TestNothingYet(t *testing.T) {
	o := newObject(t)
	o.want("SELECT 1 + 1", "2")
	o.failsWith("SQLITE_ERROR", "SELECT * FROM t")
	o.failsWith("SQLITE_ERROR", "INSERT INTO t VALUES(1)")
	o.want("PRAGMA foreign_keys", "1")
	o.want("SELECT count(*) FROM sqlite_schema WHERE name NOT LIKE '\\_do\\_%' ESCAPE '\\'", "0")
	o.fails(sqlstorage.ErrNotAuthorized, "SELECT * FROM _do_kv")
	if size, err := o.Size(ctx); size != 0 || err != nil {
		t.Errorf("Size = %d, %v", size, err)
	}
	open := o.exec("SELECT 1 UNION ALL SELECT 2")
	o.wantNoFile()
	// The cursor on the empty database goes on, and a script moves from one to the other.
	o.want("SELECT 3; CREATE TABLE t(x); INSERT INTO t VALUES(4); SELECT x FROM t", "4")
	n := 0
	for open.Next() {
		n++
	}
	if n != 2 || open.Err() != nil {
		t.Errorf("the open cursor: %d rows, %v", n, open.Err())
	}
	if size, err := o.Size(ctx); size < 4096 || err != nil {
		t.Errorf("Size = %d, %v", size, err)
	}
}

// S8: PRAGMA optimize is a write.
func TestOptimizeWrites(t *testing.T) {
	o := newObject(t)
	o.exec("PRAGMA optimize")
	if _, err := os.Stat(o.path); err != nil {
		t.Error(err)
	}
}

// S58: a done ctx fails before it starts; one that ends interrupts a read, not a write.
func TestContexts(t *testing.T) {
	o := newObject(t)
	o.exec("CREATE TABLE t(x)")
	done, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := o.Exec(done, "INSERT INTO t VALUES(1)"); !errors.Is(err, context.Canceled) {
		t.Errorf("Exec = %v", err)
	}
	short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	const endless = "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM c%s) "
	if _, err := o.Exec(short, fmt.Sprintf(endless, "")+"SELECT count(*) FROM c"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Exec = %v", err)
	}
	write, ended := "INSERT INTO t "+fmt.Sprintf(endless, " LIMIT 100000")+"SELECT i FROM c", false
	for limit := time.Millisecond; !ended; limit *= 2 { // until it ends in the midst, on a slow machine
		late, cancel := context.WithTimeout(ctx, limit)
		_, err := o.Exec(late, write)
		ended = late.Err() != nil && err == nil
		cancel()
		if !ended && (err == nil || !errors.Is(err, context.DeadlineExceeded)) {
			t.Fatalf("a write: %v, that its ctx ended meanwhile: %v", err, ended)
		}
	}
	o.want("SELECT count(*) FROM t", "100000")
}

// N9, S56: the length of a text, and of a value.
func TestSizes(t *testing.T) {
	o := newObject(t, func(o *engine.Options) { o.MaxRowBytes, o.MaxParameters = 10_000, 3 })
	pad := func(n int) string { return "SELECT 1" + strings.Repeat(" ", n-8) }
	o.want(pad(100_000), "1")
	o.failsWith("SQLITE_TOOBIG", pad(100_001))
	o.exec("SELECT ?", strings.Repeat("x", 10_000))
	o.failsWith("SQLITE_TOOBIG", "SELECT ?", strings.Repeat("x", 10_001))
	o.failsWith("SQLITE_TOOBIG", "SELECT zeroblob(10001)")
	o.exec("SELECT ?, ?, ?", 1, 2, 3)
	o.failsWith("SQLITE_ERROR", "SELECT ?, ?, ?, ?", 1, 2, 3, 4)
	o.DB = sqlstorage.New(o.session, sqlstorage.Limits{MaxStatementBytes: -1})
	o.want(pad(9_999), "1")
}
