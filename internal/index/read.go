package index

import (
	"bytes"
	"context"
	"maps"
	"slices"

	"github.com/durablego/do/internal/sqlite"
)

// Get gives the row of an object; false if it has none.
func (x *Index) Get(ctx context.Context, id ID) (row Row, ok bool, err error) {
	err = x.use(ctx, func() error {
		c, changed := x.pendingOf(id)
		if changed && (c.fresh || c.gone) {
			row, ok = c.apply(Row{}, false)
			return nil
		}
		rows, err := x.query(stmtGet, func(b *binder) { b.blob(1, id[:]) })
		if err != nil {
			return err
		}
		if ok = len(rows) > 0; ok {
			row = rows[0]
		}
		if changed {
			row, ok = c.apply(row, ok)
		}
		return nil
	})
	return row, ok, err
}

// List gives the rows after an id, in the order of their ids, at most limit of them; the
// zero ID comes before all. What it costs depends on limit and on what is pending, not on
// how many rows there are. Fewer than limit rows are the last ones.
func (x *Index) List(ctx context.Context, after ID, limit int) (rows []Row, err error) {
	if limit <= 0 {
		return nil, nil
	}
	err = x.use(ctx, func() error {
		changes, gone := x.pendingAfter(after)
		// So many stored rows that limit of them stay.
		stored, err := x.query(stmtList, func(b *binder) {
			b.blob(1, after[:])
			b.int(2, int64(limit)+int64(gone))
		})
		if err != nil {
			return err
		}
		rows = merge(stored, changes, limit)
		return nil
	})
	return rows, err
}

// Due gives the rows with an alarm that is to run, behind one at a time with an id, in the
// order of time and id, at most limit of them; fewer are the last ones. What is pending is
// written first, if there is a file.
func (x *Index) Due(ctx context.Context, at int64, after ID, limit int) (rows []Row, err error) {
	err = x.use(ctx, func() error {
		if err := x.open(false); err != nil || x.conn == nil {
			return err
		}
		if err := x.write(); err != nil {
			return err
		}
		rows, err = x.query(stmtDue, func(b *binder) {
			b.int(1, at)
			b.blob(2, after[:])
			b.int(3, int64(limit))
		})
		return err
	})
	return rows, err
}

func compare(a, b ID) int { return bytes.Compare(a[:], b[:]) }

// merge applies changes to stored rows, both in the order of their ids.
func merge(stored []Row, changes []change, limit int) []Row {
	var rows []Row
	for len(rows) < limit && (len(stored) > 0 || len(changes) > 0) {
		switch {
		case len(changes) == 0 || len(stored) > 0 && compare(stored[0].ID, changes[0].row.ID) < 0:
			rows, stored = append(rows, stored[0]), stored[1:]
		case len(stored) == 0 || stored[0].ID != changes[0].row.ID:
			if row, ok := changes[0].apply(Row{}, false); ok {
				rows = append(rows, row)
			}
			changes = changes[1:]
		default:
			if row, ok := changes[0].apply(stored[0], true); ok {
				rows = append(rows, row)
			}
			stored, changes = stored[1:], changes[1:]
		}
	}
	return rows
}

func (x *Index) pendingOf(id ID) (change, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	c, ok := x.pending[id]
	return c, ok
}

// pendingAfter gives the pending changes after an id, in order, and how many of them may
// take a row away.
func (x *Index) pendingAfter(after ID) (changes []change, gone int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for c := range maps.Values(x.pending) {
		if compare(c.row.ID, after) > 0 {
			changes = append(changes, c)
			if c.gone {
				gone++
			}
		}
	}
	slices.SortFunc(changes, func(a, b change) int { return compare(a.row.ID, b.row.ID) })
	return changes, gone
}

// query gives the rows of a statement. REQUIRES: token.
func (x *Index) query(k statement, bind func(*binder)) (rows []Row, err error) {
	if err := x.open(false); err != nil || x.conn == nil {
		return nil, err
	}
	s, err := x.stmt(k)
	if err != nil {
		return nil, err
	}
	b := binder{s: s}
	bind(&b)
	if b.err != nil {
		return nil, b.err
	}
	more, err := s.Step()
	for ; more; more, err = s.Step() {
		x.steps++
		rows = append(rows, read(s))
	}
	if rerr := s.Reset(); err == nil {
		err = rerr
	}
	if err != nil {
		return nil, err
	}
	return rows, nil
}

// read reads a row of the columns.
func read(s *sqlite.Stmt) Row {
	r := Row{
		Name:       s.ColumnText(1),
		Created:    s.ColumnInt64(2),
		Used:       s.ColumnInt64(3),
		Size:       s.ColumnInt64(4),
		Alarm:      s.ColumnInt64(5),
		AlarmState: AlarmState(s.ColumnInt64(6)),
	}
	copy(r.ID[:], s.ColumnBytes(0))
	return r
}
