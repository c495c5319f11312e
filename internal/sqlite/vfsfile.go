package sqlite

import (
	"errors"
	"io"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/durablego/do/internal/disk"
	"modernc.org/libc"
	lib "modernc.org/sqlite/lib"
)

// cFile is our sqlite3_file.
type cFile struct {
	methods uintptr // *lib.Tsqlite3_io_methods; first, as SQLite wants it
	handle  uint32  // in files
}

var files handles[file]

// file is a file that SQLite has open. Its methods are called by the goroutine that
// uses the connection; only disk may be synced from another.
type file struct {
	disk    disk.File // nil: a log that is made by the first write, so that reading leaves nothing behind
	conn    *Conn     // nil for a temporary file
	log     bool      // the write-ahead log
	created bool      // by this open, and its name not synced since

	// size is that of the file, pending bytes included. Nobody else changes the
	// file, so it is asked from the disk only at open and after a failure (-1).
	size int64

	// room is how far the log's blocks are on the disk already: it is extended ahead of the
	// writes, and kept when the log is emptied, because an fsync of blocks that are there
	// needs no journal of the file system.
	room int64

	// written counts writes and truncations, and synced is its value before the last good
	// sync began: if they are equal there is nothing to sync.
	written, synced atomic.Uint64

	// pending holds headers written to the end of the log that wait for their page:
	// both go out in one write. A page always follows in the same call, or the call fails.
	pending     [walHeaderSize + frameHeaderSize]byte
	pendingSize int
}

const (
	walHeaderSize   = 32
	frameHeaderSize = 24
)

// frames holds buffers in which headers and page become one write.
var frames = sync.Pool{New: func() any {
	b := make([]byte, 0, walHeaderSize+frameHeaderSize+4096)
	return &b
}}

// errSealed is the disk's answer to writes after the log was cut.
var errSealed = errors.New("sqlite: the log was cut, nothing may be written any more")

func (f *file) sealed() bool { return f.conn != nil && f.conn.sealed }

// fail keeps the disk's error for the one that SQLite will report.
func (f *file) fail(err error, rc int32) int32 {
	if f.conn != nil {
		f.conn.diskErr = err
	}
	return rc
}

func (f *file) read(p []byte, off int64) int32 {
	if rc := f.flush(); rc != lib.SQLITE_OK {
		return rc
	}
	if f.disk == nil {
		clear(p)
		return lib.SQLITE_IOERR_SHORT_READ
	}
	n, err := f.disk.ReadAt(p, off)
	switch {
	case n == len(p):
		return lib.SQLITE_OK
	case err == nil || errors.Is(err, io.EOF):
		clear(p[n:])
		return lib.SQLITE_IOERR_SHORT_READ
	}
	return f.fail(err, lib.SQLITE_IOERR_READ)
}

// inMemory says whether f is a log in memory.
func (f *file) inMemory() bool { return f.log && f.conn.inMem }

func (f *file) write(p []byte, off int64) int32 {
	if f.inMemory() {
		return f.writeThrough(p, off)
	}
	end, rc := f.end()
	if rc != lib.SQLITE_OK {
		return rc
	}
	if f.log && off == end && len(p) <= len(f.pending)-f.pendingSize {
		f.pendingSize += copy(f.pending[f.pendingSize:], p)
		f.size = end + int64(len(p))
		return lib.SQLITE_OK
	}
	if f.pendingSize == 0 {
		return f.writeThrough(p, off)
	}
	if off != end {
		if rc := f.flush(); rc != lib.SQLITE_OK {
			return rc
		}
		return f.writeThrough(p, off)
	}
	buf := frames.Get().(*[]byte)
	*buf = append(append((*buf)[:0], f.pending[:f.pendingSize]...), p...)
	off -= int64(f.pendingSize)
	f.pendingSize = 0
	rc = f.writeThrough(*buf, off)
	frames.Put(buf)
	return rc
}

// writeThrough writes to the disk and keeps size right.
func (f *file) writeThrough(p []byte, off int64) int32 {
	if f.sealed() {
		return f.fail(errSealed, lib.SQLITE_IOERR_WRITE)
	}
	if f.disk == nil {
		if err := f.conn.makeLog(f); err != nil {
			return f.fail(err, writeCode(err))
		}
	}
	f.written.Add(1)
	if _, err := f.disk.WriteAt(p, off); err != nil {
		f.size = -1 // a part may have been written
		return f.fail(err, writeCode(err))
	}
	end := off + int64(len(p))
	f.size = max(f.size, end)
	if f.log && end > f.room && !f.conn.inMem {
		f.extend(end)
	}
	return lib.SQLITE_OK
}

// A log is extended by its own size, but not while it is as small as that of an object
// that is written once, and not by more than maxExtend.
const (
	minExtend = 12 << 10
	maxExtend = 256 << 10
)

// maxKept is the longest log that keeps its blocks when it is emptied: one large
// transaction must not hold room on the disk for as long as the database is open. A
// longer one is truncated to nothing, which a sync makes durable as a whole.
const maxKept = 16 << 20

var zeros [maxExtend]byte

// extend makes room behind end, where the next frames will be: zeros are no frame. It
// may fail, on a full disk say: then there is just no room ahead.
func (f *file) extend(end int64) {
	f.room = end
	if ahead := min(end, maxExtend); ahead >= minExtend {
		if _, err := f.disk.WriteAt(zeros[:ahead], end); err == nil {
			f.room += ahead
		}
	}
}

// empty makes the log one without frames, durable with the next sync: without its header
// nothing in it counts, and what is written from then on carries other salts (T16).
func (f *file) empty() int32 {
	f.written.Add(1)
	if _, err := f.disk.WriteAt(zeros[:walHeaderSize], 0); err != nil {
		f.size = -1
		return f.fail(err, writeCode(err))
	}
	f.room = max(f.room, f.size)
	f.size = 0
	return lib.SQLITE_OK
}

func writeCode(err error) int32 {
	if diskFull(err) {
		return lib.SQLITE_FULL
	}
	return lib.SQLITE_IOERR_WRITE
}

// flush writes what is pending. It does so only where a page failed to follow.
func (f *file) flush() int32 {
	if f.pendingSize == 0 {
		return lib.SQLITE_OK
	}
	p := f.pending[:f.pendingSize]
	f.pendingSize = 0
	return f.writeThrough(p, f.size-int64(len(p)))
}

// end gives the size of the file.
func (f *file) end() (int64, int32) {
	if f.size < 0 && f.disk != nil {
		size, err := f.disk.Size()
		if err != nil {
			return 0, f.fail(err, lib.SQLITE_IOERR_FSTAT)
		}
		f.size = size
	}
	return f.size, lib.SQLITE_OK
}

func (f *file) truncate(size int64) int32 {
	if rc := f.flush(); rc != lib.SQLITE_OK {
		return rc
	}
	if f.disk == nil || f.size == size && (f.log || f.conn == nil || !f.conn.grown.Swap(false)) {
		return lib.SQLITE_OK
	}
	if f.sealed() {
		return f.fail(errSealed, lib.SQLITE_IOERR_TRUNCATE)
	}
	if f.log && size == 0 && max(f.size, f.room) <= maxKept && !f.conn.inMem {
		return f.empty()
	}
	f.written.Add(1)
	if err := f.disk.Truncate(size); err != nil {
		f.size = -1
		return f.fail(err, lib.SQLITE_IOERR_TRUNCATE)
	}
	f.size = size
	f.room = min(f.room, size)
	return lib.SQLITE_OK
}

func (f *file) sync() int32 {
	if rc := f.flush(); rc != lib.SQLITE_OK {
		return rc
	}
	if f.disk == nil || f.log && f.written.Load() == f.synced.Load() {
		return lib.SQLITE_OK
	}
	if err := f.syncDisk(); err != nil {
		return f.fail(err, lib.SQLITE_IOERR_FSYNC)
	}
	if f.created && !f.log && f.conn != nil {
		// A journal that a power cut may take away protects nothing. (For the log
		// the owner syncs the folder, see Conn.WALCreated.)
		if err := f.conn.fs.SyncDir(filepath.Dir(f.conn.path)); err != nil {
			return f.fail(err, lib.SQLITE_IOERR_DIR_FSYNC)
		}
		f.created = false
	}
	return lib.SQLITE_OK
}

// syncDisk makes what was written before it began durable. From any goroutine.
func (f *file) syncDisk() error {
	written := f.written.Load()
	if err := f.disk.Sync(); err != nil {
		return err
	}
	f.synced.Store(written)
	return nil
}

func (f *file) close() int32 {
	if f.conn != nil {
		f.conn.main.CompareAndSwap(f, nil)
		f.conn.log.CompareAndSwap(f, nil)
	}
	if f.disk == nil {
		return lib.SQLITE_OK
	}
	if err := f.disk.Close(); err != nil {
		return f.fail(err, lib.SQLITE_IOERR_CLOSE)
	}
	return lib.SQLITE_OK
}

// What follows are the functions that SQLite calls.

func fileOf(cf uintptr) *file { return files.get(at[cFile](cf).handle) }

func fileClose(tls *libc.TLS, cf uintptr) int32 {
	rc := fileOf(cf).close()
	files.remove(at[cFile](cf).handle)
	*at[cFile](cf) = cFile{}
	return rc
}

func fileRead(tls *libc.TLS, cf, p uintptr, n int32, off int64) int32 {
	return fileOf(cf).read(bytesAt(p, int(n)), off)
}

func fileWrite(tls *libc.TLS, cf, p uintptr, n int32, off int64) int32 {
	return fileOf(cf).write(bytesAt(p, int(n)), off)
}

func fileTruncate(tls *libc.TLS, cf uintptr, size int64) int32 { return fileOf(cf).truncate(size) }

func fileSync(tls *libc.TLS, cf uintptr, flags int32) int32 { return fileOf(cf).sync() }

func fileSize(tls *libc.TLS, cf, out uintptr) int32 {
	size, rc := fileOf(cf).end()
	*at[int64](out) = size
	return rc
}

// fileLock grants every lock: the LOCK in the data folder keeps other processes out,
// and this process opens a database once.
func fileLock(tls *libc.TLS, cf uintptr, lock int32) int32 { return lib.SQLITE_OK }

func fileCheckReservedLock(tls *libc.TLS, cf, out uintptr) int32 {
	*at[int32](out) = 0
	return lib.SQLITE_OK
}

func fileControl(tls *libc.TLS, cf uintptr, op int32, arg uintptr) int32 {
	return lib.SQLITE_NOTFOUND
}

func fileSectorSize(tls *libc.TLS, cf uintptr) int32 { return 4096 }

func fileDeviceCharacteristics(tls *libc.TLS, cf uintptr) int32 { return deviceCharacteristics }
