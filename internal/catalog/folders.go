package catalog

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/durablego/do/internal/disk"
)

// Look gives what a data folder says, to be compared with what is declared. It writes nothing.
func (c *Catalog) Look(fsys disk.FS, dir string) (f Found, err error) {
	if f.Rows, err = c.Rows(); err != nil {
		return f, err
	}
	if f.Names, err = fsys.ReadDir(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return f, fmt.Errorf("catalog: %w", err)
	}
	rows := map[string]bool{}
	for _, r := range f.Rows {
		rows[strings.ToLower(r.UniqueKey)] = true
	}
	for _, name := range f.Names {
		if rows[strings.ToLower(name)] {
			continue
		}
		n, ok, err := lost(fsys, dir, name)
		if err != nil {
			return f, fmt.Errorf("catalog: %w", err)
		}
		if ok {
			f.Folders = append(f.Folders, n)
		}
	}
	return f, nil
}

// lost gives what a folder without a row says of itself. One that was made before there was
// an IdentityFile says it by its name, if it has databases.
func lost(fsys disk.FS, dir, name string) (n Namespace, ok bool, err error) {
	named, ok := parseKey(name)
	path := filepath.Join(dir, name)
	switch _, err := fsys.Stat(path); {
	case err == nil:
		return n, false, nil // a file
	case !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrInvalid):
		return n, false, err
	}
	names, err := fsys.ReadDir(path)
	if errors.Is(err, fs.ErrPermission) && !ok {
		return n, false, nil // somebody else's, as lost+found is
	}
	if err != nil {
		return n, false, err
	}
	for _, file := range names {
		if file == IdentityFile {
			if n, ok, err := readIdentity(fsys, path); ok || err != nil {
				return n, ok && n.UniqueKey == name, err
			}
		}
	}
	for _, file := range names {
		if ok && strings.HasSuffix(file, ".sqlite") {
			return named, true, nil
		}
	}
	return n, false, nil
}

// Mark brings the copies of the identities in the folders of live rows up to date, where
// there is a folder. It comes after Apply: a copy is never younger than the catalog.
func (c *Catalog) Mark(fsys disk.FS, dir string) error {
	rows, err := c.Rows()
	if err != nil {
		return err
	}
	for _, r := range rows {
		if r.State != Live {
			continue
		}
		folder := filepath.Join(dir, r.UniqueKey)
		n, ok, err := readIdentity(fsys, folder)
		if err == nil && ok && n == r.Namespace {
			continue // without a look at what else is in it: there may be millions
		}
		if err == nil {
			_, err = fsys.ReadDir(folder)
		}
		if errors.Is(err, fs.ErrNotExist) {
			continue // nothing was written in it yet
		}
		if err == nil {
			err = WriteIdentity(fsys, folder, r.Namespace)
		}
		if err != nil {
			return fmt.Errorf("catalog: %w", err)
		}
	}
	return nil
}
