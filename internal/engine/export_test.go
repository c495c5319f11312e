package engine

import "context"

// Compare is compare.
func Compare(data, image []byte) string {
	return [...]string{grown: "grown", fresh: "fresh", torn: "torn"}[compare(data, image)]
}

// Image is image.
func Image() ([]byte, error) { return image() }

// Exec runs SQL as part of the turn's transaction, as the SQL face will.
func (s *Session) Exec(ctx context.Context, sql string) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	err := s.d.writing()
	if err == nil {
		err = s.d.begin()
	}
	if err == nil {
		s.d.writes++
		err = s.d.db.conn.Exec(sql)
	}
	if err != nil {
		return s.failed(err)
	}
	return nil
}

// Query gives the first column of a query's rows.
func (s *Session) Query(ctx context.Context, sql string) ([]string, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	exists, err := s.d.reading()
	if err != nil || !exists {
		return nil, err
	}
	return s.d.db.rows(sql)
}

// Lockable tells whether nobody holds the connection's lock.
func (d *DB) Lockable() bool { return !d.lock.held.Load() }

// Texts gives how many statements of users the connection keeps, and the bytes of their texts.
func (d *DB) Texts() (n, bytes int) {
	if d.db == nil || d.db.texts == nil {
		return 0, 0
	}
	return len(d.db.texts.kept), d.db.texts.bytes
}

// Cursors gives how many cursors are open, and whether the empty database is.
func (d *DB) Cursors() (n int, void bool) {
	for c := d.cursors; c != nil; c = c.elder {
		n++
	}
	return n, d.void != nil
}

// MaxHeld is how much of what waits for a journal is copied.
const MaxHeld = maxHeld
