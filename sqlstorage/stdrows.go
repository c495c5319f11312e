package sqlstorage

import (
	"database/sql/driver"
	"io"
	"strings"

	"github.com/durablego/do/internal/engine"
	"github.com/durablego/do/internal/sqlite"
)

// rows are a cursor as database/sql wants one.
type rows struct {
	cursor engine.Cursor
	times  []bool // by column: it is declared to hold times; nil: none is
}

var _ driver.RowsColumnTypeDatabaseTypeName = (*rows)(nil)

func (r *rows) Columns() []string { return r.cursor.Columns() }

// ColumnTypeDatabaseTypeName gives the declared type, in capitals as others do.
func (r *rows) ColumnTypeDatabaseTypeName(i int) string { return strings.ToUpper(r.cursor.Types()[i]) }

func (r *rows) Close() error {
	r.cursor.Close()
	return nil
}

// Next gives the next row. Blobs belong to the cursor and are valid until the next one, as
// database/sql expects.
func (r *rows) Next(dst []driver.Value) error {
	if !r.cursor.Next() {
		if err := r.cursor.Err(); err != nil {
			return err
		}
		return io.EOF
	}
	for i, v := range r.cursor.Row() {
		switch {
		case v.Type == sqlite.Blob:
			b := r.cursor.Bytes(v)
			if b == nil {
				b = []byte{}
			}
			dst[i] = b
		case v.Type == sqlite.Text && r.times != nil && r.times[i]:
			dst[i] = timeOrText(string(r.cursor.Bytes(v)))
		default:
			dst[i] = valueOf(&r.cursor, v)
		}
	}
	return nil
}

// timeColumns says which of the declared types are those of times (S67).
func timeColumns(types []string) (times []bool) {
	for i, t := range types {
		if strings.EqualFold(t, "DATETIME") || strings.EqualFold(t, "TIMESTAMP") || strings.EqualFold(t, "DATE") {
			if times == nil {
				times = make([]bool, len(types))
			}
			times[i] = true
		}
	}
	return times
}

func timeOrText(s string) any {
	if t, err := parseTime(s); err == nil {
		return t
	}
	return s
}
