package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/doerr"
	"github.com/durablego/do/internal/sqlite"
)

// unconvertible says why a file stays as the reference wrote it.
func unconvertible(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{doerr.ErrUnconvertible}, args...)...)
}

// takeOver makes the main file, which the reference wrote, one of ours. What cannot be
// taken over is found before anything is changed. Then a copy is converted and made durable;
// the log of the original goes into the original, and a copy of that beside it; last the
// converted file is renamed to the original's name. So at every moment that name has all of
// the one or all of the other, and no log that is the other's. REQUIRES: lock held, closed.
func (d *DB) takeOver() (err error) {
	var t Takeover
	if done := d.o.Foreign.Done; done != nil {
		defer func() { done(t, err) }()
	}
	defer func() { err = foreignError(err) }()
	err = withForeign(d.o.FS, d.o.Path, func(o *opening) (err error) {
		t, err = o.checkForeign(d.o.Foreign)
		return err
	})
	if err != nil {
		return err
	}
	temp := d.o.Foreign.Temp()
	defer func() { err = errors.Join(err, d.discard(temp), d.discard(temp+"-wal")) }()
	if err := d.convertCopy(temp); err != nil {
		return err
	}
	if err := d.foldForeign(); err != nil {
		return err
	}
	t.Original = d.o.Path + OriginalSuffix
	if t.Size, err = d.keepOriginal(t.Original); err != nil {
		return err
	}
	if err := d.o.FS.Rename(temp, d.o.Path); err != nil {
		return diskError("open", err)
	}
	return diskError("open", d.o.Folder.Sync())
}

// discard removes a file that may be there, and of which nothing needs to be durable.
func (d *DB) discard(name string) error {
	err := d.o.FS.Remove(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return diskError("remove", err)
}

// keepOriginal copies the main file, which has no log, to where it is kept, and gives its
// size. That is durable before it returns, as is that the log is gone.
func (d *DB) keepOriginal(to string) (size int64, err error) {
	temp := d.o.Foreign.Temp()
	defer func() { err = errors.Join(err, d.discard(temp)) }()
	if size, err = disk.Copy(d.o.FS, d.o.Path, temp, true); err != nil {
		return 0, diskError("open", err)
	}
	if err := d.o.FS.Rename(temp, to); err != nil {
		return 0, diskError("open", err)
	}
	return size, diskError("open", d.o.Folder.Sync())
}

// checkForeign converts without writing, and finds what cannot be.
func (o *opening) checkForeign(f *Foreign) (t Takeover, err error) {
	for _, c := range []struct{ pragma, want string }{{"page_size", fmt.Sprint(pageSize)}, {"encoding", "UTF-8"}} {
		row, err := o.row("PRAGMA "+c.pragma, 1)
		if err != nil {
			return t, err
		}
		if got := strings.Join(row, ""); got != c.want {
			return t, unconvertible("its %s is %s, want %s", c.pragma, got, c.want)
		}
	}
	clash, err := o.row(`SELECT name FROM sqlite_schema WHERE name LIKE '\_do\_%' ESCAPE '\'`, 1)
	if err != nil {
		return t, err
	}
	if clash != nil {
		return t, unconvertible("its table %q has a name that is ours", clash[0])
	}
	own, err := o.foreignOwn()
	if err != nil {
		return t, err
	}
	a, err := o.foreignAlarm(own)
	if err != nil || !own[foreignKV] {
		return Takeover{Alarm: a.At}, err
	}
	t.Alarm = a.At
	t.Keys, err = o.eachForeign(f, func(string, []byte) error { return nil })
	return t, err
}

// eachForeign converts all values.
func (o *opening) eachForeign(f *Foreign, put func(key string, value []byte) error) (keys int, err error) {
	st, _, err := o.conn.Prepare(foreignKeys)
	if err != nil {
		return 0, err
	}
	row, err := st.Step()
	for ; row && err == nil; keys++ {
		key, value := st.ColumnText(0), []byte(nil)
		if value, err = f.Value(key, st.ColumnBytes(1)); err == nil {
			err = put(key, value)
		}
		if err == nil {
			row, err = st.Step()
		}
	}
	if ferr := st.Finalize(); err == nil {
		err = ferr
	}
	return keys, err
}

// convertCopy copies the main file and its log, and makes a database of ours of them, durable
// but for its name.
func (d *DB) convertCopy(temp string) error {
	wal, err := d.stat(d.walPath())
	if err == nil && wal > 0 {
		_, err = disk.Copy(d.o.FS, d.walPath(), temp+"-wal", false)
	}
	if err == nil {
		_, err = disk.Copy(d.o.FS, d.o.Path, temp, false)
	}
	if err != nil {
		return diskError("open", err)
	}
	conn, err := sqlite.Open(temp, sqlite.Options{FS: d.o.FS, WAL: true})
	if err != nil {
		return err
	}
	err = (&opening{conn: conn}).convert(d.o.Foreign)
	if err == nil { // there is a log with something in it, so this also syncs what was copied
		err = conn.Checkpoint()
	}
	if cerr := conn.Close(); err == nil {
		err = cerr
	}
	return err
}

// convert is one transaction.
func (o *opening) convert(f *Foreign) error {
	own, err := o.foreignOwn()
	if err != nil {
		return err
	}
	a, err := o.foreignAlarm(own)
	if err != nil {
		return err
	}
	if err := o.conn.Exec("BEGIN;" + schema); err != nil {
		return err
	}
	if own[foreignKV] {
		if err := o.convertKeys(f); err != nil {
			return err
		}
	}
	if a.IsSet() {
		st, err := o.stmt(stmtSetAlarm)
		if err == nil {
			err = st.BindText(1, a.text())
		}
		if err == nil {
			err = finish(st)
		}
		if err != nil {
			return err
		}
	}
	if name := f.Name(); name != "" {
		if err := o.rename(name); err != nil {
			return err
		}
	}
	for _, table := range []string{foreignKV, foreignMeta} {
		if own[table] {
			if err := o.conn.Exec("DROP TABLE " + table); err != nil {
				return err
			}
		}
	}
	if err := o.conn.Exec("COMMIT"); err != nil {
		return err
	}
	return o.checkSound()
}

// checkSound has SQLite look through the whole database, to which a disk that fails is damage.
// Rows that break the object's own CHECKs are its own affair.
func (o *opening) checkSound() error {
	if err := o.conn.Exec("PRAGMA ignore_check_constraints=ON"); err != nil {
		return err
	}
	st, _, err := o.conn.Prepare("PRAGMA quick_check(1)")
	if err != nil {
		return err
	}
	row, err := st.Step()
	switch failed := o.conn.DiskError(); {
	case err != nil:
	case failed != nil:
		err = diskError("open", failed)
	case !row || st.ColumnText(0) != "ok":
		err = unconvertible("it is damaged: %s", st.ColumnText(0))
	}
	if ferr := st.Finalize(); err == nil {
		err = ferr
	}
	return err
}

func (o *opening) convertKeys(f *Foreign) error {
	st, err := o.stmt(stmtPut)
	if err != nil {
		return err
	}
	_, err = o.eachForeign(f, func(key string, value []byte) error {
		if err := st.BindText(1, key); err != nil {
			return err
		}
		if err := st.BindBlob(2, value); err != nil {
			return err
		}
		return finish(st)
	})
	return err
}
