package sqlite

import (
	"modernc.org/libc"
	lib "modernc.org/sqlite/lib"
)

// Interrupt makes the statement that runs, if any, fail with SQLITE_INTERRUPT. If it
// writes, SQLite undoes the whole transaction. It may be called from any goroutine at
// any time, and does nothing on a closed connection.
func (c *Conn) Interrupt() {
	t := enter()
	defer t.leave()
	c.interruptMu.Lock()
	defer c.interruptMu.Unlock()
	if c.db != 0 {
		lib.Xsqlite3_interrupt(t.TLS, c.db)
	}
}

// SetProgress has fn called about every n instructions of SQLite's machine while a
// statement runs, in the same goroutine; if it gives true the statement fails with
// SQLITE_INTERRUPT. fn must not use the connection and must not panic. With n 0 or fn
// nil there are no more calls.
func (c *Conn) SetProgress(n int, fn func() (stop bool)) {
	if c.db == 0 {
		return
	}
	t := enter()
	defer t.leave()
	c.progress = fn
	if n <= 0 || fn == nil {
		c.progress = nil
		lib.Xsqlite3_progress_handler(t.TLS, c.db, 0, 0, 0)
		return
	}
	lib.Xsqlite3_progress_handler(t.TLS, c.db, int32(n), progressC, uintptr(c.id))
}

var progressC = funcPointer(onProgress)

func onProgress(tls *libc.TLS, arg uintptr) int32 {
	if conns.get(uint32(arg)).progress() {
		return 1
	}
	return 0
}
