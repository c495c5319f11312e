// Package catalog keeps the namespaces of a data folder: which unique key belongs to which
// identity, in <Dir>/catalog.sqlite, so that renaming a class or binding changes no path. It
// compares them with the classes a program declares, and applies what follows.
//
// # Terms
//
// The identity of a namespace is (environment, script, stable id); class and binding are
// attributes. A row is a namespace in the catalog. A folder is lost if it has no row; it
// carries a copy of its identity (P1), so that it can be adopted.
//
// # Invariants
//
//  1. A row is never removed; its unique key never changes and is never given to another
//     row, compared without case (I17), nor that of a folder that is there.
//  2. An identity has at most one live row. That of a deleted one may be used again.
//  3. A Plan is computed against what was found, and applied in one transaction with full
//     sync: after a crash the catalog is wholly old or wholly new (P6, P11).
//  4. Data is removed only for a row that says so, durably: a live row becomes Deleting in
//     the transaction of its plan, and Deleted when its folder is gone (P9). A folder that is
//     there again nevertheless, by a replay or a power cut, is removed again.
//  5. With a conflict in the plan nothing is applied (P8).
//
// # Failure handling
//
// A catalog written by a newer version is refused with doerr.ErrNewerFormat; one of an older
// is brought to this one's format in one transaction. A file that was never completely made
// (a crash at the first Open) is made again; nothing can have been recorded in it. If the
// catalog is lost, it is made again of what the folders say (P28).
package catalog

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/doerr"
	"github.com/durablego/do/internal/sqlite"
)

// File is the name of the catalog in its folder. Nobody writes to it but an Open.
const File = "catalog.sqlite"

const format = 2 // the version of the file, kept in user_version

const schema = `
CREATE TABLE namespace(
	unique_key  TEXT NOT NULL PRIMARY KEY COLLATE NOCASE,
	environment TEXT NOT NULL,
	script      TEXT NOT NULL,
	stable_id   TEXT NOT NULL,
	class       TEXT NOT NULL,
	binding     TEXT NOT NULL,
	state       TEXT NOT NULL DEFAULT 'live'
) WITHOUT ROWID;
CREATE UNIQUE INDEX identity ON namespace(environment, script, stable_id) WHERE state='live';
CREATE TABLE history(
	at          TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
	change      TEXT NOT NULL,
	unique_key  TEXT NOT NULL,
	environment TEXT NOT NULL,
	script      TEXT NOT NULL,
	stable_id   TEXT NOT NULL,
	class       TEXT NOT NULL,
	binding     TEXT NOT NULL
);
PRAGMA user_version = 2;`

// from1 brings a catalog of format 1, which knew no states and no history, to the schema.
const from1 = `ALTER TABLE namespace RENAME TO old;` + schema + `
INSERT INTO namespace(unique_key, environment, script, stable_id, class, binding)
	SELECT unique_key, environment, script, stable_id, class, binding FROM old;
DROP TABLE old;`

// Namespace is a namespace as it is declared or recorded.
type Namespace struct {
	Environment, Script, StableID string // its identity
	Class, Binding                string
	UniqueKey                     string // the name of its folder
}

// State says what a row stands for.
type State string

// The states of a row.
const (
	Live     State = "live"
	Deleting State = "deleting" // to be removed, perhaps partly
	Deleted  State = "deleted"
)

// Row is a namespace in the catalog.
type Row struct {
	Namespace
	State State
}

// Catalog is an open catalog. One goroutine at a time.
type Catalog struct {
	conn *sqlite.Conn
}

// Exists says whether a data folder has a catalog, complete or not.
func Exists(fsys disk.FS, dir string) bool {
	_, err := fsys.Stat(filepath.Join(dir, File))
	return err == nil
}

// Open opens the catalog of a data folder, made if there is none.
func Open(fsys disk.FS, dir string) (*Catalog, error) {
	path := filepath.Join(dir, File)
	if err := touch(fsys, dir, path); err != nil {
		return nil, fmt.Errorf("catalog: %w", err)
	}
	conn, err := sqlite.Open(path, sqlite.Options{FS: fsys})
	if err != nil {
		return nil, fmt.Errorf("catalog: %w", err)
	}
	c := &Catalog{conn}
	if err := c.prepare(); err != nil {
		return nil, errors.Join(fmt.Errorf("catalog: %w", err), conn.Close())
	}
	return c, nil
}

// touch makes an empty file, durable before anything is in it.
func touch(fsys disk.FS, dir, path string) error {
	if _, err := fsys.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := fsys.Open(path, os.O_RDWR|os.O_CREATE)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	return fsys.SyncDir(dir)
}

// prepare checks the format, and makes the schema where a crash or a first start left none.
func (c *Catalog) prepare() error {
	version, tables := 0, 0
	err := c.query("SELECT (SELECT user_version FROM pragma_user_version), (SELECT count(*) FROM sqlite_schema)", nil,
		func(s *sqlite.Stmt) { version, tables = int(s.ColumnInt64(0)), int(s.ColumnInt64(1)) })
	switch {
	case err != nil:
		return err
	case version > format:
		return fmt.Errorf("%w: format %d, this one knows %d", doerr.ErrNewerFormat, version, format)
	case version == 0 && tables == 0:
		return c.conn.Exec("BEGIN IMMEDIATE;" + schema + "COMMIT;")
	case version == 1:
		return c.transaction(func() error { return c.conn.Exec(from1) })
	case version != format:
		return fmt.Errorf("not a catalog: format %d", version)
	}
	return nil
}

// Rows gives all rows, in the order of their keys.
func (c *Catalog) Rows() (rows []Row, err error) {
	err = c.query("SELECT unique_key, environment, script, stable_id, class, binding, state FROM namespace ORDER BY unique_key", nil,
		func(s *sqlite.Stmt) {
			rows = append(rows, Row{Namespace{UniqueKey: s.ColumnText(0), Environment: s.ColumnText(1), Script: s.ColumnText(2),
				StableID: s.ColumnText(3), Class: s.ColumnText(4), Binding: s.ColumnText(5)}, State(s.ColumnText(6))})
		})
	if err != nil {
		return nil, fmt.Errorf("catalog: %w", err)
	}
	return rows, nil
}

// Close closes the file.
func (c *Catalog) Close() error { return c.conn.Close() }

// transaction has fn done wholly or not at all.
func (c *Catalog) transaction(fn func() error) error {
	if err := c.conn.Exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err := fn()
	if err == nil {
		err = c.conn.Exec("COMMIT")
	}
	if err != nil && c.conn.InTransaction() {
		err = errors.Join(err, c.conn.Exec("ROLLBACK"))
	}
	return err
}

// query runs one statement with text arguments.
func (c *Catalog) query(sql string, args []string, row func(*sqlite.Stmt)) (err error) {
	s, _, err := c.conn.Prepare(sql)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Finalize()) }()
	for i, a := range args {
		if err := s.BindText(i+1, a); err != nil {
			return err
		}
	}
	for {
		more, err := s.Step()
		if err != nil || !more {
			return err
		}
		if row != nil {
			row(s)
		}
	}
}
