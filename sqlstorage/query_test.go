package sqlstorage_test

import (
	"database/sql"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/durablego/do/sqlstorage"
)

type base struct {
	ID int64
}

type Extra struct{ Note string }

type user struct {
	base
	*Extra
	Name    string
	Mail    *string `db:"email_address"`
	Born    time.Time
	Score   sql.Null[float64]
	Hidden  string `db:"-"`
	secret  string
	Renamed string `db:"name2"`
}

// S13: structs by tag and name, other types by their one column.
func TestQuery(t *testing.T) {
	o := newObject(t)
	o.exec("CREATE TABLE users(id INTEGER PRIMARY KEY, NAME, email_address, born); INSERT INTO users VALUES(1, 'Ann', NULL, '2000-01-02'), (2, 'Bob', 'b@x', '2001-01-02')")
	var got []string
	for u, err := range sqlstorage.Query[user](ctx, o.DB, "SELECT *, 'n' AS note, 1.5 AS score, 'r' AS name2 FROM users ORDER BY id") {
		o.ok(err)
		got = append(got, fmt.Sprint(u.ID, u.Name, u.Mail != nil, u.Born.Year(), u.Note, u.Score.V, u.Renamed, u.Hidden, u.secret))
	}
	if fmt.Sprint(got) != "[1Annfalse 2000n1.5r 2Bobtrue 2001n1.5r]" {
		t.Errorf("%q", got)
	}
	if u, err := sqlstorage.QueryOne[user](ctx, o.DB, "SELECT id FROM users WHERE id = ?", 2); err != nil || u.ID != 2 || u.Name != "" || u.Extra != nil {
		t.Errorf("%+v, %v", u, err)
	}
	for n, err := range sqlstorage.Query[int](ctx, o.DB, "SELECT id FROM users ORDER BY id") {
		if err != nil || n != 1 {
			t.Errorf("%d, %v", n, err)
		}
		break
	}
	if s, err := sqlstorage.QueryOne[*string](ctx, o.DB, "SELECT email_address FROM users WHERE id=1"); err != nil || s != nil {
		t.Errorf("%v, %v", s, err)
	}
	if s, err := sqlstorage.QueryOne[sql.NullString](ctx, o.DB, "SELECT email_address FROM users WHERE id=2"); err != nil || s.String != "b@x" {
		t.Errorf("%v, %v", s, err)
	}
	if v, err := sqlstorage.QueryOne[any](ctx, o.DB, "SELECT 1"); err != nil || v != int64(1) {
		t.Errorf("%v, %v", v, err)
	}

	type twice struct {
		A string
		B string `db:"a"`
	}
	if v, err := sqlstorage.QueryOne[twice](ctx, o.DB, "SELECT 'x' AS a"); err != nil || v.B != "x" || v.A != "" {
		t.Errorf("%+v, %v: the tag wins", v, err)
	}
	for _, c := range []struct {
		name string
		err  error
		want error
	}{
		{"no field", queryError[user](o, "SELECT 1 AS nope"), sqlstorage.ErrColumns},
		{"hidden field", queryError[user](o, "SELECT 1 AS Hidden"), sqlstorage.ErrColumns},
		{"unexported field", queryError[user](o, "SELECT 1 AS secret"), sqlstorage.ErrColumns},
		{"name of a tagged field", queryError[user](o, "SELECT 1 AS Mail"), sqlstorage.ErrColumns},
		{"two columns for a field", queryError[user](o, "SELECT 1 AS id, 2 AS ID"), sqlstorage.ErrColumns}, // V17
		{"two columns", queryError[int](o, "SELECT 1, 2"), sqlstorage.ErrColumns},
		{"no column", queryError[int](o, "CREATE TABLE x(x)"), sqlstorage.ErrColumns},
		{"a value that does not fit", queryError[user](o, "SELECT 'x' AS id"), sqlstorage.ErrInvalidValue},
		{"no row", queryError[int](o, "SELECT 1 WHERE 0"), sqlstorage.ErrNoRows},
		{"two rows", queryError[int](o, "SELECT 1 UNION ALL SELECT 2"), sqlstorage.ErrMultipleRows},
		{"refused", queryError[int](o, "SELECT count(*) FROM _do_kv"), sqlstorage.ErrNotAuthorized},
		{"sql.ErrNoRows", queryError[int](o, "SELECT 1 WHERE 0"), sql.ErrNoRows},
	} {
		if !errors.Is(c.err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, c.err, c.want)
		}
	}
	for _, err := range sqlstorage.Query[int](ctx, o.DB, "SELECT 1 UNION ALL SELECT 'x'") {
		if err != nil && !errors.Is(err, sqlstorage.ErrInvalidValue) {
			t.Error(err)
		}
	}
	o.exec("DROP TABLE users") // nothing was left open
}

func queryError[T any](o *object, query string) error {
	_, err := sqlstorage.QueryOne[T](ctx, o.DB, query)
	return err
}

// S13, S34: named arguments, Valuers and Scanners; S10: who stops early, by leaving the loop or by
// a panic, leaves nothing open: DROP TABLE would be refused under a cursor.
func TestS13NamedAndEarlyStop(t *testing.T) {
	o := newObject(t)
	o.exec("CREATE TABLE t(x, y); INSERT INTO t VALUES(1, 'ABC'), (2, 'DEF'), (3, NULL)")
	type row struct {
		X int
		Y sql.Null[upper]
		Z upper
	}
	const query = "SELECT x, y, :z AS z FROM t WHERE x >= @least ORDER BY x"
	args := []any{sql.Named("least", 2), sql.Named("z", upper{"zz"})}
	var got []row
	for r, err := range sqlstorage.Query[row](ctx, o.DB, query, args...) {
		o.ok(err)
		got = append(got, r)
	}
	if len(got) != 2 || got[0].X != 2 || !got[0].Y.Valid || got[1].Y.Valid || got[0].Z != got[1].Z || got[0].Z.s != "string:<zz>" {
		t.Errorf("%+v", got)
	}
	if err := queryError[row](o, "SELECT :z AS z"); !errors.Is(err, sqlstorage.ErrParameters) { // S5
		t.Errorf("a missing argument: %v", err)
	}
	all := sqlstorage.Query[row](ctx, o.DB, "SELECT x FROM t")
	for range 2 { // a sequence runs its query each time
		n := 0
		for range all {
			if n++; n == 2 {
				break
			}
		}
	}
	func() {
		defer func() { _ = recover() }()
		for range all {
			panic("boom")
		}
	}()
	for range o.exec("SELECT x FROM t").Rows() {
		break
	}
	o.exec("DROP TABLE t")
}
