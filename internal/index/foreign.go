package index

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/sqlite"
)

// OriginalSuffix is what the name of the reference's list gets when it makes room for an index.
const OriginalSuffix = ".orig"

// SetAside makes room for an index where the reference has its list of alarms, which has the
// file's name: it gets another one, durably, whole and without a log. Where there is none it does nothing.
func SetAside(fsys disk.FS, path string) error {
	foreign, err := isForeign(fsys, path)
	if err == nil && foreign {
		err = setAside(fsys, path)
	}
	return listError(err)
}

// ForeignNames gives what a list that was set aside says of the names of objects; nothing if
// there is none. It is hearsay: who uses a name checks it.
func ForeignNames(fsys disk.FS, path string) (map[ID]string, error) {
	foreign, err := isForeign(fsys, path+OriginalSuffix)
	if err != nil || !foreign {
		return nil, listError(err)
	}
	names := map[ID]string{}
	err = withList(fsys, path+OriginalSuffix, func(conn *sqlite.Conn) error { return readNames(conn, names) })
	return names, listError(err)
}

func listError(err error) error {
	if err != nil {
		return fmt.Errorf("index: the reference's list of alarms: %w", err)
	}
	return nil
}

// isForeign tells whether a file is a database without a format of ours.
func isForeign(fsys disk.FS, path string) (bool, error) {
	f, err := fsys.Open(path, os.O_RDWR)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	var h [sector]byte
	size, err := f.Size()
	if err == nil && size >= sector {
		_, err = f.ReadAt(h[:], 0)
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return string(h[:len(magic)]) == magic && binary.BigEndian.Uint32(h[versionAt:]) == 0, err
}

func setAside(fsys disk.FS, path string) error {
	if err := withList(fsys, path, (*sqlite.Conn).Checkpoint); err != nil {
		return err
	}
	// A copy, as a rename may be half done after a power cut: the one name gone, the other not there.
	if err := removeFiles(fsys, path+OriginalSuffix, path+walSuffix, path+"-shm"); err != nil {
		return err
	}
	if _, err := disk.Copy(fsys, path, path+OriginalSuffix, true); err != nil {
		return err
	}
	if err := fsys.SyncDir(filepath.Dir(path)); err != nil {
		return err
	}
	// A log that a power cut brings back is empty: the checkpoint has seen to that.
	if err := removeFiles(fsys, path); err != nil {
		return err
	}
	return fsys.SyncDir(filepath.Dir(path))
}

// removeFiles removes files, as far as they are there.
func removeFiles(fsys disk.FS, names ...string) error {
	for _, name := range names {
		if err := fsys.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// withList opens the reference's list for f.
func withList(fsys disk.FS, path string, f func(*sqlite.Conn) error) error {
	conn, err := sqlite.Open(path, sqlite.Options{FS: fsys, WAL: true})
	if err != nil {
		return err
	}
	is := false
	err = each(conn, "SELECT 1 FROM sqlite_schema WHERE name = '_cf_ALARM'", func(*sqlite.Stmt) { is = true })
	if err == nil && !is {
		err = known(0)
	}
	if err == nil {
		err = f(conn)
	}
	return errors.Join(err, conn.Close())
}

func readNames(conn *sqlite.Conn, names map[ID]string) error {
	has := false // older versions have none
	err := each(conn, "SELECT 1 FROM pragma_table_info('_cf_ALARM') WHERE name = 'actor_name'", func(*sqlite.Stmt) { has = true })
	if err != nil || !has {
		return err
	}
	return each(conn, "SELECT actor_id, actor_name FROM _cf_ALARM WHERE actor_name IS NOT NULL", func(s *sqlite.Stmt) {
		if id, err := hex.DecodeString(s.ColumnText(0)); err == nil && len(id) == len(ID{}) {
			names[ID(id)] = s.ColumnText(1)
		}
	})
}

// each runs a query.
func each(conn *sqlite.Conn, query string, row func(*sqlite.Stmt)) error {
	s, _, err := conn.Prepare(query)
	if err != nil {
		return err
	}
	more, err := s.Step()
	for ; more; more, err = s.Step() {
		row(s)
	}
	return errors.Join(err, s.Finalize())
}
