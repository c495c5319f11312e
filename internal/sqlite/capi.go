package sqlite

import (
	"runtime"
	"sync"
	"unsafe"

	"modernc.org/libc"
	lib "modernc.org/sqlite/lib"
)

// thread is what C calls a thread: a stack and an errno. A connection needs one only
// while a call runs, and its stack would be a good part of an idle connection's memory.
type thread struct{ *libc.TLS }

var threads = sync.Pool{New: func() any {
	t := &thread{libc.NewTLS()}
	runtime.AddCleanup(t, (*libc.TLS).Close, t.TLS)
	return t
}}

func enter() *thread { return threads.Get().(*thread) }

func (t *thread) leave() { threads.Put(t) }

// errNoMemory is what a failed allocation outside the Go heap panics with; as in Go,
// a program does not go on without memory.
const errNoMemory = "sqlite: out of memory"

// alloc gives n bytes outside the Go heap, to be freed with release.
func (t *thread) alloc(n int) uintptr {
	p := lib.Xsqlite3_malloc64(t.TLS, uint64(max(n, 1)))
	if p == 0 {
		panic(errNoMemory)
	}
	return p
}

func (t *thread) release(p uintptr) { lib.Xsqlite3_free(t.TLS, p) }

// cstring gives s as a C string, to be freed with release.
func (t *thread) cstring(s string) uintptr {
	p := t.alloc(len(s) + 1)
	b := bytesAt(p, len(s)+1)
	copy(b, s)
	b[len(s)] = 0
	return p
}

// pointer is unsafe.Pointer(p) for memory that is not the Go heap's.
func pointer(p uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&p)) }

// at is the value that p points to.
func at[T any](p uintptr) *T { return (*T)(pointer(p)) }

// bytesAt is the n bytes at p.
func bytesAt(p uintptr, n int) []byte { return unsafe.Slice(at[byte](p), n) }

// funcPointer is a C function pointer to f, a function that is no closure.
func funcPointer[F any](f F) uintptr {
	return *(*uintptr)(unsafe.Pointer(&struct{ f F }{f}))
}
