// Package catalog keeps the namespaces of a data folder: which unique key belongs to which
// identity, in <Dir>/catalog.sqlite, so that renaming a class or binding changes no path.
//
// # Invariants
//
//  1. A row is made when a namespace is first declared and never removed; its unique key
//     never changes and is never given to another row, compared without case (I17).
//  2. An identity (environment, script, stable id) has at most one row. Class and binding
//     are attributes.
//  3. All changes of one Resolve are one transaction with full sync: after a crash the
//     catalog is wholly old or wholly new.
//
// # Failure handling
//
// A catalog written by a newer version is refused with doerr.ErrNewerFormat. A file that
// was never completely made (a crash at the first Open) is made again; nothing can have
// been recorded in it.
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

const format = 1 // the version of the file, kept in user_version

const schema = `
CREATE TABLE namespace(
	unique_key  TEXT NOT NULL PRIMARY KEY COLLATE NOCASE,
	environment TEXT NOT NULL,
	script      TEXT NOT NULL,
	stable_id   TEXT NOT NULL,
	class       TEXT NOT NULL,
	binding     TEXT NOT NULL,
	UNIQUE(environment, script, stable_id)
) WITHOUT ROWID;
PRAGMA user_version = 1;`

// Namespace is a declared namespace.
type Namespace struct {
	Environment, Script, StableID string // its identity
	Class, Binding                string
	UniqueKey                     string // that its data have, by declaration; empty: Resolve makes one
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
	case version != format:
		return fmt.Errorf("not a catalog: format %d", version)
	}
	return nil
}

// Keys gives the unique keys in the catalog of a data folder.
func Keys(fsys disk.FS, dir string) (map[string]bool, error) {
	conn, err := sqlite.Open(filepath.Join(dir, File), sqlite.Options{FS: fsys})
	if err != nil {
		return nil, fmt.Errorf("catalog: %w", err)
	}
	c, keys := &Catalog{conn}, map[string]bool{}
	err = c.query("SELECT unique_key FROM namespace", nil, func(s *sqlite.Stmt) { keys[s.ColumnText(0)] = true })
	if cerr := conn.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return nil, fmt.Errorf("catalog: %w", err)
	}
	return keys, nil
}

// Close closes the file.
func (c *Catalog) Close() error { return c.conn.Close() }

// Resolve gives the unique key of each declared namespace, in order, and records what is new.
func (c *Catalog) Resolve(declared []Namespace) (keys []string, err error) {
	if err := c.conn.Exec("BEGIN IMMEDIATE"); err != nil {
		return nil, fmt.Errorf("catalog: %w", err)
	}
	for _, n := range declared {
		key, err := c.resolve(n)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("catalog: namespace %q of script %q: %w", n.StableID, n.Script, err),
				c.conn.Exec("ROLLBACK"))
		}
		keys = append(keys, key)
	}
	if err := c.conn.Exec("COMMIT"); err != nil {
		return nil, fmt.Errorf("catalog: %w", err)
	}
	return keys, nil
}

func (c *Catalog) resolve(n Namespace) (string, error) {
	key, class, binding := "", "", ""
	err := c.query("SELECT unique_key, class, binding FROM namespace WHERE environment=? AND script=? AND stable_id=?",
		[]string{n.Environment, n.Script, n.StableID},
		func(s *sqlite.Stmt) { key, class, binding = s.ColumnText(0), s.ColumnText(1), s.ColumnText(2) })
	switch {
	case err != nil:
		return "", err
	case key == "":
		return c.add(n)
	case n.UniqueKey != "" && n.UniqueKey != key:
		return "", fmt.Errorf("%w: its data have the unique key %q since it was first opened, which cannot be changed to %q: "+
			"take another NamespaceID", doerr.ErrInvalidOptions, key, n.UniqueKey)
	case class != n.Class || binding != n.Binding:
		return key, c.query("UPDATE namespace SET class=?, binding=? WHERE unique_key=?", []string{n.Class, n.Binding, key}, nil)
	}
	return key, nil
}

// add records a new namespace under a key that nobody ever had (I17).
func (c *Catalog) add(n Namespace) (string, error) {
	base := n.UniqueKey
	if base == "" {
		base = UniqueKey(n.Environment, n.Script, n.StableID)
	} else if err := checkKey(base); err != nil {
		return "", err
	}
	for i := 1; ; i++ {
		key := base
		if i > 1 {
			key = fmt.Sprintf("%s~%d", base, i)
		}
		if len(key) > MaxUniqueKey {
			return "", fmt.Errorf("%w: its unique key would have %d bytes, at most %d are possible",
				doerr.ErrInvalidOptions, len(key), MaxUniqueKey)
		}
		taken := false
		err := c.query("SELECT 1 FROM namespace WHERE unique_key=?", []string{key}, func(*sqlite.Stmt) { taken = true })
		if err != nil {
			return "", err
		}
		if taken && n.UniqueKey != "" {
			return "", fmt.Errorf("%w: another namespace has the unique key %q", doerr.ErrInvalidOptions, key)
		}
		if !taken {
			return key, c.query("INSERT INTO namespace(unique_key, environment, script, stable_id, class, binding) VALUES (?,?,?,?,?,?)",
				[]string{key, n.Environment, n.Script, n.StableID, n.Class, n.Binding}, nil)
		}
	}
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
