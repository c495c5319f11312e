package sqlite

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"github.com/durablego/do/internal/disk"
	"modernc.org/libc"
	lib "modernc.org/sqlite/lib"
)

// The one sqlite3_vfs of this process. To SQLite a database's file name is its
// connection's handle in digits, so "17-wal" is the log of connection 17: every
// name that SQLite makes leads back to the connection, its FS and its path.

const (
	vfsName     = "do"
	maxNameSize = 64 // "4294967295-journal" and room

	journalSuffix = "-journal"
	logSuffix     = "-wal"

	overflowSuffix = "-overflow"

	// What SQLite may take for granted about files: a write does not disturb its
	// neighbours, and parts of a page may be read.
	deviceCharacteristics = lib.SQLITE_IOCAP_POWERSAFE_OVERWRITE | lib.SQLITE_IOCAP_SUBPAGE_READ
)

// Addresses outside the Go heap, set once by registerVFS.
var (
	vfsNameC  uintptr // "do"
	ioMethods uintptr // *lib.Tsqlite3_io_methods
)

var conns handles[Conn]

func registerVFS(t *thread) error {
	vfsNameC = t.cstring(vfsName)

	ioMethods = t.alloc(int(unsafe.Sizeof(lib.Tsqlite3_io_methods{})))
	*at[lib.Tsqlite3_io_methods](ioMethods) = lib.Tsqlite3_io_methods{
		FiVersion:               1, // no shared memory: exclusive locking keeps the wal-index on the heap
		FxClose:                 funcPointer(fileClose),
		FxRead:                  funcPointer(fileRead),
		FxWrite:                 funcPointer(fileWrite),
		FxTruncate:              funcPointer(fileTruncate),
		FxSync:                  funcPointer(fileSync),
		FxFileSize:              funcPointer(fileSize),
		FxLock:                  funcPointer(fileLock),
		FxUnlock:                funcPointer(fileLock),
		FxCheckReservedLock:     funcPointer(fileCheckReservedLock),
		FxFileControl:           funcPointer(fileControl),
		FxSectorSize:            funcPointer(fileSectorSize),
		FxDeviceCharacteristics: funcPointer(fileDeviceCharacteristics),
	}

	vfs := t.alloc(int(unsafe.Sizeof(lib.Tsqlite3_vfs{})))
	*at[lib.Tsqlite3_vfs](vfs) = lib.Tsqlite3_vfs{
		FiVersion:          2,
		FszOsFile:          int32(unsafe.Sizeof(cFile{})),
		FmxPathname:        maxNameSize,
		FzName:             vfsNameC,
		FxOpen:             funcPointer(vfsOpen),
		FxDelete:           funcPointer(vfsDelete),
		FxAccess:           funcPointer(vfsAccess),
		FxFullPathname:     funcPointer(vfsFullPathname),
		FxRandomness:       funcPointer(vfsRandomness),
		FxSleep:            funcPointer(vfsSleep),
		FxCurrentTime:      funcPointer(vfsCurrentTime),
		FxGetLastError:     funcPointer(vfsGetLastError),
		FxCurrentTimeInt64: funcPointer(vfsCurrentTimeInt64),
	}
	if rc := lib.Xsqlite3_vfs_register(t.TLS, vfs, 0); rc != lib.SQLITE_OK {
		return newError(rc)
	}
	return nil
}

// resolve finds the connection and the path on disk that a name of SQLite's means; nil
// if it is not a name of ours.
func resolve(name uintptr) (c *Conn, path string) {
	digits, suffix, found := strings.Cut(libc.GoString(name), "-")
	id, err := strconv.ParseUint(digits, 10, 32)
	if err != nil {
		return nil, ""
	}
	if c = conns.get(uint32(id)); c == nil {
		return nil, ""
	}
	if found {
		return c, c.path + "-" + suffix
	}
	return c, c.path
}

func vfsOpen(tls *libc.TLS, vfs, name, cf uintptr, flags int32, outFlags uintptr) int32 {
	*at[cFile](cf) = cFile{}
	var f *file
	if name == 0 {
		// A temporary file, for a big sort or savepoint: in memory.
		d, err := disk.Mem().Open("temp", os.O_RDWR|os.O_CREATE)
		if err != nil {
			return lib.SQLITE_CANTOPEN
		}
		f = &file{disk: d}
	} else {
		c, path := resolve(name)
		var err error
		if f, err = c.openFile(path, flags); err != nil {
			c.diskErr = err
			return lib.SQLITE_CANTOPEN
		}
	}
	if outFlags != 0 {
		*at[int32](outFlags) = flags
	}
	*at[cFile](cf) = cFile{methods: ioMethods, handle: files.add(f)}
	return lib.SQLITE_OK
}

// openFile opens one of the connection's files for xOpen.
func (c *Conn) openFile(path string, flags int32) (f *file, err error) {
	f = &file{conn: c, log: flags&lib.SQLITE_OPEN_WAL != 0}
	f.written.Store(1) // what is there already need not be durable
	create := flags&lib.SQLITE_OPEN_CREATE != 0
	switch {
	case f.log && c.inMem:
		c.inWAL = true
		f.disk = &memLog{overflow: c.overflow}
		c.log.Store(f)
		return f, nil
	case f.log:
		c.inWAL = true
		if create && c.absent {
			return f, nil
		}
	}
	f.disk, err = c.fs.Open(path, os.O_RDWR)
	if create && errors.Is(err, fs.ErrNotExist) {
		f.disk, err = c.fs.Open(path, os.O_RDWR|os.O_CREATE|os.O_EXCL)
		f.created = true
	}
	if err != nil {
		return nil, err
	}
	if !f.created {
		if f.size, err = f.disk.Size(); err != nil {
			_ = f.disk.Close() // the first error is the one to tell
			return nil, err
		}
	}
	switch {
	case flags&lib.SQLITE_OPEN_MAIN_DB != 0:
		c.main.Store(f)
	case f.log:
		c.log.Store(f)
	}
	return f, nil
}

// makeLog makes the file of the log f.
func (c *Conn) makeLog(f *file) (err error) {
	f.disk, err = c.fs.Open(c.path+logSuffix, os.O_RDWR|os.O_CREATE|os.O_EXCL)
	if err != nil {
		f.disk, f.size = nil, 0
		return err
	}
	c.created.Add(1)
	c.log.Store(f)
	return nil
}

// overflow makes the file for what of a log in memory does not fit. It has no name: however
// the process ends, it is gone.
func (c *Conn) overflow() (disk.File, error) {
	path := c.path + overflowSuffix
	if err := c.fs.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	f, err := c.fs.Open(path, os.O_RDWR|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return nil, err
	}
	gone := func() { _ = c.fs.Remove(path) } // or when it is closed, where it cannot be removed before
	gone()
	return &overflowFile{f, gone}, nil
}

type overflowFile struct {
	disk.File
	gone func()
}

func (f *overflowFile) Close() error {
	defer f.gone()
	return f.File.Close()
}

func vfsDelete(tls *libc.TLS, vfs, name uintptr, syncDir int32) int32 {
	c, path := resolve(name)
	if err := c.fs.Remove(path); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return lib.SQLITE_IOERR_DELETE_NOENT
		}
		c.diskErr = err
		return lib.SQLITE_IOERR_DELETE
	}
	if syncDir != 0 {
		if err := c.fs.SyncDir(filepath.Dir(path)); err != nil {
			c.diskErr = err
			return lib.SQLITE_IOERR_DIR_FSYNC
		}
	}
	return lib.SQLITE_OK
}

// vfsAccess tells whether a journal or log exists; an empty one does not count.
func vfsAccess(tls *libc.TLS, vfs, name uintptr, flags int32, out uintptr) int32 {
	c, path := resolve(name)
	*at[int32](out) = 0
	if c.isWAL && strings.HasSuffix(path, journalSuffix) {
		return lib.SQLITE_OK // such a database never has one
	}
	if c.inMem && strings.HasSuffix(path, logSuffix) {
		return lib.SQLITE_OK
	}
	size, err := c.fs.Stat(path)
	c.absent = errors.Is(err, fs.ErrNotExist)
	switch {
	case err == nil && size > 0:
		*at[int32](out) = 1
	case err != nil && !c.absent:
		c.diskErr = err
		return lib.SQLITE_IOERR_ACCESS
	}
	return lib.SQLITE_OK
}

// vfsFullPathname is where a database is opened by name. Only Open may do that, not SQL
// with ATTACH or VACUUM INTO: it could name the database of another object.
func vfsFullPathname(tls *libc.TLS, vfs, name uintptr, n int32, out uintptr) int32 {
	c, _ := resolve(name)
	if c == nil || c.db != 0 {
		return lib.SQLITE_CANTOPEN
	}
	s := libc.GoString(name)
	b := bytesAt(out, len(s)+1)
	copy(b, s)
	b[len(s)] = 0
	return lib.SQLITE_OK
}

func vfsRandomness(tls *libc.TLS, vfs uintptr, n int32, out uintptr) int32 {
	_, _ = rand.Read(bytesAt(out, int(n))) // never fails
	return n
}

// vfsSleep does not sleep: SQLite would while it waits for a lock, and there are none.
func vfsSleep(tls *libc.TLS, vfs uintptr, microseconds int32) int32 { return microseconds }

const (
	unixEpoch = 2440587.5 // as a Julian day, SQLite's unit of time
	msPerDay  = 86_400_000
)

func vfsCurrentTime(tls *libc.TLS, vfs, out uintptr) int32 {
	*at[float64](out) = unixEpoch + float64(time.Now().UnixMilli())/msPerDay
	return lib.SQLITE_OK
}

func vfsCurrentTimeInt64(tls *libc.TLS, vfs, out uintptr) int32 {
	*at[int64](out) = int64(unixEpoch*msPerDay) + time.Now().UnixMilli()
	return lib.SQLITE_OK
}

func vfsGetLastError(tls *libc.TLS, vfs uintptr, n int32, out uintptr) int32 { return 0 }
