package engine

import (
	"context"

	"github.com/durablego/do/internal/sqlite"
)

// Bounds of the statements that a connection keeps for users (N11). Besides its text a
// statement takes some kilobytes of memory, whatever its length.
const (
	maxTextBytes  = 1 << 20
	maxTexts      = 512
	progressEvery = 1000 // instructions of SQLite's machine
)

// texts is what a connection has for statements of users: those prepared before, and the
// flags that are set on it. Everything belongs to the holder of DB.lock.
type texts struct {
	conn  *sqlite.Conn
	flags flagSet

	kept           map[string]*text
	newest, oldest *text // of those kept, by last use
	bytes          int

	ctx context.Context // of the read-only statement that runs, if it can end (S58)
}

// text is a prepared statement of a user's.
type text struct {
	*sqlite.Stmt
	sql          string
	busy         bool // a cursor has it
	kept         bool // in texts.kept
	single       bool // it gave one row when it was last read to its end: the end is looked for at once
	newer, older *text

	columns  []string // shared with cursors: not changed
	types    []string // likewise; nil if nobody asked
	prepared int      // Stmt.Reprepared as of columns
}

func newTexts(conn *sqlite.Conn) *texts {
	x := &texts{conn: conn, kept: map[string]*text{}}
	conn.SetProgress(progressEvery, x.stop)
	return x
}

// stop tells whether the statement that runs is to be interrupted. Statements of our own,
// and those that write, have no ctx here.
func (x *texts) stop() bool { return x.ctx != nil && x.ctx.Err() != nil }

// find gives the statement that is kept for sql, nil if there is none or it is in use.
func (x *texts) find(sql string) *text {
	t := x.newest
	if t == nil || t.sql != sql { // comparing a constant with itself is quick
		t = x.kept[sql]
	}
	if t == nil || t.busy {
		return nil
	}
	t.busy = true
	if t != x.newest {
		x.unlink(t)
		x.link(t)
	}
	return t
}

// prepare prepares the first statement of sql, nil if there is none. It is in use until
// release.
func (x *texts) prepare(sql string, inTx bool) (t *text, tail string, err error) {
	prepare := x.conn.PrepareUser
	if inTx {
		prepare = x.conn.PrepareUserTx
	}
	st, tail, err := prepare(sql)
	if st == nil || err != nil {
		return nil, tail, err
	}
	return &text{Stmt: st, busy: true}, tail, nil
}

// keep keeps a statement for the next use of the same text, and makes room for it. A
// pragma does what it does when it is prepared.
func (x *texts) keep(t *text, sql string) {
	if t.Pragma || t.Savepoint.Op != "" || len(sql) > maxTextBytes || x.kept[sql] != nil {
		return
	}
	t.sql, t.kept = sql, true
	x.kept[sql] = t
	x.link(t)
	x.bytes += len(sql)
	for x.bytes > maxTextBytes || len(x.kept) > maxTexts {
		old := x.oldest
		x.unlink(old)
		delete(x.kept, old.sql)
		x.bytes -= len(old.sql)
		if old.kept = false; !old.busy {
			_ = old.Finalize() // it is not running
		}
	}
}

// release ends a use. A read has nothing to say at its end that its last step did not
// say, and no statement ends a transaction here.
func (x *texts) release(t *text) {
	t.busy = false
	if !t.kept {
		_ = t.Finalize()
		return
	}
	if t.Running() {
		_ = t.Reset()
	}
}

func (x *texts) link(t *text) {
	t.newer, t.older = nil, x.newest
	if x.newest != nil {
		x.newest.newer = t
	} else {
		x.oldest = t
	}
	x.newest = t
}

func (x *texts) unlink(t *text) {
	if t.newer != nil {
		t.newer.older = t.older
	} else {
		x.newest = t.older
	}
	if t.older != nil {
		t.older.newer = t.newer
	} else {
		x.oldest = t.newer
	}
}

// names gives the names of the columns, as of the last step.
func (t *text) names() []string {
	if t.ColumnCount() == 0 {
		return nil
	}
	if n := t.Reprepared(); t.columns == nil || n != t.prepared {
		t.columns, t.types, t.prepared = t.ColumnNames(), nil, n
	}
	return t.columns
}

// declared gives the types of the columns that names has just given.
func (t *text) declared() []string {
	if t.types == nil && t.ColumnCount() > 0 {
		t.types = t.ColumnDeclTypes()
	}
	return t.types
}
