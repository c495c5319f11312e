package sqlite_test

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"github.com/durablego/do/internal/sqlite"
)

func TestPrepareTail(t *testing.T) {
	d := openWAL(t, newDB(t))
	for _, v := range []struct {
		sql, tail string
		stmt      bool
	}{
		{"SELECT 1", "", true},
		{"SELECT 1; SELECT ';' ; ", " SELECT ';' ; ", true},
		{"SELECT ';é'-- ;\n;rest", "rest", true},
		{"", "", false},
		{" -- only a comment", "", false},
		{"/* ; */ ; SELECT 2", "", true}, // SQLite skips empty statements
	} {
		s, tail, err := d.Prepare(v.sql)
		if err != nil || tail != v.tail || (s != nil) != v.stmt {
			t.Errorf("Prepare(%q) = %v, %q, %v, want statement %v, tail %q", v.sql, s, tail, err, v.stmt, v.tail)
		}
	}
	d.exec("/* nothing */;;; -- nothing\n; INSERT INTO _do_kv VALUES ('a', 1);; INSERT INTO _do_kv VALUES ('b', 2)")
	if got := d.value("SELECT count(*) FROM _do_kv"); got != "2" {
		t.Errorf("count = %s", got)
	}
	_, _, err := d.Prepare("SELECT 1\x00; DELETE FROM _do_kv")
	wantCode(t, "a NUL byte", err, "SQLITE_MISUSE")
	wantCode(t, "a NUL byte", d.Exec("SELECT 1\x00"), "SQLITE_MISUSE")
}

func TestErrorOffsetAndReuse(t *testing.T) {
	d := openWAL(t, newDB(t))
	_, _, err := d.Prepare("SELECT key FRM _do_kv")
	if e := wantCode(t, "a syntax error", err, "SQLITE_ERROR"); e.Offset != 15 {
		t.Errorf("Offset = %d, want 15", e.Offset)
	}
	s := d.prepare("INSERT INTO _do_kv VALUES (?, ?)")
	const secret = "do-not-tell"
	for i, want := range []string{"", "SQLITE_CONSTRAINT_PRIMARYKEY", "SQLITE_CONSTRAINT_PRIMARYKEY"} {
		if err := s.BindText(1, secret); err != nil {
			t.Fatal(i, err)
		}
		_, err := s.Step()
		if want == "" && err != nil {
			t.Fatal(err)
		} else if want != "" {
			e := wantCode(t, "a second time", err, want)
			if e.Code != "SQLITE_CONSTRAINT" || e.Offset != -1 || e.Err != nil || strings.Contains(e.Error(), secret) ||
				!strings.HasPrefix(e.Error(), "sqlite: ") {
				t.Errorf("error %+v: %v", e, e)
			}
		}
		if err := s.Reset(); err != nil {
			t.Errorf("Reset after an error = %v", err)
		}
	}
	if err := s.BindText(1, "another"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Step(); err != nil {
		t.Errorf("Step after errors = %v", err)
	}
}

func TestValues(t *testing.T) {
	d := openWAL(t, newDB(t))
	s := d.prepare("SELECT ?1, typeof(?1), ?1 IS NULL")
	long := strings.Repeat("long ", 2000)
	text := func(v string) func() error { return func() error { return s.BindText(1, v) } }
	blob := func(v []byte) func() error { return func() error { return s.BindBlob(1, v) } }
	integer := func(v int64) func() error { return func() error { return s.BindInt64(1, v) } }
	real := func(v float64) func() error { return func() error { return s.BindFloat(1, v) } }
	for _, v := range []struct {
		name   string
		bind   func() error
		typ    sqlite.Type
		typeof string
		text   string
	}{
		{"null", func() error { return s.BindNull(1) }, sqlite.Null, "null", ""},
		{"text", text("grün"), sqlite.Text, "text", "grün"},
		{"empty text", text(""), sqlite.Text, "text", ""},
		{"NUL", text("a\x00b"), sqlite.Text, "text", "a\x00b"},
		{"long text", text(long), sqlite.Text, "text", long},
		{"short after long", text("short"), sqlite.Text, "text", "short"},
		{"blob", blob([]byte{0, 1, 255}), sqlite.Blob, "blob", "\x00\x01\xff"},
		{"empty blob", blob([]byte{}), sqlite.Blob, "blob", ""},
		{"nil blob", blob(nil), sqlite.Blob, "blob", ""},
		{"long blob", blob([]byte(long)), sqlite.Blob, "blob", long},
		{"largest", integer(math.MaxInt64), sqlite.Int, "integer", "9223372036854775807"},
		{"smallest", integer(math.MinInt64), sqlite.Int, "integer", "-9223372036854775808"},
		{"real", real(0.5), sqlite.Float, "real", "0.5"},
		{"infinite", real(math.Inf(1)), sqlite.Float, "real", "Inf"},
		{"NaN", real(math.NaN()), sqlite.Null, "null", ""},
	} {
		t.Run(v.name, func(t *testing.T) {
			if err := v.bind(); err != nil {
				t.Fatal(err)
			}
			if row, err := s.Step(); err != nil || !row {
				t.Fatal(row, err)
			}
			typ := s.ColumnType(0)
			if got := s.ColumnText(1); typ != v.typ || got != v.typeof {
				t.Errorf("type %d, typeof %s, want %d, %s", typ, got, v.typ, v.typeof)
			}
			null := v.typ == sqlite.Null
			if got := s.ColumnBlob(0); string(got) != v.text || (got == nil) != null {
				t.Errorf("ColumnBlob = %.20q, want %.20q", got, v.text)
			}
			if got := s.ColumnBytes(0); string(got) != v.text {
				t.Errorf("ColumnBytes = %.20q, want %.20q", got, v.text)
			}
			if got := s.ColumnText(0); got != v.text {
				t.Errorf("ColumnText = %.20q, want %.20q", got, v.text)
			}
			if got := s.ColumnInt64(2) == 1; got != null {
				t.Errorf("IS NULL = %v", got)
			}
			if row, err := s.Step(); err != nil || row {
				t.Fatal(row, err)
			}
			if err := s.Reset(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestIntAndFloatColumns(t *testing.T) {
	d := openWAL(t, newDB(t))
	s := d.prepare("SELECT -5, 2.75, '12abc', NULL")
	if _, err := s.Step(); err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct {
		n int64
		f float64
	}{{-5, -5}, {2, 2.75}, {12, 12}, {0, 0}} {
		if n, f := s.ColumnInt64(i), s.ColumnFloat(i); n != want.n || f != want.f {
			t.Errorf("column %d = %d, %v, want %d, %v", i, n, f, want.n, want.f)
		}
	}
	if s.ColumnType(4) != sqlite.Null || s.ColumnText(-1) != "" {
		t.Error("columns that do not exist have values")
	}
}

func TestBindMisuse(t *testing.T) {
	d := openWAL(t, newDB(t))
	s := d.prepare("SELECT ? FROM (VALUES (1), (2))")
	for _, i := range []int{0, 2, -1} {
		wantCode(t, "BindText", s.BindText(i, "x"), "SQLITE_RANGE")
		wantCode(t, "BindBlob", s.BindBlob(i, nil), "SQLITE_RANGE")
		wantCode(t, "BindInt64", s.BindInt64(i, 1), "SQLITE_RANGE")
		wantCode(t, "BindNull", s.BindNull(i), "SQLITE_RANGE")
		wantCode(t, "BindFloat", s.BindFloat(i, 1), "SQLITE_RANGE")
	}
	if err := s.BindText(1, "first"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Step(); err != nil {
		t.Fatal(err)
	}
	// The value that the statement reads must not change under it.
	wantCode(t, "BindText while running", s.BindText(1, "other"), "SQLITE_MISUSE")
	wantCode(t, "BindInt64 while running", s.BindInt64(1, 1), "SQLITE_MISUSE")
	s.ClearBindings()
	if row, err := s.Step(); err != nil || !row || s.ColumnText(0) != "first" {
		t.Errorf("second row: %v, %v, %q, want first", row, err, s.ColumnText(0))
	}
}

func TestBindingsStay(t *testing.T) {
	d := openWAL(t, newDB(t))
	s := d.prepare("SELECT ?, ?, ?")
	get := func() (got [3]string) {
		if _, err := s.Step(); err != nil {
			t.Fatal(err)
		}
		for i := range got {
			got[i] = s.ColumnText(i)
		}
		if err := s.Reset(); err != nil {
			t.Fatal(err)
		}
		return got
	}
	long := strings.Repeat("x", 5000)
	bind := func(i int, v string) {
		if err := s.BindText(i, v); err != nil {
			t.Fatal(err)
		}
	}
	bind(1, "a")
	bind(2, long)
	bind(3, long)
	if err := s.BindInt64(3, 7); err != nil { // in place of a long value
		t.Fatal(err)
	}
	if got, want := get(), [3]string{"a", long, "7"}; got != want {
		t.Errorf("got %.20q", got)
	}
	if got, want := get(), [3]string{"a", "", "7"}; got != want {
		t.Errorf("after Reset: %.20q, want %q", got, want)
	}
	bind(1, strings.Repeat("b", 3000)) // a larger buffer
	bind(1, "c")
	if got, want := get(), [3]string{"c", "", "7"}; got != want {
		t.Errorf("bound again: %.20q, want %q", got, want)
	}
	s.ClearBindings()
	if got, want := get(), [3]string{}; got != want {
		t.Errorf("after ClearBindings: %.20q, want %q", got, want)
	}
}

func TestBindCopies(t *testing.T) {
	d := openWAL(t, newDB(t))
	for _, n := range []int{10, 10_000} {
		s := d.prepare("SELECT ?")
		v := bytes.Repeat([]byte{'a'}, n)
		want := string(v)
		if err := s.BindBlob(1, v); err != nil {
			t.Fatal(err)
		}
		clear(v)
		if _, err := s.Step(); err != nil {
			t.Fatal(err)
		}
		if got := s.ColumnText(0); got != want {
			t.Errorf("%d bytes: %.20q", n, got)
		}
	}
}

func TestDescriptions(t *testing.T) {
	d := openWAL(t, newDB(t))
	s := d.prepare("SELECT key AS k, value, 1+1 FROM _do_kv WHERE key IN (?, :name, @b, $c, ?9)")
	if got := s.ParamCount(); got != 9 {
		t.Errorf("ParamCount = %d, want 9", got)
	}
	for i, want := range map[int]string{1: "", 2: ":name", 3: "@b", 4: "$c", 5: "", 9: "?9", 10: "", 0: ""} {
		if got := s.ParamName(i); got != want {
			t.Errorf("ParamName(%d) = %q, want %q", i, got, want)
		}
	}
	if s.ColumnCount() != 3 {
		t.Fatalf("ColumnCount = %d", s.ColumnCount())
	}
	for i, want := range [][2]string{{"k", "TEXT"}, {"value", "BLOB"}, {"1+1", ""}, {"", ""}} {
		if got := [2]string{s.ColumnName(i), s.ColumnDeclType(i)}; got != want {
			t.Errorf("column %d = %q, want %q", i, got, want)
		}
	}
	for sql, want := range map[string]bool{
		"SELECT 1": true, "BEGIN": true, "DELETE FROM _do_kv": false, "CREATE TABLE t(x)": false, "PRAGMA user_version": true,
	} {
		if got := d.prepare(sql).ReadOnly(); got != want {
			t.Errorf("ReadOnly of %s = %v", sql, got)
		}
	}
}

func TestHotPathDoesNotAllocate(t *testing.T) {
	k := openKV(t, newDB(t), false)
	defer k.Close()
	value := make([]byte, 100)
	if n := testing.AllocsPerRun(100, func() { k.doPut(t, "key", value) }); n > 0 && !raceEnabled {
		t.Errorf("a put makes %v allocations", n)
	}
	if n := testing.AllocsPerRun(100, func() { k.doGet(t, "key") }); n > 0 && !raceEnabled {
		t.Errorf("a get makes %v allocations", n)
	}
}
