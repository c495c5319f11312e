package dotest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/sqlite"
)

// quickCheckAll runs quick_check on every database below dir.
func quickCheckAll(dir string) error {
	var errs []error
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) || err == nil && (d.IsDir() || filepath.Ext(path) != ".sqlite") {
			return nil
		}
		if err == nil {
			err = quickCheck(path)
		}
		if err != nil {
			errs = append(errs, err)
		}
		return nil
	})
	return errors.Join(append(errs, err)...)
}

// quickCheck checks a database that nobody has open. A write-ahead log beside it is taken
// into account. A file that a crash left before its first sync is none yet.
func quickCheck(path string) (err error) {
	if info, err := os.Stat(path); err != nil || info.Size() == 0 {
		return err
	}
	wal := filepath.Base(path) != "catalog.sqlite"
	conn, err := sqlite.Open(path, sqlite.Options{FS: disk.OS(), WAL: wal})
	if err != nil {
		return fmt.Errorf("quick_check of %s: %w", path, err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	// An object may have broken its own CHECKs (S48): the database is sound even so.
	if err := conn.Exec("PRAGMA ignore_check_constraints=ON"); err != nil {
		return fmt.Errorf("quick_check of %s: %w", path, err)
	}
	s, _, err := conn.Prepare("PRAGMA quick_check")
	if err != nil {
		return fmt.Errorf("quick_check of %s: %w", path, err)
	}
	defer func() { err = errors.Join(err, s.Finalize()) }()
	var lines []string
	for {
		row, err := s.Step()
		if err != nil {
			return fmt.Errorf("quick_check of %s: %w", path, err)
		}
		if !row {
			break
		}
		lines = append(lines, s.ColumnText(0))
	}
	if len(lines) != 1 || lines[0] != "ok" {
		return fmt.Errorf("quick_check of %s: %s", path, strings.Join(lines, "; "))
	}
	return nil
}
