package catalog

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/durablego/do/internal/disk"
)

// journalSuffix is that of the rollback journal, beside the catalog while it is written.
const journalSuffix = "-journal"

// OpenCopy opens a copy in memory of the catalog of a data folder, which may be in use: what
// is done to it changes nothing on disk, not even what a crash or an older version left
// there. Without a catalog the copy is empty.
func OpenCopy(fsys disk.FS, dir string) (*Catalog, error) {
	path := filepath.Join(dir, File)
	main, journal, err := snapshot(fsys, path)
	if err != nil {
		return nil, fmt.Errorf("catalog: %w", err)
	}
	mem := disk.Mem()
	for name, content := range map[string][]byte{path: main, path + journalSuffix: journal} {
		if content == nil {
			continue
		}
		f, err := mem.Open(name, os.O_RDWR|os.O_CREATE)
		if err == nil {
			_, err = f.WriteAt(content, 0)
		}
		if err != nil {
			return nil, fmt.Errorf("catalog: %w", err)
		}
	}
	return Open(mem, dir)
}

// snapshots is how often a catalog is read that somebody writes meanwhile.
const snapshots = 100

// snapshot reads main file and journal as they are at one moment: twice the same. Only an
// Open writes to them, for some milliseconds. nil: there is none.
func snapshot(fsys disk.FS, path string) (main, journal []byte, err error) {
	for range snapshots {
		var again [2][]byte
		if journal, err = readIfThere(fsys, path+journalSuffix); err == nil {
			main, err = readIfThere(fsys, path)
		}
		for i, name := range []string{path + journalSuffix, path} {
			if err == nil {
				again[i], err = readIfThere(fsys, name)
			}
		}
		if err != nil || bytes.Equal(journal, again[0]) && bytes.Equal(main, again[1]) {
			return main, journal, err
		}
		time.Sleep(time.Millisecond)
	}
	return nil, nil, errors.New("it is being written all the time")
}

func readIfThere(fsys disk.FS, path string) ([]byte, error) {
	b, err := readFile(fsys, path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return b, err
}
