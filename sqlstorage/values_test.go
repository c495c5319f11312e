package sqlstorage_test

import (
	"bytes"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/durablego/do/sqlstorage"
)

type (
	myInt    int16
	myString string
	myBytes  []byte
	myBool   bool
	myFloat  float32
)

// upper is a Valuer and a Scanner.
type upper struct{ s string }

func (u upper) Value() (driver.Value, error) { return "<" + u.s + ">", nil }

func (u *upper) Scan(src any) error {
	u.s = fmt.Sprintf("%T:%v", src, src)
	return nil
}

type failing struct{}

func (failing) Value() (driver.Value, error) { return nil, errUndo }

type odd struct{ v any }

func (o odd) Value() (driver.Value, error) { return o.v, nil }

// S20–S26, S34: Go values as arguments.
func TestArguments(t *testing.T) {
	o := newObject(t)
	berlin := time.FixedZone("", 3600)
	seven := 7
	var nilInt *int
	var nilUpper *upper
	for _, c := range []struct {
		rule string
		v    any
		want string // typeof and quote
	}{
		{"S20", nil, "null NULL"},
		{"S20", nilInt, "null NULL"},
		{"S20", []byte(nil), "null NULL"},
		{"S20", myBytes(nil), "null NULL"},
		{"S21", int8(-8), "integer -8"},
		{"S21", int64(math.MinInt64), "integer -9223372036854775808"},
		{"S21", uint64(math.MaxInt64), "integer 9223372036854775807"},
		{"S21", uint8(255), "integer 255"},
		{"S22", float32(0.5), "real 0.5"},
		{"S22", math.Inf(1), "real 9.0e+999"},
		{"S22", math.Inf(-1), "real -9.0e+999"},
		{"S22", math.NaN(), "null NULL"},
		{"S23", "a\x00b\xff", "text 'a'"}, // quote() stops at NUL
		{"S24", []byte{}, "blob X''"},
		{"S24", []byte{1, 255}, "blob X'01FF'"},
		{"S25", true, "integer 1"},
		{"S25", false, "integer 0"},
		{"S26", time.Date(2024, 2, 29, 1, 2, 3, 4, berlin), "text '2024-02-29T00:02:03.000000004Z'"},
		{"S26", time.Time{}, "text '0001-01-01T00:00:00.000000000Z'"},
		{"S34", myInt(3), "integer 3"},
		{"S34", myString("x"), "text 'x'"},
		{"S34", myBytes{7}, "blob X'07'"},
		{"S34", myBool(true), "integer 1"},
		{"S34", myFloat(1.5), "real 1.5"},
		{"S34", &seven, "integer 7"},
		{"S34", upper{"a"}, "text '<a>'"},
		{"S34", &upper{"a"}, "text '<a>'"},
		{"S34", nilUpper, "null NULL"},
		{"S34", sql.Null[int]{V: 5, Valid: true}, "integer 5"},
		{"S34", sql.NullString{}, "null NULL"},
		{"S34", odd{myInt(4)}, "integer 4"},
		{"S34", sql.NullTime{Time: time.Unix(0, 0), Valid: true}, "text '1970-01-01T00:00:00.000000000Z'"},
	} {
		got, err := sqlstorage.QueryOne[string](ctx, o.DB, "SELECT typeof(?1) || ' ' || quote(?1)", c.v)
		if err != nil || got != c.want {
			t.Errorf("%s: %T %v = %q, %v, want %q", c.rule, c.v, c.v, got, err, c.want)
		}
	}
	for _, v := range []any{
		uint64(math.MaxInt64 + 1), struct{}{}, map[string]int{}, []int{1}, [2]byte{}, make(chan int), func() {}, complex(1, 2), failing{},
		odd{odd{1}}, odd{struct{}{}}, time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC), sql.Named("", 1),
		sql.Out{},
	} {
		o.fails(sqlstorage.ErrInvalidValue, "SELECT ?", v)
	}
	o.fails(errUndo, "SELECT ?", failing{})
}

// S16: bytes are copied, in and out.
func TestCopies(t *testing.T) {
	o := newObject(t)
	o.exec("CREATE TABLE t(x)")
	in := []byte("abc")
	o.exec("INSERT INTO t VALUES(?)", in)
	in[0] = 'z'
	c := o.exec("SELECT x FROM t UNION ALL SELECT x'646566'")
	var outs [2][]byte
	for i := range outs {
		c.Next()
		o.ok(c.Scan(&outs[i]))
	}
	if string(outs[0]) != "abc" || string(outs[1]) != "def" {
		t.Errorf("%q", outs)
	}
}

// S27–S34: values of SQLite's into Go.
func TestScan(t *testing.T) {
	o := newObject(t)
	str := func(s string) *string { return &s }
	for _, c := range []struct {
		rule, expr string
		dst        any // a pointer to what the destination holds before
		want       any // nil: ErrInvalidValue, and the destination stays
	}{
		{"S28", "-9223372036854775808", new(int64), int64(math.MinInt64)},
		{"S28", "9223372036854775807", new(int), math.MaxInt64},
		{"S28", "9007199254740993", new(any), int64(9007199254740993)},
		{"S28", "128", new(int8), nil},
		{"S28", "-1", new(uint), nil},
		{"S28", "255", new(uint8), uint8(255)},
		{"S28", "5", new(float64), 5.0},
		{"S28", "5", new(string), "5"},
		{"S28", "5", new([]byte), []byte("5")},
		{"S28", "5", new(myInt), myInt(5)},
		{"S29", "1.5", new(float64), 1.5},
		{"S29", "1.5", new(float32), float32(1.5)},
		{"S29", "1.5", new(any), 1.5},
		{"S29", "5.0", new(int), 5},
		{"S29", "1.5", new(int), nil},
		{"S29", "1.5", new(string), "1.5"},
		{"S29", "1e999", new(float64), math.Inf(1)},
		{"S30", "'abc'", new(string), "abc"},
		{"S30", "'abc'", new(any), "abc"},
		{"S30", "'abc'", new([]byte), []byte("abc")},
		{"S30", "'abc'", new(myString), myString("abc")},
		{"S30", "'abc'", new(myBytes), myBytes("abc")},
		{"S30", "'12'", new(int), 12},
		{"S30", "'abc'", new(int), nil},
		{"S30", "'1.5'", new(float64), 1.5},
		{"S31", "x'0102'", new([]byte), []byte{1, 2}},
		{"S31", "x'0102'", new(any), []byte{1, 2}},
		{"S31", "x'6162'", new(string), "ab"},
		{"S31", "x''", new([]byte), []byte{}},
		{"S31", "x'6162'", new(sql.RawBytes), sql.RawBytes("ab")},
		{"S32", "0", new(bool), false},
		{"S32", "1", new(bool), true},
		{"S32", "2", new(bool), nil},
		{"S32", "1.0", new(bool), nil},
		{"S32", "1", new(myBool), myBool(true)},
		{"S32", "'true'", new(bool), true},
		{"S27", "NULL", new(any), any(nil)},
		{"S27", "NULL", new([]byte), []byte(nil)},
		{"S34", "NULL", new(int), nil},
		{"S34", "NULL", new(string), nil},
		{"S34", "NULL", new(time.Time), nil},
		{"S34", "NULL", new(*string), (*string)(nil)},
		{"S34", "'x'", new(*string), str("x")},
		{"S34", "7", new(sql.Null[int]), sql.Null[int]{V: 7, Valid: true}},
		{"S34", "NULL", &sql.Null[int]{V: 7, Valid: true}, sql.Null[int]{}},
		{"S34", "1", new(sql.NullBool), sql.NullBool{Bool: true, Valid: true}},
		{"S34", "7", new(upper), upper{"int64:7"}},
		{"S34", "'x'", new(*upper), &upper{"string:x"}},
		{"S34", "1", new(struct{}), nil},
		{"S34", "1", new(map[string]int), nil},
		{"S34", "1", new([]int), nil},
		{"S34", "1", new(chan int), nil},
	} {
		err := o.exec("SELECT " + c.expr).One(c.dst)
		got := reflect.ValueOf(c.dst).Elem().Interface()
		if c.want == nil && reflect.TypeOf(c.dst) != reflect.TypeFor[*any]() {
			if !errors.Is(err, sqlstorage.ErrInvalidValue) {
				t.Errorf("%s: %s into %T = %v, %v", c.rule, c.expr, c.dst, got, err)
			}
		} else if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %s into %T = %#v, %v, want %#v", c.rule, c.expr, c.dst, got, err, c.want)
		}
	}
	for _, dst := range []any{nil, 5, (*int)(nil), (*string)(nil), (*any)(nil), (*time.Time)(nil), (*upper)(nil), (*sql.NullTime)(nil), (*myInt)(nil)} {
		if err := o.exec("SELECT '2020-01-01'").One(dst); !errors.Is(err, sqlstorage.ErrInvalidValue) {
			t.Errorf("into %T: %v", dst, err)
		}
	}
}

// S33: times.
func TestTimes(t *testing.T) {
	o := newObject(t)
	at := func(h, m, s, ns int) time.Time { return time.Date(2024, 2, 29, h, m, s, ns, time.UTC) }
	for text, want := range map[string]time.Time{
		"2024-02-29T01:02:03.000000004Z": at(1, 2, 3, 4),
		"2024-02-29T01:02:03Z":           at(1, 2, 3, 0),
		"2024-02-29T02:02:03.5+01:00":    at(1, 2, 3, 5e8),
		"2024-02-29":                     at(0, 0, 0, 0),
		"2024-02-29 01:02":               at(1, 2, 0, 0),
		"2024-02-29T01:02":               at(1, 2, 0, 0),
		"2024-02-29 01:02:03":            at(1, 2, 3, 0),
		"2024-02-29 01:02:03.125":        at(1, 2, 3, 125e6),
		"2024-02-29T01:02:03":            at(1, 2, 3, 0),
		"2024-02-29 01:02:03Z":           at(1, 2, 3, 0),
		"2024-02-29 02:02:03 +01:00":     at(1, 2, 3, 0),
		"2024-02-29 01:02-01:00":         at(2, 2, 0, 0),
		"":                               {}, "now": {}, "01:02:03": {}, "2024-02-30": {}, "1709164800": {}, "2024-02-29 01:02:03 Europe/Berlin": {},
	} {
		var got, null time.Time
		err := o.exec("SELECT ?", text).One(&got)
		if want.IsZero() != errors.Is(err, sqlstorage.ErrInvalidValue) || !got.Equal(want) {
			t.Errorf("%q = %v, %v, want %v", text, got, err, want)
		}
		if want.IsZero() {
			continue
		}
		if got.Location() != time.UTC {
			t.Errorf("%q is in %v", text, got.Location())
		}
		var n sql.Null[time.Time]
		var nt sql.NullTime
		if err := o.exec("SELECT ?1, ?1", text).One(&n, &nt); err != nil || !n.Valid || !n.V.Equal(want) || !nt.Time.Equal(want) {
			t.Errorf("%q = %v, %v, %v", text, n, nt, err)
		}
		_ = null
	}
	for _, expr := range []string{"1709164800", "1.5", "x'32303234'"} {
		if err := o.exec("SELECT " + expr).One(new(time.Time)); !errors.Is(err, sqlstorage.ErrInvalidValue) {
			t.Errorf("%s: %v", expr, err)
		}
	}
	now := time.Now()
	if got, err := sqlstorage.QueryOne[time.Time](ctx, o.DB, "SELECT ?", now); err != nil || !got.Equal(now) {
		t.Errorf("%v = %v, %v", now, got, err)
	}
	if got := o.rows("SELECT ?1 < ?2", at(1, 0, 0, 0), at(1, 0, 0, 1)); got[0] != "1" {
		t.Error("times do not sort")
	}
}

// FuzzValues: what goes in comes out, and scanning into whatever does not panic.
func FuzzValues(f *testing.F) {
	f.Add("text", []byte("blob"), int64(-1), 1.5, "2024-02-29")
	f.Add("\x00\xff", []byte{}, int64(math.MaxInt64), math.Inf(1), "2024-02-29 02:02:03 +01:00")
	f.Fuzz(func(t *testing.T, s string, b []byte, n int64, x float64, when string) {
		o := newObject(t)
		var s2 string
		var b2 []byte
		var n2 int64
		var x2 sql.Null[float64]
		if err := o.exec("SELECT ?, ?, ?, ?", s, b, n, x).One(&s2, &b2, &n2, &x2); err != nil {
			t.Fatal(err)
		}
		if s2 != s || !bytes.Equal(b2, b) || n2 != n || x2.V != x && !math.IsNaN(x) || x2.Valid == math.IsNaN(x) {
			t.Errorf("%q %q %d %v = %q %q %d %v", s, b, n, x, s2, b2, n2, x2)
		}
		for _, dst := range []any{
			new(int8), new(uint), new(bool), new(float32), new(time.Time), new(string), new([]byte), new(*int), new(any), new(sql.NullTime), new(upper), new(struct{}),
		} {
			for _, v := range []any{s, b, n, x, when} {
				if err := o.exec("SELECT ?", v).One(dst); err != nil && !errors.Is(err, sqlstorage.ErrInvalidValue) {
					t.Errorf("%v into %T: %v", v, dst, err)
				}
			}
		}
	})
}
