package index

import (
	"bytes"
	"maps"
	"slices"

	"github.com/durablego/do/internal/sqlite"
)

// statement is one that a connection keeps prepared.
type statement uint8

const (
	stmtReplace statement = iota
	stmtUpsert
	stmtUpdate
	stmtDelete
	stmtGet
	stmtList
	stmtDue
	statements
)

const (
	columns = "id, name, created, used, size, alarm, alarm_state"
	// Of a change that is not about a field the parameter is NULL.
	assign = "name=coalesce(?2,name), used=max(used,coalesce(?4,used),?8), size=coalesce(?5,size), " +
		"alarm=coalesce(?6,alarm), alarm_state=coalesce(?7,alarm_state)"
)

var statementText = [statements]string{
	stmtReplace: "INSERT OR REPLACE INTO object(" + columns + ") VALUES(?1,?2,?3,?4,?5,?6,?7)",
	stmtUpsert: "INSERT INTO object(" + columns + ") VALUES(?1,coalesce(?2,''),?3,coalesce(?4,?3),?5,coalesce(?6,0),coalesce(?7,0)) " +
		"ON CONFLICT(id) DO UPDATE SET " + assign,
	stmtUpdate: "UPDATE object SET " + assign + " WHERE id=?1",
	stmtDelete: "DELETE FROM object WHERE id=?1",
	stmtGet:    "SELECT " + columns + " FROM object WHERE id=?1",
	stmtDue: "SELECT " + columns + " FROM object WHERE alarm_state & 1 AND (alarm, id) > (?1, ?2) " +
		"ORDER BY alarm, id LIMIT ?3",
	stmtList: "SELECT " + columns + " FROM object WHERE id>?1 ORDER BY id LIMIT ?2",
}

// stmt gives a prepared statement. REQUIRES: token, open.
func (x *Index) stmt(k statement) (*sqlite.Stmt, error) {
	if s := x.stmts[k]; s != nil {
		return s, nil
	}
	s, _, err := x.conn.Prepare(statementText[k])
	if err != nil {
		return nil, err
	}
	x.stmts[k] = s
	return s, nil
}

// write writes everything pending in one transaction. REQUIRES: token.
func (x *Index) write() error {
	x.mu.Lock()
	batch := x.pending
	x.pending = map[ID]change{}
	x.mu.Unlock()
	if len(batch) == 0 {
		return nil
	}
	makes := false
	for _, c := range batch {
		makes = makes || c.fresh || c.insert
	}
	err := x.open(makes)
	if err == nil && x.conn == nil {
		return nil // nothing is there that could be changed
	}
	if err == nil {
		err = x.transact(batch)
	}
	if err != nil {
		x.fail(batch)
		return err
	}
	if x.o.Volatile {
		return nil
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for id, c := range batch {
		if old, ok := x.unsynced[id]; ok {
			c = c.over(old)
		}
		x.unsynced[id] = c
	}
	return nil
}

// sync makes what was written durable, and empties a log that has become long.
// REQUIRES: token, and nothing pending of before the call.
func (x *Index) sync() error {
	if x.conn == nil {
		return x.doubt
	}
	frames, made := x.conn.Frames(), x.conn.WALCreated()
	if !x.o.Volatile && (!x.synced || frames != x.good || made != x.names) {
		if err := x.syncFiles(made); err != nil {
			x.fail(nil)
			return err
		}
		x.good, x.names, x.synced, x.half = frames, made, true, false
		x.mu.Lock()
		clear(x.unsynced)
		x.mu.Unlock()
	}
	if x.conn.WALSize() >= checkpoint {
		if err := x.conn.Checkpoint(); err != nil {
			x.fail(nil)
			return err
		}
		x.good = 0
	}
	return x.doubt
}

// syncFiles syncs the log, and the file and the names unless that was done.
func (x *Index) syncFiles(made uint64) error {
	if !x.synced {
		if err := x.conn.SyncMain(); err != nil {
			return err
		}
	}
	if err := x.conn.SyncWAL(); err != nil || made == x.names {
		return err
	}
	return x.syncFolder()
}

// fail deals with a failure on the way of batch: it is pending again, and so is all that is
// not durable, as the log is not to be trusted behind what the last good sync covered.
func (x *Index) fail(batch map[ID]change) {
	x.mu.Lock()
	x.pendAgainLocked(batch)
	if x.conn != nil {
		x.pendAgainLocked(x.unsynced)
		clear(x.unsynced)
	}
	x.mu.Unlock()
	switch {
	case x.conn == nil:
	case x.o.Volatile, x.half: // then the file is made anew
		x.drop()
	default:
		x.suspect = true
	}
}

// cut removes from the log what is not to be trusted. REQUIRES: token, suspect.
func (x *Index) cut() error {
	if err := x.conn.CutWAL(x.good); err != nil {
		return err
	}
	x.suspect = false
	x.drop()
	return nil
}

// pendAgainLocked makes changes pending that were so before all that are now.
func (x *Index) pendAgainLocked(batch map[ID]change) {
	for id, c := range batch {
		if newer, ok := x.pending[id]; ok {
			c = newer.over(c)
		}
		x.pending[id] = c
	}
}

// transact writes a batch, in the order of the table.
func (x *Index) transact(batch map[ID]change) error {
	if err := x.conn.Exec("BEGIN"); err != nil {
		return err
	}
	ids := slices.SortedFunc(maps.Keys(batch), func(a, b ID) int { return bytes.Compare(a[:], b[:]) })
	for _, id := range ids {
		if err := x.run(batch[id]); err != nil {
			return err
		}
	}
	return x.conn.Exec("COMMIT")
}

// run writes one change.
func (x *Index) run(c change) error {
	k, all := stmtUpdate, c.fresh
	switch {
	case c.gone:
		k = stmtDelete
	case c.fresh:
		k = stmtReplace
	case c.insert:
		k = stmtUpsert
	}
	s, err := x.stmt(k)
	if err != nil {
		return err
	}
	s.ClearBindings()
	b := binder{s: s}
	b.blob(1, c.row.ID[:])
	if all || c.set&hasName != 0 {
		b.text(2, c.row.Name)
	}
	if k == stmtReplace || k == stmtUpsert {
		b.int(3, c.row.Created)
	}
	if all || c.set&hasUsed != 0 {
		b.int(4, c.row.Used)
	}
	if all || c.set&hasSize != 0 {
		b.int(5, c.row.Size)
	}
	if all || c.set&hasAlarm != 0 {
		b.int(6, c.row.Alarm)
		b.int(7, int64(c.row.AlarmState))
	}
	if k == stmtUpsert || k == stmtUpdate {
		b.int(8, c.older)
	}
	if b.err != nil {
		return b.err
	}
	_, err = s.Step()
	if rerr := s.Reset(); err == nil {
		err = rerr
	}
	return err
}

// binder binds values and keeps the first error.
type binder struct {
	s   *sqlite.Stmt
	err error
}

func (b *binder) keep(err error) {
	if b.err == nil {
		b.err = err
	}
}

func (b *binder) int(i int, v int64)   { b.keep(b.s.BindInt64(i, v)) }
func (b *binder) text(i int, v string) { b.keep(b.s.BindText(i, v)) }
func (b *binder) blob(i int, v []byte) { b.keep(b.s.BindBlob(i, v)) }
