package sqlite

import (
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/durablego/do/internal/disk"
	"modernc.org/libc"
	lib "modernc.org/sqlite/lib"
)

// Options of a connection.
type Options struct {
	FS          disk.FS // where the database and its log are; required
	MaxRowBytes int     // longest row, string, blob or statement, in bytes; 0: SQLite's own limit
	MaxPages    int64   // largest size of the database, in pages; 0: SQLite's own limit

	// MaxParameters is the most parameters that a statement may have, for a connection that
	// takes statements of users, see [Conn.PrepareUser]; negative: SQLite's own limit. 0: it
	// takes none.
	MaxParameters int

	// WAL is set for an object's database: write-ahead log, commits without any sync,
	// checkpoints only by [Conn.Checkpoint]. Else the database has a rollback journal
	// and every commit is synced.
	WAL bool

	// LogInMemory has the write-ahead log in memory, for whoever makes commits durable by other
	// means, see [Conn.TakeCommits]. A file of such a log is not looked for. Pages must have
	// 4,096 bytes. With WAL only.
	LogInMemory bool
}

// Conn is a connection to one database, which nothing else may have open.
//
// It is used by one goroutine at a time. Only [Conn.Interrupt], [Conn.SyncWAL], [Conn.SyncMain]
// and [Conn.WriteBack] may be called from others; these three not beside Open or Close.
type Conn struct {
	db     uintptr // *sqlite3; 0 when closed
	id     uint32  // in conns
	fs     disk.FS
	path   string
	isWAL  bool
	inMem  bool // the log is in memory
	maxRow int  // longest value, in bytes
	sealed bool // by CutWAL: nothing may be written any more
	absent bool // the file that xAccess last asked for does not exist
	inWAL  bool // SQLite has asked for the log

	main    atomic.Pointer[file] // nil while not open
	log     atomic.Pointer[file] // the write-ahead log; nil while there is none
	created atomic.Uint64        // times that the log was made

	frames   int             // in the log, after the last commit
	taken    int             // of these, by TakeCommits
	newest   map[int64]int64 // where TakeCommits last found each page, by Frame.Off
	grown    atomic.Bool     // the main file may be longer than SQLite has made it
	diskErr  error           // the disk's last error in the running call
	stmts    *Stmt           // all that are not finalized, a list
	progress func() bool
	users    bool // admitted: PrepareUser works
	watched  watched

	interruptMu sync.Mutex // guards db between Interrupt and Close
}

// maxLength is the longest row and the longest SQL text, in bytes, that SQLite takes.
const maxLength = lib.SQLITE_MAX_LENGTH

// cacheKB bounds the page cache of a connection. It is filled only as far as pages
// are used.
const cacheKB = 512

// Open opens the database in the existing file path.
//
// A file that is no database gives an *Error with Code SQLITE_NOTADB or
// SQLITE_CORRUPT and stays as it is; a missing one SQLITE_CANTOPEN, and errors.Is
// finds fs.ErrNotExist. With o.WAL the file must be a database in WAL mode, such as
// [Image] makes; a log beside it, left by a crash, is recovered.
func Open(path string, o Options) (*Conn, error) {
	if err := library(); err != nil {
		return nil, err
	}
	c := &Conn{fs: o.FS, path: path, isWAL: o.WAL, inMem: o.LogInMemory}
	c.id = conns.add(c)
	t := enter()
	defer t.leave()
	if err := c.open(t, o); err != nil {
		_ = c.close(t) // the first error is the one to tell
		return nil, err
	}
	return c, nil
}

func (c *Conn) open(t *thread, o Options) error {
	name := t.cstring(strconv.FormatUint(uint64(c.id), 10))
	defer t.release(name)
	const flags = lib.SQLITE_OPEN_READWRITE | lib.SQLITE_OPEN_NOMUTEX | lib.SQLITE_OPEN_PRIVATECACHE | lib.SQLITE_OPEN_EXRESCODE
	out := t.Alloc(8)
	*at[uintptr](out) = 0
	rc := lib.Xsqlite3_open_v2(t.TLS, name, out, flags, vfsNameC)
	c.db = *at[uintptr](out)
	t.Free(8)
	if rc != lib.SQLITE_OK {
		return c.fail(t, rc)
	}
	for _, s := range []struct{ option, on int32 }{
		{lib.SQLITE_DBCONFIG_ENABLE_FKEY, 1},
		{lib.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
		{lib.SQLITE_DBCONFIG_DEFENSIVE, 1},
		{lib.SQLITE_DBCONFIG_DQS_DML, 0},
		{lib.SQLITE_DBCONFIG_DQS_DDL, 0},
		{lib.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1},
	} {
		if err := c.configure(t, s.option, s.on); err != nil {
			return err
		}
	}
	if o.MaxRowBytes > 0 {
		lib.Xsqlite3_limit(t.TLS, c.db, lib.SQLITE_LIMIT_LENGTH, int32(min(o.MaxRowBytes, maxLength)))
	}
	c.maxRow = int(lib.Xsqlite3_limit(t.TLS, c.db, lib.SQLITE_LIMIT_LENGTH, -1))
	lib.Xsqlite3_wal_hook(t.TLS, c.db, walHookC, uintptr(c.id)) // in place of automatic checkpoints
	if err := c.exec(t, pragmas(o)); err != nil {
		return err
	}
	if !o.WAL {
		return nil
	}
	if o.MaxParameters != 0 {
		c.admitUsers(t, o.MaxParameters)
	}
	if !c.inWAL {
		return &Error{Code: codeName(lib.SQLITE_NOTADB), Extended: codeName(lib.SQLITE_NOTADB),
			Msg: "not a database in WAL mode", Offset: -1}
	}
	return c.countFrames(t)
}

// pragmas is what the connection runs first. Those above synchronous do not touch the
// file; exclusive locking must be on before the file is read, as it does without
// shared memory.
func pragmas(o Options) string {
	var b strings.Builder
	b.WriteString("PRAGMA cell_size_check=ON;PRAGMA temp_store=MEMORY;")
	if o.WAL {
		b.WriteString("PRAGMA locking_mode=EXCLUSIVE;PRAGMA synchronous=OFF;")
	} else {
		// EXTRA: FULL would not sync the folder when the journal is removed, and a power
		// cut could bring it back and the commit be undone.
		b.WriteString("PRAGMA synchronous=EXTRA;")
	}
	b.WriteString("PRAGMA cache_size=-" + strconv.Itoa(cacheKB))
	if o.MaxPages > 0 {
		b.WriteString(";PRAGMA max_page_count=" + strconv.FormatInt(o.MaxPages, 10))
	}
	return b.String()
}

// configure sets an option of the connection that is on or off.
func (c *Conn) configure(t *thread, option, on int32) error {
	args := t.Alloc(16)
	defer t.Free(16)
	if rc := lib.Xsqlite3_db_config(t.TLS, c.db, option, libc.VaList(args, on, uintptr(0))); rc != lib.SQLITE_OK {
		return c.fail(t, rc)
	}
	return nil
}

// Close finalizes all statements, undoes an open transaction and closes the files. It
// never checkpoints and leaves the log where it is. The connection is closed even if
// an error is given. Closing twice does nothing.
func (c *Conn) Close() error {
	if c.id == 0 {
		return nil
	}
	t := enter()
	defer t.leave()
	return c.close(t)
}

func (c *Conn) close(t *thread) error {
	c.diskErr = nil
	for c.stmts != nil {
		c.stmts.finalize(t)
	}
	c.interruptMu.Lock()
	db := c.db
	c.db = 0
	c.interruptMu.Unlock()
	rc := lib.Xsqlite3_close_v2(t.TLS, db)
	conns.remove(c.id)
	c.id = 0
	if rc != lib.SQLITE_OK {
		return c.fail(t, rc)
	}
	if c.diskErr != nil { // SQLite does not look at what xClose gives
		e := newError(lib.SQLITE_IOERR_CLOSE)
		e.Err = c.diskErr
		return e
	}
	return nil
}

// DiskError gives what the disk failed with in the last call of Step, also where SQLite made
// nothing of it but a row, as quick_check does; nil if nothing did.
func (c *Conn) DiskError() error { return c.diskErr }

// InTransaction tells whether a transaction is open, after BEGIN or SAVEPOINT.
func (c *Conn) InTransaction() bool {
	if c.db == 0 {
		return false
	}
	t := enter()
	defer t.leave()
	return lib.Xsqlite3_get_autocommit(t.TLS, c.db) == 0
}

// Changes gives the rows that the last INSERT, UPDATE or DELETE changed.
func (c *Conn) Changes() int64 {
	if c.db == 0 {
		return 0
	}
	t := enter()
	defer t.leave()
	return lib.Xsqlite3_changes64(t.TLS, c.db)
}

// TotalChanges gives the rows changed since Open, by triggers and foreign keys too.
func (c *Conn) TotalChanges() int64 {
	if c.db == 0 {
		return 0
	}
	t := enter()
	defer t.leave()
	return lib.Xsqlite3_total_changes64(t.TLS, c.db)
}

// MemoryUsed gives the bytes that the connection's page cache, schema and statements
// take, as SQLite counts them.
func (c *Conn) MemoryUsed() (bytes int64) {
	if c.db == 0 {
		return 0
	}
	t := enter()
	defer t.leave()
	out := t.Alloc(16)
	defer t.Free(16)
	for _, op := range []int32{lib.SQLITE_DBSTATUS_CACHE_USED, lib.SQLITE_DBSTATUS_SCHEMA_USED, lib.SQLITE_DBSTATUS_STMT_USED} {
		if rc := lib.Xsqlite3_db_status(t.TLS, c.db, op, out, out+8, 0); rc == lib.SQLITE_OK {
			bytes += int64(*at[int32](out))
		}
	}
	return bytes
}
