package sqlite

import (
	"modernc.org/libc"
	lib "modernc.org/sqlite/lib"
)

// Type is the storage class of a value.
type Type uint8

// The storage classes.
const (
	Int   Type = lib.SQLITE_INTEGER
	Float Type = lib.SQLITE_FLOAT
	Text  Type = lib.SQLITE_TEXT
	Blob  Type = lib.SQLITE_BLOB
	Null  Type = lib.SQLITE_NULL
)

// Columns are counted from 0. Values can be read between a Step that gave a row and
// the next Step or Reset; elsewhere, and of columns that do not exist, they are NULL.
// A value of another type than asked for is converted as SQLite's CAST does.

// ColumnCount gives the number of columns; 0 if the statement gives no rows.
func (s *Stmt) ColumnCount() int { return s.columns }

// ColumnName gives the name of column i.
func (s *Stmt) ColumnName(i int) string {
	t := enter()
	defer t.leave()
	return libc.GoString(lib.Xsqlite3_column_name(t.TLS, s.p, int32(i)))
}

// ColumnDeclType gives the type that column i was declared with; "" for an expression.
func (s *Stmt) ColumnDeclType(i int) string {
	t := enter()
	defer t.leave()
	return libc.GoString(lib.Xsqlite3_column_decltype(t.TLS, s.p, int32(i)))
}

// ColumnType gives the type of the value in column i.
func (s *Stmt) ColumnType(i int) Type {
	t := enter()
	defer t.leave()
	return Type(lib.Xsqlite3_column_type(t.TLS, s.p, int32(i)))
}

// ColumnInt64 gives the value in column i as an integer.
func (s *Stmt) ColumnInt64(i int) int64 {
	t := enter()
	defer t.leave()
	return lib.Xsqlite3_column_int64(t.TLS, s.p, int32(i))
}

// ColumnFloat gives the value in column i as a real number.
func (s *Stmt) ColumnFloat(i int) float64 {
	t := enter()
	defer t.leave()
	return lib.Xsqlite3_column_double(t.TLS, s.p, int32(i))
}

// ColumnText gives the value in column i as a string.
func (s *Stmt) ColumnText(i int) string { return string(s.ColumnBytes(i)) }

// ColumnBlob gives a copy of the value in column i; nil for NULL, never for an empty blob.
func (s *Stmt) ColumnBlob(i int) []byte {
	t := enter()
	defer t.leave()
	if lib.Xsqlite3_column_type(t.TLS, s.p, int32(i)) == lib.SQLITE_NULL {
		return nil
	}
	return append([]byte{}, s.bytes(t, i)...)
}

// ColumnBytes gives the bytes of the value in column i, text or blob, without copying:
// they are valid until the next Step, Reset or Column call on this column, and must
// not be written to.
func (s *Stmt) ColumnBytes(i int) []byte {
	t := enter()
	defer t.leave()
	return s.bytes(t, i)
}

func (s *Stmt) bytes(t *thread, i int) []byte {
	p := lib.Xsqlite3_column_blob(t.TLS, s.p, int32(i))
	n := lib.Xsqlite3_column_bytes(t.TLS, s.p, int32(i))
	if p == 0 || n == 0 {
		return nil
	}
	return bytesAt(p, int(n))
}
