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
// a folder, and the replay of a commit log make it anew. Nobody may use these folders.
func (c *Catalog) Remove(fsys disk.FS, dir string) error {
	rows, err := c.Rows()
	if err != nil {
		return err
	}
	for _, r := range rows {
		if r.State == Live {
			continue
		}
		if err := removeFolder(fsys, dir, r.UniqueKey); err != nil {
			return fmt.Errorf("catalog: removing %s: %w", r.UniqueKey, err)
		}
		if r.State == Deleted {
			continue
		}
		if err := c.transaction(func() error { return c.mark(r.Namespace, Deleted, "removed") }); err != nil {
			return fmt.Errorf("catalog: %w", err)
		}
	}
	return nil
}

// removeFolder removes a namespace's folder, durably. Its identity goes first: should the
// catalog be lost too, nobody takes what is left for whole.
func removeFolder(fsys disk.FS, dir, key string) error {
	path := filepath.Join(dir, key)
	if _, err := fsys.ReadDir(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	if err := fsys.Remove(filepath.Join(path, IdentityFile)); err == nil {
		err = fsys.SyncDir(path)
		if err != nil {
			return err
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := disk.RemoveAll(fsys, path); err != nil {
		return err
	}
	return fsys.SyncDir(dir)
}
