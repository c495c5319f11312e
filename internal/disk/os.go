package disk

import (
	"io/fs"
	"os"
	"slices"
)

// Permissions of what OS makes, before the umask.
const (
	filePerm = 0o644
	dirPerm  = 0o755
)

// OS gives the files of the operating system. A File of it may be read, written and
// synced from any goroutine, but Close must not run beside another call.
func OS() FS { return osFS{} }

type osFS struct{}

func (osFS) Open(name string, flag int) (File, error) { return openFile(name, flag) }

func (osFS) Remove(name string) error { return os.Remove(name) }

func (osFS) Rename(from, to string) error { return os.Rename(from, to) }

func (osFS) Stat(name string) (int64, error) {
	info, err := os.Stat(name)
	if err != nil {
		return 0, err
	}
	if info.IsDir() {
		return 0, &fs.PathError{Op: "stat", Path: name, Err: fs.ErrInvalid}
	}
	return info.Size(), nil
}

func (osFS) MkdirAll(dir string) error { return os.MkdirAll(dir, dirPerm) }

func (osFS) SyncDir(dir string) error { return syncDir(dir) }

func (osFS) ReadDir(dir string) ([]string, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	names, err := f.Readdirnames(-1) // a folder may hold millions: nothing but the names
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	slices.Sort(names)
	return names, err
}
