package sqlite

import (
	"math"

	"modernc.org/libc"
	lib "modernc.org/sqlite/lib"
)

// Value is a value of a row.
type Value struct {
	number int64 // of text or blob: where it begins and ends in Rows.data, 32 bits each
	Type   Type
}

// Int gives the value of an Int.
func (v Value) Int() int64 { return v.number }

// Float gives the value of a Float.
func (v Value) Float() float64 { return math.Float64frombits(uint64(v.number)) }

// Rows holds copies of rows, one after the other. It keeps its memory when it is emptied.
type Rows struct {
	Values []Value // of all rows
	data   []byte  // text and blobs
}

// Bytes gives the bytes of a Text or Blob, which belong to r.
func (r *Rows) Bytes(v Value) []byte {
	start, end := uint64(v.number)>>32, uint64(v.number)&0xffff_ffff
	return r.data[start:end:end]
}

// Size is that of the text and blobs, in bytes.
func (r *Rows) Size() int { return len(r.data) }

// Reset empties r.
func (r *Rows) Reset() { r.Values, r.data = r.Values[:0], r.data[:0] }

// Use gives r memory to begin with.
func (r *Rows) Use(values []Value, data []byte) { r.Values, r.data = values[:0], data[:0] }

// What follows does in one call what would take several of the ones above, for the sake of
// speed: the statement is reset when it came to its end or failed.

// StepRow is Step, and appends a row that it gave to r.
func (s *Stmt) StepRow(r *Rows) (row bool, err error) {
	t := enter()
	defer t.leave()
	return s.stepRow(t, r)
}

// Start binds args to the parameters 1, 2 … and is StepRow then.
func (s *Stmt) Start(args []Arg, r *Rows) (row bool, err error) {
	t := enter()
	defer t.leave()
	if err := s.bindAll(t, args); err != nil {
		return false, err
	}
	return s.stepRow(t, r)
}

// Outcome is what a run of a statement did.
type Outcome struct {
	Changes int64 // rows inserted, updated and deleted, by triggers and foreign keys too
	Direct  int64 // … by the statement itself
	LastID  int64 // rowid of the newest row that was inserted on the connection
}

// Run binds args, steps to the end and appends all rows to r, unless that is nil.
func (s *Stmt) Run(args []Arg, r *Rows) (o Outcome, err error) {
	t := enter()
	defer t.leave()
	if s.p == 0 {
		return o, errFinalized
	}
	if err := s.bindAll(t, args); err != nil {
		return o, err
	}
	before := lib.Xsqlite3_total_changes64(t.TLS, s.conn.db)
	for row := true; row; {
		row, err = s.stepRow(t, r)
	}
	if o.Changes = lib.Xsqlite3_total_changes64(t.TLS, s.conn.db) - before; o.Changes > 0 {
		o.Direct = lib.Xsqlite3_changes64(t.TLS, s.conn.db) // else it is that of an older statement
	}
	o.LastID = lib.Xsqlite3_last_insert_rowid(t.TLS, s.conn.db)
	return o, err
}

func (s *Stmt) stepRow(t *thread, r *Rows) (row bool, err error) {
	if row, err = s.step(t); !row {
		s.reset(t)
	} else if r != nil {
		s.appendRow(t, r)
	}
	return row, err
}

func (s *Stmt) bindAll(t *thread, args []Arg) error {
	for i := range args {
		if err := s.bindArg(t, i+1, &args[i]); err != nil {
			return err
		}
	}
	return nil
}

func (s *Stmt) bindArg(t *thread, i int, a *Arg) error {
	switch a.Type {
	case Int:
		return s.bindInt64(t, i, a.Int)
	case Float:
		return s.bindFloat(t, i, a.Float)
	case Text:
		return s.bindText(t, i, a.Text)
	case Blob:
		return s.bindBlob(t, i, a.Blob)
	}
	return s.bindNull(t, i)
}

func (s *Stmt) appendRow(t *thread, r *Rows) {
	for i := range int32(s.columns) {
		p := lib.Xsqlite3_column_value(t.TLS, s.p, i) // found once, not by each of the column functions
		v := Value{Type: Type(lib.Xsqlite3_value_type(t.TLS, p))}
		switch v.Type {
		case Int:
			v.number = lib.Xsqlite3_value_int64(t.TLS, p)
		case Float:
			v.number = int64(math.Float64bits(lib.Xsqlite3_value_double(t.TLS, p)))
		case Text, Blob:
			v.number = int64(len(r.data)) << 32
			if b, n := lib.Xsqlite3_value_blob(t.TLS, p), lib.Xsqlite3_value_bytes(t.TLS, p); b != 0 {
				r.data = append(r.data, bytesAt(b, int(n))...)
			}
			v.number |= int64(len(r.data))
		}
		r.Values = append(r.Values, v)
	}
}

// ColumnNames gives the names of all columns, as they were when the statement was last
// prepared.
func (s *Stmt) ColumnNames() []string {
	t := enter()
	defer t.leave()
	names := make([]string, lib.Xsqlite3_column_count(t.TLS, s.p))
	for i := range names {
		names[i] = libc.GoString(lib.Xsqlite3_column_name(t.TLS, s.p, int32(i)))
	}
	return names
}

// ColumnDeclTypes gives the types that the columns were declared with, "" for an expression,
// like ColumnNames.
func (s *Stmt) ColumnDeclTypes() []string {
	t := enter()
	defer t.leave()
	types := make([]string, lib.Xsqlite3_column_count(t.TLS, s.p))
	for i := range types {
		types[i] = libc.GoString(lib.Xsqlite3_column_decltype(t.TLS, s.p, int32(i)))
	}
	return types
}

// Reprepared counts how often the statement, one of PrepareUser, was prepared anew before
// its last run because the schema had changed.
func (s *Stmt) Reprepared() int { return int(s.reprepared) }

// Arg is a value for a parameter.
type Arg struct {
	Name  string // "" for a parameter by position; without prefix
	Type  Type   // 0 is Null
	Int   int64
	Float float64
	Text  string
	Blob  []byte
}

// Bind binds args to the parameters 1, 2 …. Those that are not given stay as they are.
func (s *Stmt) Bind(args []Arg) error {
	t := enter()
	defer t.leave()
	return s.bindAll(t, args)
}

// ParamNames gives the names of the parameters of a statement of PrepareUser, with their
// prefix; "" for ?. It must not be changed.
func (s *Stmt) ParamNames() []string { return s.names }
