package sqlstorage

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"

	"github.com/durablego/do/internal/engine"
)

// Cursor is the rows of a statement, used like its DB. It is single pass, and ends at the
// turn's next commit point (its end, a wait, Sync, a blocked section), with the rollback of
// the Transaction it was opened in, and with DeleteAll: Next is then false and Err gives
// ErrCursorClosed (S10). So does the rollback of a later Transaction, if the schema was changed
// since the last commit point. A cursor that was not read to its end costs a statement until then;
// Close frees it. Rows are read ahead: no more than were wanted so far, 16 or about 16 KB.
//
// Writing while a cursor is open is allowed; whether it shows rows of its own table that it
// has not read yet is undefined (S15). Dropping a table meanwhile is an *Error,
// SQLITE_LOCKED.
type Cursor struct{ rows engine.Cursor }

// cursors are made several at once, as the memory of one costs as much as running a short
// statement. Those of one slab are freed together.
var slabs = sync.Pool{New: func() any { return new(slab) }}

type slab struct {
	used    int
	cursors [8]Cursor
}

func newCursor() *Cursor {
	s := slabs.Get().(*slab)
	c := &s.cursors[s.used]
	if s.used++; s.used < len(s.cursors) {
		slabs.Put(s)
	}
	return c
}

var errNoRow = errors.New("sqlstorage: Scan without a row: call Next first")

// Next goes to the next row and reports whether there is one. If not, Err tells why.
func (c *Cursor) Next() bool { return c.rows.Next() }

// Err gives the error that ended Next; nil after the last row.
func (c *Cursor) Err() error { return c.rows.Err() }

// Close frees the cursor. It may be called more than once, and need not be called after Next
// was false.
func (c *Cursor) Close() { c.rows.Close() }

// Columns gives the names of the columns in order, duplicates too; none for a statement
// without rows. It works after the last row, too (S11).
func (c *Cursor) Columns() []string { return slices.Clone(c.rows.Columns()) }

// RowsRead counts the rows that were handed out so far (S14).
func (c *Cursor) RowsRead() int64 { return c.rows.RowsRead() }

// RowsWritten counts the rows that Exec inserted, updated and deleted, by triggers and
// foreign keys too (S14).
func (c *Cursor) RowsWritten() int64 { return c.rows.RowsWritten() }

// Scan copies the row that Next went to into dst: as many pointers as there are columns, else
// it returns ErrColumns. A value that does not fit is ErrInvalidValue; what was scanned before
// it stays. The package comment has the conversions.
func (c *Cursor) Scan(dst ...any) error {
	row := c.rows.Row()
	if row == nil {
		return errNoRow
	}
	if len(dst) != len(row) {
		return fmt.Errorf("%w: %d destinations for %d columns", ErrColumns, len(dst), len(row))
	}
	for i, d := range dst {
		if err := assign(d, &c.rows, row[i]); err != nil {
			return c.columnError(i, d, err)
		}
	}
	return nil
}

// columnError says which value did not fit. Values are not quoted.
func (c *Cursor) columnError(i int, dst any, err error) error {
	return fmt.Errorf("%w: column %d, %q, into %T: %w", ErrInvalidValue, i, c.rows.Columns()[i], dst, err)
}

// One scans the only row into dst and closes the cursor. It returns ErrNoRows if there is
// none and ErrMultipleRows if there are more; dst is then as it was. Otherwise it is as Scan.
func (c *Cursor) One(dst ...any) error {
	if err := c.only(); err != nil {
		return err
	}
	return c.Scan(dst...)
}

// only goes to the only row.
func (c *Cursor) only() error {
	n, err := c.rows.Only()
	switch {
	case err != nil:
		return err
	case n == 0:
		return ErrNoRows
	case n > 1:
		c.Close()
		return ErrMultipleRows
	}
	return nil
}

// Rows gives the rows that are left, each a slice of its own with the values by position:
// nil, int64, float64, string or []byte. An error is given once, as the last pair. Leaving
// the loop closes the cursor.
func (c *Cursor) Rows() iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		defer c.Close()
		for c.Next() {
			row := c.rows.Row()
			values := make([]any, len(row))
			for i, v := range row {
				values[i] = valueOf(&c.rows, v)
			}
			if !yield(values, nil) {
				return
			}
		}
		if err := c.Err(); err != nil {
			yield(nil, err)
		}
	}
}
