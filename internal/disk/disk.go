// Package disk is the files as the databases use them: the seam below SQLite and
// below every fsync of ours, where tests inject faults and cut the power.
package disk

// FS opens and names files. Its methods may be called from any goroutine.
type FS interface {
	// Open opens name with os.O_RDWR, optionally with os.O_CREATE and os.O_EXCL.
	Open(name string, flag int) (File, error)
	// Remove removes a file or an empty folder; fs.ErrNotExist if there is none.
	Remove(name string) error
	// Rename gives a file or folder another name, in the place of a file of that name. It is
	// durable when the folders of both names are synced.
	Rename(from, to string) error
	// Stat gives the size of a file in bytes; fs.ErrNotExist if there is none.
	Stat(name string) (size int64, err error)
	// MkdirAll makes a folder and its parents.
	MkdirAll(dir string) error
	// SyncDir makes the names in dir durable. Where the system has no such call it does nothing.
	SyncDir(dir string) error
	// ReadDir lists the names in dir, sorted.
	ReadDir(dir string) ([]string, error)
}

// File is an open file. Its methods may be called from any goroutine; Sync may run
// beside a WriteAt, and then covers the writes that had returned before it began.
type File interface {
	// ReadAt reads len(p) bytes at off, and gives io.EOF when there are fewer.
	ReadAt(p []byte, off int64) (int, error)
	WriteAt(p []byte, off int64) (int, error)
	Truncate(size int64) error
	Size() (int64, error)
	// Sync makes data and size durable.
	Sync() error
	Close() error
}
