package engine

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/doerr"
	"github.com/durablego/do/internal/sqlite"
)

// Where things are in the header of a database, its first 100 bytes.
const (
	headerSize = 100
	magic      = "SQLite format 3\x00"
	pageSizeAt = 16
	formatAt   = 18 // how it is to be written, and how to be read
	encodingAt = 56
	versionAt  = 60 // user_version

	plainFormat = 1 // with a rollback journal
	walFormat   = 2
	utf8        = 1
)

// Adopt makes the file path, which came from elsewhere and is nobody else's, an object's
// database, durable but for its name. name gives the name to be stored in place of the one
// that is. It reports whether there are data. A file that is none of ours or not sound gives
// doerr.ErrNotDatabase, one of a newer version doerr.ErrNewerFormat; then it may have been
// changed, and should be removed, with path + "-wal".
func Adopt(ctx context.Context, fsys disk.FS, path string, name func(stored string) string) (data bool, err error) {
	if err := adoptHeader(fsys, path); err != nil {
		return false, err
	}
	conn, err := sqlite.Open(path, sqlite.Options{FS: fsys, WAL: true})
	if err != nil {
		return false, foreign(err)
	}
	stop := context.AfterFunc(ctx, conn.Interrupt)
	defer stop()
	data, err = (&opening{conn: conn}).adopt(name)
	if err == nil {
		err = conn.Checkpoint()
	}
	if err == nil {
		err = conn.SyncMain()
	}
	if cerr := conn.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		if err = fsys.Remove(path + "-wal"); errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		err = diskError("import", err)
	}
	if cause := ctx.Err(); err != nil && cause != nil {
		return false, cause
	}
	return data, foreign(err)
}

// foreign makes doerr.ErrNotDatabase of what is not the disk's fault.
func foreign(err error) error {
	if err == nil || IsIO(err) || errors.Is(err, doerr.ErrNotDatabase) {
		return err
	}
	return fmt.Errorf("%w: %w", doerr.ErrNotDatabase, err)
}

// adoptHeader looks at the header, and has it say that there is a write-ahead log.
func adoptHeader(fsys disk.FS, path string) error {
	f, err := fsys.Open(path, os.O_RDWR)
	if err != nil {
		return diskError("import", err)
	}
	err = checkHeader(f)
	if err == nil {
		_, err = f.WriteAt([]byte{walFormat, walFormat}, formatAt)
		err = diskError("import", err)
	}
	if cerr := f.Close(); err == nil {
		err = diskError("import", cerr)
	}
	return err
}

func checkHeader(f disk.File) error {
	size, err := f.Size()
	if err != nil {
		return diskError("import", err)
	}
	refuse := func(format string, args ...any) error {
		return fmt.Errorf("%w: "+format, append([]any{doerr.ErrNotDatabase}, args...)...)
	}
	if size < headerSize {
		return refuse("it has %d bytes", size)
	}
	h := make([]byte, headerSize)
	if _, err := f.ReadAt(h, 0); err != nil {
		return diskError("import", err)
	}
	version := binary.BigEndian.Uint32(h[versionAt:])
	pages := int(binary.BigEndian.Uint16(h[pageSizeAt:]))
	switch {
	case string(h[:len(magic)]) != magic:
		return refuse("it does not begin like an SQLite file")
	case version > formatVersion:
		return fmt.Errorf("%w: format %d, this program knows %d", doerr.ErrNewerFormat, version, formatVersion)
	case version != formatVersion:
		return refuse("its user_version is %d, want %d", version, formatVersion)
	case pages != pageSize || size%pageSize != 0:
		return refuse("%d bytes in pages of %d, want pages of %d", size, pages, pageSize)
	case binary.BigEndian.Uint32(h[encodingAt:]) != utf8:
		return refuse("its text is not UTF-8")
	case h[formatAt] != h[formatAt+1] || h[formatAt] != plainFormat && h[formatAt] != walFormat:
		return refuse("its journal mode is %d, %d", h[formatAt], h[formatAt+1])
	}
	return nil
}

// adopt looks at what is in the database, and changes the name.
func (o *opening) adopt(name func(stored string) string) (data bool, err error) {
	if err := o.checkTables(); err != nil {
		return false, err
	}
	if row, err := o.row("PRAGMA quick_check(1)", 1); err != nil {
		return false, err
	} else if row == nil || row[0] != "ok" {
		return false, fmt.Errorf("%w: %s", doerr.ErrNotDatabase, strings.Join(row, ""))
	}
	stored := ""
	if row, err := o.row(statementText[stmtName], 1); err != nil {
		return false, err
	} else if row != nil {
		stored = row[0]
	}
	if want := name(stored); want != stored {
		if err := o.rename(want); err != nil {
			return false, err
		}
	}
	if _, err := o.alarm(); err != nil { // nobody could open it
		return false, err
	}
	empty, err := o.empty()
	return !empty, err
}

func (o *opening) rename(name string) error {
	if name == "" {
		return o.conn.Exec("DELETE FROM _do_meta WHERE key = 'name'")
	}
	st, err := o.stmt(stmtSetName)
	if err != nil {
		return err
	}
	if err := st.BindText(1, name); err != nil {
		return err
	}
	return finish(st)
}

// checkTables wants our two tables as we make them, and nothing of others upon them.
func (o *opening) checkTables() error {
	const own = `SELECT sql FROM sqlite_schema WHERE name LIKE '\_do\_%' ESCAPE '\' OR tbl_name LIKE '\_do\_%' ESCAPE '\' ORDER BY name`
	got, err := o.rows(own)
	if err != nil {
		return err
	}
	kv, rest, _ := strings.Cut(strings.TrimSpace(schema), ";\n")
	meta, _, _ := strings.Cut(rest, ";\n")
	if len(got) != 2 || got[0] != kv || got[1] != meta {
		return fmt.Errorf("%w: its own tables are not those of an object", doerr.ErrNotDatabase)
	}
	return nil
}

// HasData reports whether there are data. It is for the cell, between turns.
func (d *DB) HasData(ctx context.Context) (bool, error) {
	if err := d.lock.acquire(ctx); err != nil {
		return false, err
	}
	defer d.lock.release()
	if err := d.Broken(); err != nil {
		return false, err
	}
	return d.hasData()
}

// hasData REQUIRES: lock held.
func (d *DB) hasData() (bool, error) {
	if d.db == nil {
		if alone, data, err := d.grownAlone(); alone || err != nil {
			return data, err
		}
	}
	exists, err := d.reading()
	if err != nil || !exists {
		return false, err
	}
	empty, err := d.db.empty()
	return !empty, err
}

// grownAlone is grown of a closed database without write-ahead log; not alone with one.
func (d *DB) grownAlone() (alone, data bool, err error) {
	if d.journal != nil { // a replay would be writing
		if err := d.journal.Enter(d.o.Path); err != nil {
			return false, false, diskError("open", err)
		}
		defer d.journal.Leave(d.o.Path)
	}
	wal, err := d.stat(d.walPath())
	if err != nil || wal >= 0 {
		return false, false, diskError("open", err)
	}
	data, err = d.grown()
	return true, data, err
}

// Take makes the adopted file path the database, where there are no data, else it fails with
// doerr.ErrHasData. When it returns nil that is durable; after an error the file has been
// removed or is where it was. It is for the cell, between turns.
func (d *DB) Take(ctx context.Context, path string) error {
	if err := d.lock.acquire(ctx); err != nil {
		return err
	}
	defer d.lock.release()
	if err := d.Broken(); err != nil {
		return err
	}
	if data, err := d.hasData(); err != nil {
		return err
	} else if data {
		return doerr.ErrHasData
	}
	if d.o.BeforeCreate != nil {
		if err := d.o.BeforeCreate(); err != nil {
			return err
		}
	}
	// No log of before may meet the new file (invariant 9).
	if err := d.vacate(ctx, "import"); err != nil {
		return err
	}
	if d.journal != nil { // a replay must not remove the new one
		err := d.o.Folder.Sync()
		if err == nil {
			err = d.journal.Forget(ctx, d.o.Path)
		}
		if err != nil {
			return diskError("import", err)
		}
	}
	if err := d.o.FS.Rename(path, d.o.Path); err != nil {
		return diskError("import", err)
	}
	d.absent = false
	if err := d.o.Folder.Sync(); err != nil {
		if d.journal != nil { // the name may be there after a power cut
			err = errors.Join(err, d.journal.Removed(d.o.Path))
		}
		return diskError("import", errors.Join(err, d.removeAll()))
	}
	return nil
}
