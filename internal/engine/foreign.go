package engine

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/doerr"
	"github.com/durablego/do/internal/sqlite"
)

// Foreign says how a file of the reference becomes one of ours. Value, Temp and Name are required.
type Foreign struct {
	// Value gives the bytes to store under a key for what the reference has stored there.
	Value func(key string, stored []byte) ([]byte, error)
	// Temp gives the path of a new file, on the same file system, that the next start removes
	// should it still be there.
	Temp func() string
	// Name gives the object's name, if it is known.
	Name func() string
	// Done is told how a takeover ended. Nil: nobody is told.
	Done func(t Takeover, err error)
}

// Takeover is what was taken over.
type Takeover struct {
	Keys     int
	Alarm    int64  // 0: none
	Original string // where the file is as it was
	Size     int64  // of that, in bytes
}

// OriginalSuffix is what the name of a main file gets when it was taken over.
const OriginalSuffix = ".orig"

// errForeign is the refusal of a file of another format than any of ours.
var errForeign = errors.New("not an object's database: format 0")

// What the reference keeps for itself: values by key, and the alarm in nanoseconds since 1970.
const (
	foreignTables = `SELECT name FROM sqlite_schema WHERE name LIKE '\_cf\_%' ESCAPE '\' ORDER BY name`
	foreignKeys   = "SELECT key, value FROM _cf_KV ORDER BY key"
	foreignAlarm  = "SELECT value FROM _cf_METADATA WHERE key = 1 AND value IS NOT NULL"

	foreignKV   = "_cf_KV"
	foreignMeta = "_cf_METADATA"
)

// IsForeign says whether a file is a database that has no format of ours, as one of the
// reference; it is nobody else's. A missing file is none.
func IsForeign(fsys disk.FS, path string) (bool, error) {
	f, err := fsys.Open(path, os.O_RDWR)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, diskError("open", err)
	}
	var h [headerSize]byte
	size, err := f.Size()
	if err == nil && size >= headerSize {
		_, err = f.ReadAt(h[:], 0)
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return string(h[:len(magic)]) == magic && [4]byte(h[versionAt:]) == [4]byte{}, diskError("open", err)
}

// isForeign says whether a database that is closed would be taken over. REQUIRES: lock held.
func (d *DB) isForeign() (bool, error) {
	if d.o.Foreign == nil || d.db != nil {
		return false, nil
	}
	return IsForeign(d.o.FS, d.o.Path)
}

// IsForeign says whether the files are those of the reference, not taken over yet. It is
// for the cell, between turns.
func (d *DB) IsForeign(ctx context.Context) (bool, error) {
	if err := d.lock.acquire(ctx); err != nil {
		return false, err
	}
	defer d.lock.release()
	return d.isForeign()
}

// InspectForeign gives the alarm in a file of the reference, and whether the object has data.
// It changes nothing.
func InspectForeign(fsys disk.FS, path string) (a Alarm, data bool, err error) {
	err = withForeign(fsys, path, func(o *opening) error {
		own, err := o.foreignOwn()
		if err != nil {
			return err
		}
		if a, err = o.foreignAlarm(own); err != nil {
			return err
		}
		query := "SELECT 1 FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name NOT LIKE '\\_cf\\_%' ESCAPE '\\' LIMIT 1"
		if own[foreignKV] {
			query = "SELECT 1 FROM (SELECT 1 FROM _cf_KV LIMIT 1) UNION ALL " + query
		}
		row, err := o.row(query, 1)
		data = row != nil || a.IsSet()
		return err
	})
	return a, data, err
}

// withForeign opens a file of the reference for f, which only reads, and leaves it as it was.
func withForeign(fsys disk.FS, path string, f func(*opening) error) error {
	conn, err := sqlite.Open(path, sqlite.Options{FS: fsys, WAL: true})
	if err != nil {
		return err
	}
	err = f(&opening{conn: conn})
	if cerr := conn.Close(); err == nil {
		err = cerr
	}
	return err
}

// foreignOwn gives the tables that the reference made for itself. One that is not known may
// hold anything.
func (o *opening) foreignOwn() (own map[string]bool, err error) {
	names, err := o.rows(foreignTables)
	if err != nil {
		return nil, err
	}
	own = map[string]bool{}
	for _, name := range names {
		if name != foreignKV && name != foreignMeta {
			return nil, unconvertible("its table %q is not known", name)
		}
		own[name] = true
	}
	return own, nil
}

func (o *opening) foreignAlarm(own map[string]bool) (a Alarm, err error) {
	if !own[foreignMeta] {
		return Alarm{}, nil
	}
	st, _, err := o.conn.Prepare(foreignAlarm)
	if err != nil {
		return Alarm{}, err
	}
	row, err := st.Step()
	if row {
		a.At = max(st.ColumnInt64(0), 1)
	}
	if ferr := st.Finalize(); err == nil {
		err = ferr
	}
	return a, err
}

// foldForeign has a file of the reference alone, with everything that is in its log in it.
func (d *DB) foldForeign() error {
	wal, err := d.stat(d.walPath())
	if err != nil {
		return diskError("open", err)
	}
	if wal > 0 {
		if err := withForeign(d.o.FS, d.o.Path, func(o *opening) error { return o.conn.Checkpoint() }); err != nil {
			return err
		}
	}
	for _, name := range []string{d.walPath(), d.o.Path + "-shm"} {
		if err := d.remove(name); err != nil {
			return diskError("remove", err)
		}
	}
	return nil
}

// foreignError is err as those who open the database get it.
func foreignError(err error) error {
	if _, ok := errors.AsType[*Error](err); ok || err == nil {
		return err
	}
	e := &Error{Op: "open", IO: IsIO(err), Err: err}
	if !e.IO && !errors.Is(err, doerr.ErrUnconvertible) {
		e.Err = unconvertible("%w", err)
	}
	return e
}
