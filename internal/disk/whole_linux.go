package disk

import (
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Whole is the file system that holds a folder, as one thing to be synced.
type Whole struct {
	dir *os.File
	raw syscall.RawConn // keeps the descriptor from Close while it is used
}

// OpenWhole gives the file system of dir, nil where it is not known to make everything
// durable, the disk's cache included: only ext4 and xfs are.
func OpenWhole(dir string) (*Whole, error) {
	fail := func(err error) (*Whole, error) {
		return nil, &fs.PathError{Op: "open", Path: dir, Err: err}
	}
	var stat unix.Statfs_t
	if err := retry(func() error { return unix.Statfs(dir, &stat) }); err != nil {
		return fail(err)
	}
	switch int64(stat.Type) {
	case unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC:
	default:
		return nil, nil
	}
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	raw, err := f.SyscallConn()
	if err != nil {
		return fail(err)
	}
	return &Whole{f, raw}, nil
}

// Sync makes everything durable that was written to the file system before the call, by
// anybody, names included. It gives each error of a late write once, whichever file of
// whichever program it was about.
func (w *Whole) Sync() error {
	var err error
	if used := w.raw.Control(func(fd uintptr) { err = unix.Syncfs(int(fd)) }); used != nil {
		return used
	}
	return err
}

// Close gives the file system back, when a Sync that runs has ended.
func (w *Whole) Close() error { return w.dir.Close() }
