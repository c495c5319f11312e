package engine

import (
	"context"
	"strings"

	"github.com/durablego/do/internal/doerr"
)

// What an object has besides our two tables. Tables of SQLite's own (sqlite_sequence,
// sqlite_stat1 …) are no data: they go or are emptied with what they describe.
const (
	isUsers = `name NOT LIKE 'sqlite\_%' ESCAPE '\' AND name NOT IN ('_do_kv', '_do_meta')`

	// Triggers first, so that none fires; then views; then virtual tables (a table
	// without a root page), which take their shadow tables along; then tables, which take
	// their indexes along.
	nextUsers = `SELECT type, name FROM sqlite_schema WHERE type <> 'index' AND ` + isUsers + `
		ORDER BY CASE type WHEN 'trigger' THEN 0 WHEN 'view' THEN 1 ELSE 2 + (rootpage <> 0) END, name LIMIT 1`

	nextOwn = `SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE 'sqlite\_%' ESCAPE '\'`

	hasKeys = `SELECT 1 FROM _do_kv LIMIT 1`
	hasMore = `SELECT EXISTS(SELECT 1 FROM _do_meta WHERE key <> 'name')
		OR EXISTS(SELECT 1 FROM sqlite_schema WHERE ` + isUsers + `)`
)

// DeleteAll removes everything but the object's name (K25), as part of the turn's
// transaction: keys, user tables, indexes, views, triggers, virtual tables, the alarm. If it fails
// it removed nothing. Scans go on in the empty store. Inside a Transaction it fails with
// doerr.ErrInTransaction. Where there is no database it makes none.
func (s *Session) DeleteAll(ctx context.Context) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	d := s.d
	if s.depth.Load() > 0 {
		return doerr.ErrInTransaction
	}
	exists, err := d.reading()
	if err != nil {
		return err
	}
	if !exists {
		d.endStatements()
		s.flags = 0
		return nil
	}
	d.parkScans() // a table cannot be dropped under an open cursor
	d.endStatements()
	if err := d.begin(); err != nil {
		return s.failed(err)
	}
	if err := s.atomically(d.db.deleteAll); err != nil {
		return err
	}
	d.alarmed = true
	if s.flags = 0; d.db.texts != nil {
		if err := d.db.texts.apply(0); err != nil {
			return s.failed(err)
		}
	}
	return nil
}

// deleteAll empties the database within the open transaction.
func (o *opening) deleteAll() error {
	// Dropping a table counts as deleting its rows: keys that refer to them are checked
	// when all are gone. The pragma ends with the transaction, too.
	if err := o.conn.Exec("PRAGMA defer_foreign_keys=ON"); err != nil {
		return err
	}
	for {
		row, err := o.row(nextUsers, 2)
		if err != nil {
			return err
		}
		if row == nil {
			break
		}
		if err := o.conn.Exec("DROP " + row[0] + " " + quote(row[1])); err != nil {
			return err
		}
	}
	own, err := o.rows(nextOwn)
	if err != nil {
		return err
	}
	for _, name := range own {
		statement := "DROP TABLE " // sqlite_stat1 and its like
		if name == "sqlite_sequence" {
			statement = "DELETE FROM "
		}
		if err := o.conn.Exec(statement + quote(name)); err != nil {
			return err
		}
	}
	return o.conn.Exec("DELETE FROM _do_kv; DELETE FROM _do_meta WHERE key <> 'name'; PRAGMA defer_foreign_keys=OFF")
}

// empty reports whether the object is without data (L16).
func (o *opening) empty() (bool, error) {
	if row, err := o.row(hasKeys, 1); row != nil || err != nil { // nearly always; quick to prepare
		return false, err
	}
	row, err := o.row(hasMore, 1)
	return err == nil && row[0] == "0", err
}

// row returns the columns of the first row of a query as text, nil if there is none.
func (o *opening) row(query string, columns int) (row []string, err error) {
	st, _, err := o.conn.Prepare(query)
	if err != nil {
		return nil, err
	}
	ok, err := st.Step()
	for i := 0; ok && i < columns; i++ {
		row = append(row, st.ColumnText(i))
	}
	if ferr := st.Finalize(); err == nil {
		err = ferr
	}
	return row, err
}

// rows returns the first column of all rows of a query as text.
func (o *opening) rows(query string) (column []string, err error) {
	st, _, err := o.conn.Prepare(query)
	if err != nil {
		return nil, err
	}
	ok, err := st.Step()
	for ok {
		column = append(column, st.ColumnText(0))
		ok, err = st.Step()
	}
	if ferr := st.Finalize(); err == nil {
		err = ferr
	}
	return column, err
}

// quote makes an SQL identifier of name.
func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
