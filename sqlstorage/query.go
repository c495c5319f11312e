package sqlstorage

import (
	"context"
	"fmt"
	"iter"
	"reflect"
)

// Query runs query as [DB.Exec] does, each time the result is ranged over, and gives the rows
// as Ts.
//
// If T is a struct (no time.Time and no sql.Scanner) columns go to its exported fields: to
// the one with the column's name in its db tag, else to the one of that name without regard
// to case. A column without a field, and two columns for one field, are ErrColumns; a field
// without a column stays zero (S13). A field with the tag "-" is passed over; fields of
// embedded structs count. Any other T takes exactly one column, else ErrColumns.
//
// An error, of Exec too, is given once, as the last pair. Leaving the loop early frees
// everything.
func Query[T any](ctx context.Context, db *DB, query string, args ...any) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		c, err := db.Exec(ctx, query, args...)
		if err != nil {
			yield(zero, err)
			return
		}
		defer c.Close()
		p, err := planOf(reflect.TypeFor[T](), c.rows.Columns())
		if err != nil {
			yield(zero, err)
			return
		}
		for c.Next() {
			var v T
			if err := c.into(&v, p); err != nil {
				yield(zero, err)
				return
			}
			if !yield(v, nil) {
				return
			}
		}
		if err := c.Err(); err != nil {
			yield(zero, err)
		}
	}
}

// QueryOne runs query as [DB.Exec] does and gives its only row as a T, see [Query]. It returns
// ErrNoRows if there is none and ErrMultipleRows if there are more, with the zero T as for
// every error.
func QueryOne[T any](ctx context.Context, db *DB, query string, args ...any) (T, error) {
	var v, zero T
	c, err := db.Exec(ctx, query, args...)
	if err != nil {
		return zero, err
	}
	defer c.Close()
	p, err := planOf(reflect.TypeFor[T](), c.rows.Columns())
	if err != nil {
		return zero, err
	}
	if err := c.only(); err != nil {
		return zero, err
	}
	if err := c.into(&v, p); err != nil {
		return zero, err
	}
	return v, nil
}

// into copies the row to v, a pointer to the type of the plan.
func (c *Cursor) into(v any, p plan) error {
	row := c.rows.Row()
	if p == nil {
		if err := assign(v, &c.rows, row[0]); err != nil {
			return c.columnError(0, v, err)
		}
		return nil
	}
	if len(p) != len(row) {
		return fmt.Errorf("%w: %d columns became %d", ErrColumns, len(p), len(row))
	}
	s := reflect.ValueOf(v).Elem()
	for i, index := range p {
		dst := field(s, index).Addr().Interface()
		if err := assign(dst, &c.rows, row[i]); err != nil {
			return c.columnError(i, dst, err)
		}
	}
	return nil
}

// field gives a field of s, which may be one of an embedded pointer's struct.
func field(s reflect.Value, index []int) reflect.Value {
	for i, n := range index {
		if i > 0 && s.Kind() == reflect.Pointer {
			if s.IsNil() {
				s.Set(reflect.New(s.Type().Elem()))
			}
			s = s.Elem()
		}
		s = s.Field(n)
	}
	return s
}
