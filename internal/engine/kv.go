package engine

import (
	"context"
	"sync"

	"github.com/durablego/do/internal/doerr"
	"github.com/durablego/do/internal/sqlite"
)

// Entry is a key with its value. Both belong to who got them; the engine copies what it
// is given.
type Entry struct {
	Key   string
	Value []byte
}

// Get returns a fresh copy of the value of key, never nil if there is one; false if
// there is none.
func (s *Session) Get(ctx context.Context, key string) (value []byte, ok bool, err error) {
	if err := s.enter(ctx); err != nil {
		return nil, false, err
	}
	defer s.leave()
	value, ok, err = s.d.get(key, nil)
	if err != nil {
		return nil, false, s.failed(err)
	}
	return value, ok, nil
}

// buffers are for values that are only looked at. Long ones are not kept.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

const maxBuffer = 64 << 10

// GetFunc is Get without a copy to keep: it calls fn with the value of key, which is
// valid until fn returns and must not be changed; false, without a call, if there is
// none. An error of fn is returned as it is, with true. fn may use the session.
func (s *Session) GetFunc(ctx context.Context, key string, fn func(value []byte) error) (ok bool, err error) {
	if err := s.enter(ctx); err != nil {
		return false, err
	}
	buf := buffers.Get().(*[]byte)
	value, ok, err := s.d.get(key, (*buf)[:0])
	if err != nil {
		err = s.failed(err)
	}
	s.leave() // fn may run code of the user
	if err != nil || !ok {
		buffers.Put(buf)
		return false, err
	}
	err = fn(value)
	if cap(value) <= maxBuffer {
		*buf = value
		buffers.Put(buf)
	}
	return true, err
}

// get appends the value of key to buf. REQUIRES: lock held.
func (d *DB) get(key string, buf []byte) (value []byte, ok bool, err error) {
	exists, err := d.reading()
	if err != nil || !exists {
		return nil, false, err
	}
	st, err := d.db.stmt(stmtGet)
	if err != nil {
		return nil, false, err
	}
	if err := st.BindText(1, key); err != nil {
		return nil, false, err
	}
	ok, err = st.Step()
	if ok {
		if value = append(buf, st.ColumnBytes(0)...); value == nil {
			value = []byte{}
		}
	}
	if rerr := st.Reset(); err == nil {
		err = rerr
	}
	if err != nil {
		return nil, false, err
	}
	return value, ok, nil
}

// GetMany returns the entries that exist of keys, in the order of keys, which are sorted
// and without duplicates (K9).
func (s *Session) GetMany(ctx context.Context, keys []string) ([]Entry, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	var entries []Entry
	for _, key := range keys {
		value, ok, err := s.d.get(key, nil)
		if err != nil {
			return nil, s.failed(err)
		}
		if ok {
			entries = append(entries, Entry{key, value})
		}
		if s.fenced.Load() {
			return nil, doerr.ErrReset // Recover waits
		}
	}
	return entries, nil
}

// Put inserts or replaces the value of key (K10).
func (s *Session) Put(ctx context.Context, key string, value []byte) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	st, err := s.write(stmtPut)
	if err == nil {
		err = put(st, key, value)
	}
	if err != nil {
		return s.failed(err)
	}
	return nil
}

// PutMany puts all entries or, if it fails, none of them; earlier writes of the turn stay
// (K11).
func (s *Session) PutMany(ctx context.Context, entries []Entry) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	if len(entries) == 0 {
		return nil
	}
	st, err := s.write(stmtPut)
	if err == nil && len(entries) == 1 {
		err = put(st, entries[0].Key, entries[0].Value)
	}
	if err != nil {
		return s.failed(err)
	}
	if len(entries) == 1 {
		return nil
	}
	return s.atomically(func() error {
		for _, e := range entries {
			if s.fenced.Load() {
				return doerr.ErrReset
			}
			if err := put(st, e.Key, e.Value); err != nil {
				return err
			}
		}
		return nil
	})
}

// Delete deletes keys, all or none, and returns how many there were; a key given twice
// counts once (K12). Where there is no database it makes none.
func (s *Session) Delete(ctx context.Context, keys []string) (n int, err error) {
	if err := s.enter(ctx); err != nil {
		return 0, err
	}
	defer s.leave()
	exists, err := s.d.reading()
	if err != nil || !exists || len(keys) == 0 {
		return 0, err
	}
	st, err := s.write(stmtDelete)
	if err != nil {
		return 0, s.failed(err)
	}
	if len(keys) == 1 {
		if n, err = s.delete(st, keys[0]); err != nil {
			return 0, s.failed(err)
		}
		return n, nil
	}
	err = s.atomically(func() error {
		for _, key := range keys {
			if s.fenced.Load() {
				return doerr.ErrReset
			}
			m, err := s.delete(st, key)
			if err != nil {
				return err
			}
			n += m
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

// write opens what a write needs and returns its statement. REQUIRES: lock held.
func (s *Session) write(k statement) (*sqlite.Stmt, error) {
	d := s.d
	if err := s.mayWrite(); err != nil { // before the file is made
		return nil, err
	}
	if err := d.writing(); err != nil {
		return nil, err
	}
	st, err := d.db.stmt(k)
	if err != nil {
		return nil, err
	}
	if err := d.begin(); err != nil {
		return nil, err
	}
	d.writes++
	return st, nil
}

func put(st *sqlite.Stmt, key string, value []byte) error {
	if err := st.BindText(1, key); err != nil {
		return err
	}
	if err := st.BindBlob(2, value); err != nil {
		return err
	}
	return finish(st)
}

func (s *Session) delete(st *sqlite.Stmt, key string) (n int, err error) {
	if err := st.BindText(1, key); err != nil {
		return 0, err
	}
	if err := finish(st); err != nil {
		return 0, err
	}
	return int(s.d.db.conn.Changes()), nil
}
