package sqlite

import (
	"sync"
	"unsafe"

	"modernc.org/libc"
	"modernc.org/libc/sys/types"
	lib "modernc.org/sqlite/lib"
)

// library prepares the SQLite of this process, once. The settings are the whole
// process's; they hold only if nothing else in the program has used SQLite before, and
// cost nothing but memory and speed if it has.
var library = sync.OnceValue(func() error {
	t := enter()
	defer t.leave()

	methods := libc.Xmalloc(t.TLS, types.Size_t(unsafe.Sizeof(lib.Tsqlite3_pcache_methods2{})))
	if methods == 0 {
		panic(errNoMemory)
	}
	defer libc.Xfree(t.TLS, methods)
	config := func(option int32, args ...any) error {
		list := libc.NewVaList(args...)
		defer libc.Xfree(t.TLS, list)
		rc := lib.Xsqlite3_config(t.TLS, option, list)
		if rc != lib.SQLITE_OK && rc != lib.SQLITE_MISUSE { // MISUSE: too late
			return newError(rc)
		}
		return nil
	}
	if err := config(lib.SQLITE_CONFIG_GETPCACHE2, methods); err != nil {
		return err
	}
	ourPageCache(at[lib.Tsqlite3_pcache_methods2](methods))
	if err := config(lib.SQLITE_CONFIG_PCACHE2, methods); err != nil {
		return err
	}
	// Otherwise each connection begins with 48 KB of lookaside slots,
	if err := config(lib.SQLITE_CONFIG_LOOKASIDE, int32(0), int32(0)); err != nil {
		return err
	}
	// and SQLite's own page cache, should it be in use, with room for 20 pages.
	if err := config(lib.SQLITE_CONFIG_PAGECACHE, uintptr(0), int32(0), int32(0)); err != nil {
		return err
	}
	if rc := lib.Xsqlite3_initialize(t.TLS); rc != lib.SQLITE_OK {
		return newError(rc)
	}
	return registerVFS(t)
})
