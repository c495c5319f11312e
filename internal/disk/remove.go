package disk

import (
	"errors"
	"io/fs"
	"path/filepath"
)

// RemoveAll removes a folder with all that is in it, as far as that can be done. It is no
// error if there is none.
func RemoveAll(fsys FS, dir string) error {
	names, err := fsys.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, name := range names {
		path := filepath.Join(dir, name)
		rerr := fsys.Remove(path)
		if _, derr := fsys.ReadDir(path); rerr != nil && derr == nil { // a folder that is not empty
			rerr = RemoveAll(fsys, path)
		}
		if !errors.Is(rerr, fs.ErrNotExist) {
			err = errors.Join(err, rerr)
		}
	}
	return errors.Join(err, fsys.Remove(dir))
}
