package sqlstorage_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/durablego/do/sqlstorage"
)

// numbers gives an object with a table of the numbers from 1 to n.
func numbers(t *testing.T, n int) *object {
	o := newObject(t)
	o.exec("CREATE TABLE n(i INTEGER PRIMARY KEY, x INTEGER)")
	o.exec("WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM r WHERE i < ?) INSERT INTO n SELECT i, i FROM r", n)
	o.commit()
	return o
}

// TestS10ReadAhead: rows that were read ahead go with the cursor.
func TestS10ReadAhead(t *testing.T) {
	for taken := range 40 {
		o := numbers(t, 50)
		c, err := o.Exec(ctx, "SELECT i FROM n ORDER BY i")
		o.ok(err)
		for i := range taken {
			var got int
			if !c.Next() {
				t.Fatalf("row %d: %v", i, c.Err())
			}
			o.ok(c.Scan(&got))
			if got != i+1 || c.RowsRead() != int64(i+1) {
				t.Fatalf("row %d is %d, %d read", i, got, c.RowsRead())
			}
		}
		o.exec("INSERT INTO n(x) VALUES(0)")
		o.commit()
		if c.Next() || !errors.Is(c.Err(), sqlstorage.ErrCursorClosed) {
			t.Errorf("after %d rows and a commit: %v", taken, c.Err())
		}
	}
}

// TestErrorAmongRows: the rows before an error come, then the error, wherever it is; and the
// statement can be used again.
func TestErrorAmongRows(t *testing.T) {
	const rows = 40
	for at := 2; at <= rows; at++ {
		o := numbers(t, rows)
		o.exec("UPDATE n SET x = -9223372036854775808 WHERE i = ?", at)
		for range 2 {
			c, err := o.Exec(ctx, "SELECT i, abs(x) FROM n ORDER BY i")
			o.ok(err)
			n := 0
			for c.Next() {
				n++
			}
			var e *sqlstorage.Error
			if n != at-1 || !errors.As(c.Err(), &e) || !strings.Contains(e.Error(), "overflow") || c.RowsRead() != int64(n) {
				t.Errorf("error at row %d: %d rows, %d read, %v", at, n, c.RowsRead(), c.Err())
			}
			if c.Next() || c.Err() == nil {
				t.Error("the error does not stay")
			}
		}
		o.exec("DROP TABLE n") // nothing holds it
	}
}

// TestOneThenMany: a text that gave one row may give more the next time, and fewer.
func TestOneThenMany(t *testing.T) {
	o := numbers(t, 1)
	for _, n := range []int{1, 1, 2, 2, 40, 1, 0, 1} {
		o.exec("DELETE FROM n")
		for i := range n {
			o.exec("INSERT INTO n(i, x) VALUES(?, ?)", i, i)
		}
		c, err := o.Exec(ctx, "SELECT i FROM n ORDER BY i")
		o.ok(err)
		var got []int
		for c.Next() {
			var i int
			o.ok(c.Scan(&i))
			got = append(got, i)
		}
		if o.ok(c.Err()); len(got) != n || !slices.IsSorted(got) {
			t.Errorf("%d rows: %v", n, got)
		}
		c, err = o.Exec(ctx, "SELECT i FROM n ORDER BY i")
		o.ok(err)
		var one int
		want := map[bool]error{n == 0: sqlstorage.ErrNoRows, n > 1: sqlstorage.ErrMultipleRows}[true]
		if err := c.One(&one); !errors.Is(err, want) {
			t.Errorf("%d rows: One = %v, want %v", n, err, want)
		}
	}
}
