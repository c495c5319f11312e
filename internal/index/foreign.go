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
// file's name: it is renamed, durably, whole and without a log. What it says of the names of
// objects is given, also if it was set aside before and there is no index since. Where nothing
// of it is, SetAside does nothing. The names are hearsay: who uses them checks them.
func SetAside(fsys disk.FS, path string) (names map[ID]string, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("index: the reference's list of alarms: %w", err)
		}
	}()
	here, foreign, err := header(fsys, path)
	switch {
	case err != nil:
		return nil, err
	case foreign:
		return setAside(fsys, path)
	case here:
		return nil, nil
	}
	if _, foreign, err = header(fsys, path+OriginalSuffix); err != nil || !foreign {
		return nil, err
	}
	names, _, err = readForeign(fsys, path+OriginalSuffix, false)
	return names, err
}

// header tells whether there is a file, and whether it is a database without a format of ours.
func header(fsys disk.FS, path string) (here, foreign bool, err error) {
	f, err := fsys.Open(path, os.O_RDWR)
	if errors.Is(err, fs.ErrNotExist) {
		return false, false, nil
	}
	if err != nil {
		return false, false, err
	}
	var h [sector]byte
	size, err := f.Size()
	if err == nil && size >= sector {
		_, err = f.ReadAt(h[:], 0)
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return true, string(h[:len(magic)]) == magic && binary.BigEndian.Uint32(h[versionAt:]) == 0, err
}

func setAside(fsys disk.FS, path string) (map[ID]string, error) {
	names, is, err := readForeign(fsys, path, true)
	if err == nil && !is {
		err = known(0)
	}
	if err != nil {
		return nil, err
	}
	for _, name := range []string{path + "-wal", path + "-shm"} {
		if err := fsys.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	// A log that a power cut brings back is empty: the checkpoint has seen to that.
	if err := fsys.Rename(path, path+OriginalSuffix); err != nil {
		return nil, err
	}
	return names, fsys.SyncDir(filepath.Dir(path))
}

// readForeign reads the names. is says that it is the reference's list; then fold has what is
// in its log brought into the file.
func readForeign(fsys disk.FS, path string, fold bool) (names map[ID]string, is bool, err error) {
	conn, err := sqlite.Open(path, sqlite.Options{FS: fsys, WAL: true})
	if err != nil {
		return nil, false, err
	}
	defer func() {
		if cerr := conn.Close(); err == nil {
			err = cerr
		}
	}()
	err = each(conn, "SELECT 1 FROM sqlite_schema WHERE name = '_cf_ALARM'", func(*sqlite.Stmt) { is = true })
	if err != nil || !is {
		return nil, false, err
	}
	hasNames := false // older versions have none
	err = each(conn, "SELECT 1 FROM pragma_table_info('_cf_ALARM') WHERE name = 'actor_name'", func(*sqlite.Stmt) { hasNames = true })
	names = map[ID]string{}
	if err == nil && hasNames {
		err = each(conn, "SELECT actor_id, actor_name FROM _cf_ALARM WHERE actor_name IS NOT NULL", func(s *sqlite.Stmt) {
			if id, err := hex.DecodeString(s.ColumnText(0)); err == nil && len(id) == len(ID{}) {
				names[ID(id)] = s.ColumnText(1)
			}
		})
	}
	if err == nil && fold {
		err = conn.Checkpoint()
	}
	return names, true, err
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
