package durable

import (
	"sync"

	"github.com/durablego/do/internal/disk"
)

// Folder makes the names in one folder durable. Syncs of many objects are gathered: one
// call to the system covers every Sync that began before it. All methods may be called
// from any goroutine.
type Folder struct {
	fs  disk.FS
	dir string

	mu   sync.Mutex // guards following; held for field access only
	busy bool       // a SyncDir runs, or its successor was told to
	next *round     // those who came while one was running
	open bool       // the last SyncDir failed
}

// round is one SyncDir and the calls it covers.
type round struct {
	start chan struct{} // closed when the first of the round has to run it
	done  chan struct{} // closed when err is set
	err   error         // written before done is closed
}

// NewFolder returns the Folder of dir. It does no I/O.
func NewFolder(fs disk.FS, dir string) *Folder { return &Folder{fs: fs, dir: dir} }

// Sync returns when every name made or removed in the folder before the call is durable,
// or with the error of the SyncDir that should have made it so.
func (f *Folder) Sync() error {
	f.mu.Lock()
	if !f.busy {
		f.busy = true
		f.mu.Unlock()
		err := f.fs.SyncDir(f.dir)
		f.pass(err)
		return err
	}
	if r := f.next; r != nil {
		f.mu.Unlock()
		<-r.done
		return r.err
	}
	r := &round{start: make(chan struct{}), done: make(chan struct{})}
	f.next = r
	f.mu.Unlock()
	<-r.start
	f.mu.Lock()
	f.next = nil // who comes from here on is not covered: its names may be newer
	f.mu.Unlock()
	r.err = f.fs.SyncDir(f.dir)
	close(r.done)
	f.pass(r.err)
	return r.err
}

// Settle syncs again if the last Sync of anybody failed: what it should have made durable is
// seen, and may yet be gone after a power cut.
func (f *Folder) Settle() error {
	f.mu.Lock()
	open := f.open
	f.mu.Unlock()
	if !open {
		return nil
	}
	return f.Sync()
}

// pass lets the next round begin. err is how the last one ended.
func (f *Folder) pass(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.open = err != nil
	if f.next == nil {
		f.busy = false
		return
	}
	close(f.next.start)
}
