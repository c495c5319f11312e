package engine

import (
	"context"
	"sync/atomic"

	"github.com/durablego/do/internal/doerr"
	"github.com/durablego/do/internal/sqlite"
)

// Cursor is the rows of a statement of a user's. It is opened once, by
// Session.OpenCursor, used like its session, and ends at the next commit point, at
// DeleteAll, and with the rollback of the Transaction it was opened in (S10).
type Cursor struct {
	s       *Session
	ctx     context.Context // of OpenCursor: that of every step
	columns []string
	err     error // of the last step
	state   atomic.Uint32

	rows    sqlite.Rows // the row that was given last and some behind it; of a write all rows
	memory  rowMemory   // what rows begins with
	ahead   int         // how many rows are read next; 0 until the first is behind
	late    error       // why there are no more than those in rows
	at      int         // where the row that was given last begins in rows.Values
	next    int         // where the next one begins
	width   int         // columns of a row
	read    int64       // rows given
	written int64
	direct  int64 // of written, those of the last statement itself
	lastID  int64

	tx    *Tx // that the text belongs to, or nil
	typed bool
	types []string

	// While the cursor is open, of the holder of DB.lock; t is nil if all rows are here:
	x            *texts
	t            *text
	level        int32 // of the Transaction it belongs to, 0 for none
	newer, elder *Cursor
}

// A cursor reads ahead, no more rows than were wanted so far and within these bounds: one row
// costs as much for its way through the session as for itself.
const (
	maxAhead      = 16
	maxAheadBytes = 16 << 10
)

// rowMemory is room for few and short values.
type rowMemory struct {
	values [4]sqlite.Value
	data   [48]byte
}

// States of a cursor.
const (
	cursorNew    uint32 = iota // also if OpenCursor failed
	cursorOpen                 // there may be more rows
	cursorDone                 // no more rows, or closed
	cursorEnded                // by a commit point and the like
	cursorFailed               // by an error
)

// Next goes to the next row; false if there is none, or after an error, see Err.
func (c *Cursor) Next() bool {
	switch c.state.Load() {
	case cursorOpen:
	case cursorEnded:
		c.err = c.s.endedBy()
		return false
	default:
		return false
	}
	if err := c.s.enter(c.ctx); err != nil {
		c.fail(err)
		return false
	}
	ok, err := c.step()
	if err != nil {
		err = c.s.failed(err)
		c.drop(cursorFailed)
		c.err = err
	}
	c.s.leave()
	return ok
}

// Only goes to the next row if it is the last one: it gives how many rows there are, 0, 1
// or 2 for more than one.
func (c *Cursor) Only() (rows int, err error) {
	if c.state.Load() != cursorOpen {
		return 0, c.Err()
	}
	if err := c.s.enter(c.ctx); err != nil {
		c.fail(err)
		return 0, err
	}
	defer c.s.leave()
	more := false
	ok, err := c.step()
	if ok {
		rows = 1
		more, err = c.peek()
	}
	if err != nil {
		err = c.s.failed(err)
		c.drop(cursorFailed)
		c.err = err
		return 0, err
	}
	if more {
		rows = 2
	}
	return rows, c.err
}

// peek tells whether there is a row behind the one that step went to, which stays valid.
// REQUIRES: lock held, the cursor is open.
func (c *Cursor) peek() (more bool, err error) {
	if c.next >= len(c.rows.Values) && c.t != nil {
		c.fill(1)
	}
	if c.next < len(c.rows.Values) {
		return true, nil
	}
	if c.late != nil {
		return false, c.late
	}
	c.drop(cursorDone)
	return false, nil
}

// endedBy gives the reason why a cursor of the session was ended.
func (s *Session) endedBy() error {
	if s.fenced.Load() {
		return doerr.ErrReset
	}
	if e := s.d.broken.Load(); e != nil {
		return e
	}
	return doerr.ErrCursorClosed
}

// step goes to the next row. REQUIRES: lock held.
func (c *Cursor) step() (bool, error) {
	if c.state.Load() != cursorOpen { // meanwhile
		c.err = c.s.endedBy()
		return false, nil
	}
	if c.next >= len(c.rows.Values) && c.t != nil {
		c.rows.Reset()
		c.next = 0
		c.fill(1)
	}
	if c.at = c.next; c.at >= len(c.rows.Values) {
		if c.late != nil {
			return false, c.late
		}
		c.drop(cursorDone)
		return false, nil
	}
	c.next += c.width
	c.read++
	return true, nil
}

// fill reads some rows, if there are any, behind those that are here, and notes what comes
// behind them. It reads so many at least. REQUIRES: lock held, the cursor has its statement.
func (c *Cursor) fill(least int) {
	c.ahead = min(max(2*c.ahead, 1), maxAhead)
	for n := 0; n < least || n < c.ahead && c.rows.Size() < maxAheadBytes; n++ {
		row, err := c.x.read(c.ctx, c.t, nil, &c.rows)
		if row {
			c.t.single = false
			continue
		}
		if err != nil {
			c.late = c.s.failed(err)
		}
		c.t.single = c.ahead == 1 && n == 0
		c.x.release(c.t)
		c.t, c.x = nil, nil
		return
	}
}

// read steps a read-only statement, which the end of ctx interrupts (S58), and appends a
// row to rows. args are for its first step.
func (x *texts) read(ctx context.Context, t *text, args []sqlite.Arg, rows *sqlite.Rows) (row bool, err error) {
	if ctx.Done() != nil {
		x.ctx = ctx
	}
	if args != nil {
		row, err = t.Start(args, rows)
	} else {
		row, err = t.StepRow(rows)
	}
	x.ctx = nil
	if err == nil {
		return row, nil
	}
	switch sqliteCode(err) {
	case "SQLITE_INTERRUPT":
		if ctx.Err() != nil {
			err = ctx.Err()
		}
	case "SQLITE_ERROR":
		err = redact(err, nil)
	case "SQLITE_ABORT": // one begun after it was rolled back, behind a change of the schema
		err = doerr.ErrCursorClosed
	}
	return false, err
}

// fail ends the cursor because the session could not be entered.
func (c *Cursor) fail(err error) {
	c.Close()
	c.state.Store(cursorFailed)
	c.err = err
}

// Err gives the error that ended Next; nil after the last row and after Close.
func (c *Cursor) Err() error {
	if c.err == nil && c.state.Load() == cursorEnded {
		return c.s.endedBy()
	}
	return c.err
}

// Close frees the cursor's statement. It may be called more than once, also when the
// turn has ended.
func (c *Cursor) Close() {
	if c.state.Load() != cursorOpen {
		return
	}
	if err := c.s.d.lock.acquire(context.Background()); err != nil {
		return // not with this context
	}
	if c.state.Load() == cursorOpen {
		c.drop(cursorDone)
	}
	c.s.d.lock.release()
}

// Row gives the values of the row that Next went to, valid until the next call of Next;
// nil before the first and after the last. What they point to is read with Bytes.
func (c *Cursor) Row() []sqlite.Value {
	if c.read == 0 || c.at+c.width > len(c.rows.Values) || c.state.Load() == cursorNew {
		return nil
	}
	return c.rows.Values[c.at : c.at+c.width]
}

// Bytes gives the bytes of a text or blob of Row.
func (c *Cursor) Bytes(v sqlite.Value) []byte { return c.rows.Bytes(v) }

// Columns gives the names of the columns, which must not be changed.
func (c *Cursor) Columns() []string { return c.columns }

// Types gives the types that the columns were declared with, "" for an expression, of a cursor
// of OpenCursorIn. They must not be changed.
func (c *Cursor) Types() []string { return c.types }

// Direct gives how many rows the last statement of OpenCursor itself changed, without
// triggers and foreign keys, and LastID the rowid of the newest row inserted until then.
func (c *Cursor) Direct() int64 { return c.direct }

// LastID is described at Direct.
func (c *Cursor) LastID() int64 { return c.lastID }

// describe takes from t what is known of the columns. REQUIRES: lock held.
func (c *Cursor) describe(t *text) {
	c.columns = t.names()
	c.width = len(c.columns)
	if c.typed {
		c.types = t.declared()
	}
}

// RowsRead gives how many rows Next went to (S14).
func (c *Cursor) RowsRead() int64 { return c.read }

// RowsWritten gives how many rows OpenCursor inserted, updated and deleted (S14).
func (c *Cursor) RowsWritten() int64 { return c.written }

// enroll puts the cursor into DB.cursors. REQUIRES: lock held.
func (c *Cursor) enroll(t *text, x *texts) {
	d := c.s.d
	c.t, c.x, c.level = t, x, c.s.depth.Load()
	if c.elder = d.cursors; c.elder != nil {
		c.elder.newer = c
	}
	d.cursors = c
	c.state.Store(cursorOpen)
}

// drop takes an open cursor out of DB.cursors and gives its statement back. REQUIRES:
// lock held.
func (c *Cursor) drop(state uint32) {
	if c.state.Load() != cursorOpen {
		return
	}
	c.state.Store(state)
	if c.t != nil {
		c.x.release(c.t)
	}
	if c.newer != nil {
		c.newer.elder = c.elder
	} else {
		c.s.d.cursors = c.elder
	}
	if c.elder != nil {
		c.elder.newer = c.newer
	}
	c.t, c.x, c.newer, c.elder = nil, nil, nil, nil
}

// endCursors ends the cursors that were opened in a Transaction of this level or deeper;
// all, with level 0. REQUIRES: lock held.
func (d *DB) endCursors(level int32) {
	for c := d.cursors; c != nil; {
		next := c.elder
		if c.level >= level {
			c.drop(cursorEnded)
		}
		c = next
	}
}

// raiseCursors makes the cursors of a level those of the one around it: it was kept.
// REQUIRES: lock held.
func (d *DB) raiseCursors(level int32) {
	for c := d.cursors; c != nil; c = c.elder {
		c.level = min(c.level, level-1)
	}
}
