package sqlite

import (
	lib "modernc.org/sqlite/lib"
)

// maxShort is the size up to which a parameter's buffer is kept for the next value.
const maxShort = 4096

// param is the memory of a parameter's value, outside the Go heap.
type param struct {
	buf  uintptr // kept for short values; SQLite reads it until the next bind
	size int
	long bool // bound to memory that SQLite frees
}

var freeC = funcPointer(lib.Xsqlite3_free)

// BindNull binds NULL to parameter i, counted from 1. The bind methods fail with
// SQLITE_RANGE if there is no such parameter, SQLITE_TOOBIG if the value is longer than
// MaxRowBytes, and SQLITE_MISUSE between Step and Reset.
func (s *Stmt) BindNull(i int) error {
	t := enter()
	defer t.leave()
	return s.bindNull(t, i)
}

func (s *Stmt) bindNull(t *thread, i int) error {
	s.short(i)
	return s.bound(t, lib.Xsqlite3_bind_null(t.TLS, s.p, int32(i)))
}

// BindInt64 binds an integer.
func (s *Stmt) BindInt64(i int, v int64) error {
	t := enter()
	defer t.leave()
	return s.bindInt64(t, i, v)
}

func (s *Stmt) bindInt64(t *thread, i int, v int64) error {
	s.short(i)
	return s.bound(t, lib.Xsqlite3_bind_int64(t.TLS, s.p, int32(i), v))
}

// BindFloat binds a real number. NaN becomes NULL.
func (s *Stmt) BindFloat(i int, v float64) error {
	t := enter()
	defer t.leave()
	return s.bindFloat(t, i, v)
}

func (s *Stmt) bindFloat(t *thread, i int, v float64) error {
	s.short(i)
	return s.bound(t, lib.Xsqlite3_bind_double(t.TLS, s.p, int32(i), v))
}

// BindText binds a copy of v as text.
func (s *Stmt) BindText(i int, v string) error {
	t := enter()
	defer t.leave()
	return s.bindText(t, i, v)
}

func (s *Stmt) bindText(t *thread, i int, v string) error {
	p, free, err := s.memory(t, i, len(v))
	if err != nil {
		return err
	}
	copy(bytesAt(p, len(v)), v)
	return s.bound(t, lib.Xsqlite3_bind_text64(t.TLS, s.p, int32(i), p, uint64(len(v)), free, lib.SQLITE_UTF8))
}

// BindBlob binds a copy of v as a blob: an empty one if v is nil or empty.
func (s *Stmt) BindBlob(i int, v []byte) error {
	t := enter()
	defer t.leave()
	return s.bindBlob(t, i, v)
}

func (s *Stmt) bindBlob(t *thread, i int, v []byte) error {
	p, free, err := s.memory(t, i, len(v))
	if err != nil {
		return err
	}
	copy(bytesAt(p, len(v)), v)
	return s.bound(t, lib.Xsqlite3_bind_blob64(t.TLS, s.p, int32(i), p, uint64(len(v)), free))
}

func (s *Stmt) bound(t *thread, rc int32) error {
	if rc != lib.SQLITE_OK {
		return s.conn.fail(t, rc)
	}
	return nil
}

// memory gives room for a value of n bytes and what SQLite is to free it with. Short
// values go to the parameter's own buffer, so that binding allocates nothing.
func (s *Stmt) memory(t *thread, i, n int) (p, free uintptr, err error) {
	switch {
	case s.p == 0:
		return 0, 0, errFinalized
	case s.running: // the statement reads the buffer
		return 0, 0, misuse("a parameter bound between Step and Reset")
	case i < 1 || i > len(s.params):
		return 0, 0, newError(lib.SQLITE_RANGE)
	case n > s.conn.maxRow: // before it is copied
		return 0, 0, newError(lib.SQLITE_TOOBIG)
	}
	m := &s.params[i-1]
	if n > maxShort {
		m.long = true
		return t.alloc(n), freeC, nil
	}
	m.long = false
	if n > m.size || m.buf == 0 {
		size := max(32, m.size)
		for size < n {
			size *= 2
		}
		// SQLite may still point to the old buffer, but does not look before the new
		// value is bound.
		m.free(t)
		m.buf, m.size = t.alloc(size), size
	}
	return m.buf, lib.SQLITE_STATIC, nil
}

// short notes that the value now bound to parameter i needs no memory.
func (s *Stmt) short(i int) {
	if !s.running && i >= 1 && i <= len(s.params) {
		s.params[i-1].long = false
	}
}

func (m *param) free(t *thread) {
	t.release(m.buf)
	m.buf = 0
}

// ClearBindings sets all parameters to NULL. It does nothing between Step and Reset.
func (s *Stmt) ClearBindings() {
	if s.p == 0 || s.running {
		return
	}
	t := enter()
	defer t.leave()
	lib.Xsqlite3_clear_bindings(t.TLS, s.p)
	for i := range s.params {
		s.params[i].long = false
	}
}

// dropLong frees the values that are too long to be kept.
func (s *Stmt) dropLong(t *thread) {
	for i := range s.params {
		if s.params[i].long {
			s.params[i].long = false
			lib.Xsqlite3_bind_null(t.TLS, s.p, int32(i+1))
		}
	}
}
