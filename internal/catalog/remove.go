package catalog

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/durablego/do/internal/disk"
)

// Remove finishes the deletions that are marked (P9), also those that an earlier runtime did
// not get to, and removes what has come back of others: a power cut may undo the removal of
// a folder, and the replay of a commit log make it anew. Of the latter it gives the keys.
// Nobody may use these folders.
func (c *Catalog) Remove(fsys disk.FS, dir string) (back []string, err error) {
	rows, err := c.Rows()
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		if r.State == Live {
			continue
		}
		was, err := removeFolder(fsys, dir, r.UniqueKey)
		if err != nil {
			return back, fmt.Errorf("catalog: removing %s: %w", r.UniqueKey, err)
		}
		if r.State == Deleted {
			if was {
				back = append(back, r.UniqueKey)
			}
			continue
		}
		if err := c.transaction(func() error { return c.mark(r.Namespace, Deleted, "removed") }); err != nil {
			return back, fmt.Errorf("catalog: %w", err)
		}
	}
	return back, nil
}

// removeFolder removes a namespace's folder, durably, and says whether it was there. Its
// identity goes first, so that what a failure leaves does not say that it is whole.
func removeFolder(fsys disk.FS, dir, key string) (was bool, err error) {
	path := filepath.Join(dir, key)
	if _, err := fsys.ReadDir(path); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	err = fsys.Remove(filepath.Join(path, IdentityFile))
	if err == nil {
		err = fsys.SyncDir(path)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return true, err
	}
	if err := disk.RemoveAll(fsys, path); err != nil {
		return true, err
	}
	return true, fsys.SyncDir(dir)
}
