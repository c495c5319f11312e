package engine

import (
	"context"

	"github.com/durablego/do/internal/sqlite"
)

// Range selects the entries with Lo ≤ key < Hi, compared as bytes (K3, K14). Without
// HasHi there is no upper bound. Bounds need not be valid UTF-8.
type Range struct {
	Lo, Hi  string
	HasHi   bool
	Reverse bool // descending
}

// Scan is a live list (K23): each step gives the first entry beyond the last one as the
// store is then. While nothing is written a step is a step of one SQLite statement; after
// a write, a commit point or a rollback the next one seeks anew. Scan is used like its
// session, and any number of scans may run at once.
type Scan struct {
	s     *Session
	rest  Range // what is still to come
	after bool  // beyond rest.Lo, not from it
	ended bool

	// While the scan holds a statement, and is in DB.scans:
	st         *sqlite.Stmt
	k          statement
	o          *opening // whose statement it is
	writes     uint64   // DB.writes when the statement began
	prev, next *Scan
}

// Scan returns a scan of r. It does nothing before Next.
func (s *Session) Scan(_ context.Context, r Range) *Scan { return &Scan{s: s, rest: r} }

// Next returns the next entry, which belongs to the caller, and true; false at the end.
// After an error or the end the scan is closed.
func (c *Scan) Next(ctx context.Context) (Entry, bool, error) {
	if c.ended {
		return Entry{}, false, nil
	}
	if err := c.s.enter(ctx); err != nil {
		c.Close()
		return Entry{}, false, err
	}
	defer c.s.leave()
	e, ok, err := c.step()
	if err != nil {
		err = c.s.failed(err)
	}
	if !ok {
		c.ended = true
		c.park()
	}
	return e, ok, err
}

// Close frees the scan's statement. Next gives no entry afterwards. Close may be called
// more than once, also when the session is fenced or its turn has ended.
func (c *Scan) Close() {
	if c.ended {
		return
	}
	c.ended = true
	if err := c.s.d.lock.acquire(context.Background()); err != nil {
		return // not with this context
	}
	c.park()
	c.s.d.lock.release()
}

// step gives the next entry. REQUIRES: lock held.
func (c *Scan) step() (e Entry, ok bool, err error) {
	if c.st != nil && c.writes != c.s.d.writes {
		c.park()
	}
	if c.st == nil {
		if ok, err = c.seek(); err != nil || !ok {
			return Entry{}, false, err
		}
	}
	if ok, err = c.st.Step(); err != nil || !ok {
		return Entry{}, false, err
	}
	e.Key = c.st.ColumnText(0)
	if e.Value = append([]byte(nil), c.st.ColumnBytes(1)...); e.Value == nil {
		e.Value = []byte{}
	}
	c.passed(e.Key)
	return e, true, nil
}

// passed narrows the range to what is beyond key.
func (c *Scan) passed(key string) {
	if c.rest.Reverse {
		c.rest.Hi, c.rest.HasHi = key, true
		return
	}
	c.rest.Lo, c.after = key, true
}

// seek begins a statement at the start of the range; false if there is no database.
func (c *Scan) seek() (bool, error) {
	d := c.s.d
	exists, err := d.reading()
	if err != nil || !exists {
		return false, err
	}
	k := stmtScan
	if c.rest.Reverse {
		k = stmtScanBack
	}
	if c.rest.HasHi {
		k++
	}
	st, err := d.db.stmt(k)
	if err != nil {
		return false, err
	}
	d.db.stmts[k] = nil // taken: a second scan prepares its own
	c.st, c.k, c.o, c.writes = st, k, d.db, d.writes
	if c.next = d.scans; c.next != nil {
		c.next.prev = c
	}
	d.scans = c
	lo := c.rest.Lo
	if c.after {
		lo += "\x00"
	}
	if err := st.BindText(1, lo); err != nil {
		return false, err
	}
	if c.rest.HasHi {
		return true, st.BindText(2, c.rest.Hi)
	}
	return true, nil
}

// park gives the statement back, if the scan holds one. REQUIRES: lock held.
func (c *Scan) park() {
	if c.st == nil {
		return
	}
	// A read has nothing to say at its end that the next step will not say again.
	if _ = c.st.Reset(); c.o.stmts[c.k] == nil {
		c.o.stmts[c.k] = c.st
	} else {
		_ = c.st.Finalize()
	}
	if c.prev != nil {
		c.prev.next = c.next
	} else {
		c.s.d.scans = c.next
	}
	if c.next != nil {
		c.next.prev = c.prev
	}
	c.st, c.o, c.prev, c.next = nil, nil, nil, nil
}

// parkScans takes the statements of all scans away. REQUIRES: lock held.
func (d *DB) parkScans() {
	for d.scans != nil {
		d.scans.park()
	}
}
