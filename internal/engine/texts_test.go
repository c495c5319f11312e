package engine_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/durablego/do/internal/engine"
	"github.com/durablego/do/internal/sqlite"
)

// open runs SQL of a user's.
func (o *object) open(sql string) *engine.Cursor {
	o.t.Helper()
	c := new(engine.Cursor)
	if err := o.OpenCursor(ctx, c, sql, nil, false); err != nil {
		o.t.Fatalf("%.60q: %v", sql, err)
	}
	return c
}

// N11, S9: the statements used least recently leave, also those in use.
func TestTextsAreBounded(t *testing.T) {
	o := newObject(t).auto()
	o.open("CREATE TABLE t(x)")
	o.open("INSERT INTO t VALUES(1), (2)")
	const busy = "SELECT x FROM t"
	reading := o.open(busy)
	for i := range 600 {
		o.open(fmt.Sprintf("SELECT %d", i))
	}
	if n, _ := o.Texts(); n != 512 {
		t.Errorf("%d statements are kept, want 512", n)
	}
	for i := range 30 {
		o.open(fmt.Sprintf("SELECT %d%s", i, strings.Repeat(" ", 50_000)))
	}
	if n, bytes := o.Texts(); bytes > 1<<20 || bytes < 1<<20-50_100 || n < 20 {
		t.Errorf("%d statements with %d bytes are kept", n, bytes)
	}
	for range 2 { // its statement has left, but not the cursor
		if !reading.Next() {
			t.Fatal(reading.Err())
		}
	}
	if reading.Next() || reading.Err() != nil {
		t.Error(reading.Err())
	}
	o.open("PRAGMA foreign_keys")
	o.open("SELECT 1; SELECT 2")
	before, _ := o.Texts()
	o.open("SELECT 1" + strings.Repeat(" ", 1<<20))
	if after, _ := o.Texts(); after != before {
		t.Errorf("%d statements are kept, want %d: one is too long", after, before)
	}
	for i := range 600 { // used again and again, it stays
		o.open(fmt.Sprintf("SELECT -%d", i))
		o.open("SELECT 'hot'")
	}
	if n, _ := o.Texts(); n != 512 {
		t.Errorf("%d statements are kept, want 512", n)
	}
	o.commit()
}

// S10, S19: nothing stays open behind a commit point, nor the empty database.
func TestNothingStaysOpen(t *testing.T) {
	o := newObject(t).auto()
	o.open("SELECT 1 UNION ALL SELECT 2")
	if n, void := o.Cursors(); n != 1 || !void {
		t.Errorf("%d cursors, empty database %v", n, void)
	}
	o.commit()
	if n, void := o.Cursors(); n != 0 || void {
		t.Errorf("after the commit point: %d cursors, empty database %v", n, void)
	}
	o.wantFiles()
	o.open("CREATE TABLE t(x)")
	o.open("INSERT INTO t VALUES(1), (2) RETURNING x")
	o.open("SELECT 1")
	if n, _ := o.Cursors(); n != 2 {
		t.Errorf("%d cursors", n)
	}
	o.commit()
	if n, _ := o.Cursors(); n != 0 {
		t.Errorf("after the commit: %d cursors", n)
	}
}

// S4: a lenient text may end in a comment behind its last statement, which has the arguments.
func TestLenientTail(t *testing.T) {
	o := newObject(t)
	for _, sql := range []string{"SELECT ?; -- tail", "SELECT 1; SELECT ?;; /* tail */", "SELECT ? ; ;"} {
		var c engine.Cursor
		if err := o.OpenCursor(ctx, &c, sql, []sqlite.Arg{{Type: sqlite.Int, Int: 7}}, true); err != nil || !c.Next() || c.Row()[0].Int() != 7 {
			t.Errorf("%s: %v", sql, err)
		}
	}
	var c engine.Cursor
	if err := o.OpenCursor(ctx, &c, "-- nothing", nil, true); err != nil || c.Next() || c.Err() != nil {
		t.Errorf("nothing: %v", err)
	}
}
