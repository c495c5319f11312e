package index

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/doerr"
	"github.com/durablego/do/internal/sqlite"
)

// File is the name of an index in its namespace's folder.
const File = "metadata.sqlite"

const (
	format = 1 // kept in user_version
	schema = `
CREATE TABLE object(
	id          BLOB NOT NULL PRIMARY KEY,
	name        TEXT NOT NULL,
	created     INTEGER NOT NULL,
	used        INTEGER NOT NULL,
	size        INTEGER NOT NULL,
	alarm       INTEGER NOT NULL,
	alarm_state INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX due ON object(alarm) WHERE alarm_state & 1;
PRAGMA user_version = 1;`

	sector        = 512        // what a disk writes whole or not at all, in bytes
	unsyncedNames = ^uint64(0) // Index.names before the first sync of the folder

	walSuffix = "-wal"
	magic     = "SQLite format 3\x00"
	versionAt = 60 // of user_version in the header
)

// image gives the bytes a file begins its life with.
var image = sync.OnceValues(func() ([]byte, error) { return sqlite.Image(schema) })

// Examine says whether the index in a file is lost: there is none, or the making of it was
// cut short. A newer version's is doerr.ErrNewerFormat.
func Examine(fsys disk.FS, path string) (lost bool, err error) {
	if lost, err = examine(fsys, path); err != nil {
		return false, fmt.Errorf("index: %w", err)
	}
	return lost, nil
}

func examine(fsys disk.FS, path string) (lost bool, err error) {
	f, err := fsys.Open(path, os.O_RDWR)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	var header [sector]byte
	_, err = f.ReadAt(header[:], 0)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	switch {
	case errors.Is(err, io.EOF):
		return true, nil
	case err != nil:
		return false, err
	case header == [sector]byte{}:
		return true, nil
	case string(header[:len(magic)]) != magic:
		return false, fmt.Errorf("%s is no database", path)
	}
	return false, known(int64(binary.BigEndian.Uint32(header[versionAt:])))
}

// known refuses a format that is not ours.
func known(version int64) error {
	switch {
	case version > format:
		return fmt.Errorf("%w: format %d, this program knows %d", doerr.ErrNewerFormat, version, format)
	case version < format:
		return fmt.Errorf("not an index: format %d", version)
	}
	return nil
}

func (x *Index) walPath() string { return x.o.Path + walSuffix }

// open opens the file, and makes it if create is set. Without one conn stays nil.
// REQUIRES: token.
func (x *Index) open(create bool) error {
	if x.suspect {
		if err := x.cut(); err != nil {
			return err
		}
	}
	if x.conn != nil {
		return nil
	}
	lost, err := examine(x.o.FS, x.o.Path)
	lost = lost || x.half
	switch {
	case err != nil:
		return err
	case lost && !create:
		return nil
	case lost:
		x.half = true // unless it is made, and synced
		if err := x.create(); err != nil {
			return err
		}
		x.half = !x.o.Volatile
	}
	conn, err := sqlite.Open(x.o.Path, sqlite.Options{FS: x.o.FS, WAL: true})
	if err != nil {
		return err
	}
	x.conn, x.good, x.names = conn, 0, unsyncedNames
	first := !x.opened
	x.opened = true
	if conn.Frames() == 0 {
		return nil
	}
	// Of a stop that was not clean, and how much of it is durable is not known. Or cut by us.
	if err = x.syncFolder(); err == nil {
		err = conn.Checkpoint()
	}
	if err == nil {
		return nil
	}
	err = fmt.Errorf("what was in the log when it was opened: %w", err)
	if first {
		x.doubt = err // the next sync may succeed although this one lost something
	}
	x.drop()
	return err
}

// create makes the file: all of it but its first sector, and when that is durable the rest
// (invariant 6), which the first sync makes durable, like the name. What is left of another
// one must not meet it.
func (x *Index) create() error {
	data, err := image()
	if err != nil {
		return err
	}
	if err := removeFiles(x.o.FS, x.walPath(), x.o.Path); err != nil {
		return err
	}
	if err := x.syncFolder(); err != nil {
		return err
	}
	f, err := x.o.FS.Open(x.o.Path, os.O_RDWR|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(data[sector:], sector)
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		_, err = f.WriteAt(data[:sector], 0)
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

// Discard removes what there is of a lost index, so that nobody takes it for a database. That
// need not be durable: what comes back is lost again.
func Discard(fsys disk.FS, path string) error {
	if _, err := fsys.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := removeFiles(fsys, path+walSuffix, path); err != nil {
		return fmt.Errorf("index: %w", err)
	}
	return nil
}

func (x *Index) syncFolder() error { return x.o.FS.SyncDir(filepath.Dir(x.o.Path)) }

// drop closes the connection as it is. What it may have failed to do is done by the next.
func (x *Index) drop() {
	_ = x.conn.Close() // of a connection that is given up
	x.conn, x.stmts = nil, [statements]*sqlite.Stmt{}
}

// close is the work of Close. REQUIRES: token.
func (x *Index) close() error {
	err := x.write()
	if err == nil {
		err = x.sync()
	}
	if err == nil && x.conn != nil {
		err = x.conn.Backfill()
	}
	if x.conn == nil {
		return err
	}
	if cerr := x.conn.Close(); err == nil {
		err = cerr
	}
	x.conn = nil
	if err != nil {
		return err // the log is still needed
	}
	if err := x.o.FS.Remove(x.walPath()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
