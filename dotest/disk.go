package dotest

import (
	"errors"
	"io/fs"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/durablego/do/internal/disk"
)

// unsynced is a disk without syncs: no test outlives a power cut of the machine it runs
// on, and syncs are most of the time a durable write takes.
type unsynced struct{ disk.FS }

type unsyncedFile struct{ disk.File }

// Open implements disk.FS.
func (u unsynced) Open(name string, flag int) (disk.File, error) {
	f, err := u.FS.Open(name, flag)
	if err != nil {
		return nil, err
	}
	return unsyncedFile{f}, nil
}

// SyncDir implements disk.FS.
func (unsynced) SyncDir(string) error { return nil }

// Sync implements disk.File.
func (unsyncedFile) Sync() error { return nil }

// errNoPower is what a runtime gets from its disk after Crash.
var errNoPower = errors.New("the power was cut")

// power is a disk whose power can be cut: every later operation fails and changes
// nothing. A sync that is under way fails too, so that no one is told of something that
// is not there after the crash.
//
// It also fails commits, and their syncs.
type power struct {
	disk.FS
	off   atomic.Bool
	names sync.RWMutex // held for writing by cut, for reading by what makes and removes names

	mu      sync.Mutex      // guards following
	commits map[string]int  // how many are to fail, by the main file's name
	syncs   map[string]int  // likewise
	fired   map[string]bool // … of which one was that of a commit
	relaxed bool            // commits have none
}

// failSyncs lets the next n syncs fail that are about an object.
func (p *power) failSyncs(path string, n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.syncs == nil {
		p.syncs = map[string]int{}
	}
	p.syncs[path] += n
}

// failCommitSync fails a sync of the commit log that is about an object, if it is to fail.
func (p *power) failCommitSync(path string) error { return p.failSync(path, true) }

// failSync fails a sync that is about an object, if it is to fail. Those of its files only
// follow one of a commit: they also come by themselves.
func (p *power) failSync(path string, commit bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.syncs[path] == 0 || !commit && !p.fired[path] && !p.relaxed {
		return nil
	}
	if p.fired == nil {
		p.fired = map[string]bool{}
	}
	p.syncs[path]--
	p.fired[path] = p.syncs[path] > 0
	return &fs.PathError{Op: "sync", Path: path, Err: syscall.EIO}
}

// failCommits lets the next n commits of an object fail.
func (p *power) failCommits(path string, n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.commits == nil {
		p.commits = map[string]int{}
	}
	p.commits[path] += n
}

// failCommit fails a commit of an object, if it is to fail.
func (p *power) failCommit(path string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.commits[path] == 0 {
		return nil
	}
	p.commits[path]--
	return &fs.PathError{Op: "write", Path: path, Err: syscall.EIO}
}

// forgive lets nothing fail any more.
func (p *power) forgive() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.commits, p.syncs = nil, nil
}

// cut cuts it. Nothing makes or removes a name once it has returned.
func (p *power) cut() {
	p.names.Lock()
	defer p.names.Unlock()
	p.off.Store(true)
}

func (p *power) check() error {
	if p.off.Load() {
		return errNoPower
	}
	return nil
}

// on runs an operation on names.
func (p *power) on(operation func() error) error {
	p.names.RLock()
	defer p.names.RUnlock()
	if err := p.check(); err != nil {
		return err
	}
	return operation()
}

// synced runs a sync.
func (p *power) synced(sync func() error) error {
	if err := p.check(); err != nil {
		return err
	}
	if err := sync(); err != nil {
		return err
	}
	return p.check()
}

// Open implements disk.FS.
func (p *power) Open(name string, flag int) (f disk.File, err error) {
	err = p.on(func() error {
		f, err = p.FS.Open(name, flag)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &poweredFile{f, p, name}, nil
}

// Remove implements disk.FS.
func (p *power) Remove(name string) error {
	return p.on(func() error { return p.FS.Remove(name) })
}

// Rename implements disk.FS.
func (p *power) Rename(from, to string) error {
	return p.on(func() error { return p.FS.Rename(from, to) })
}

// MkdirAll implements disk.FS.
func (p *power) MkdirAll(dir string) error {
	return p.on(func() error { return p.FS.MkdirAll(dir) })
}

// Stat implements disk.FS.
func (p *power) Stat(name string) (int64, error) {
	if err := p.check(); err != nil {
		return 0, err
	}
	return p.FS.Stat(name)
}

// SyncDir implements disk.FS.
func (p *power) SyncDir(dir string) error {
	return p.synced(func() error { return p.FS.SyncDir(dir) })
}

// ReadDir implements disk.FS.
func (p *power) ReadDir(dir string) ([]string, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	return p.FS.ReadDir(dir)
}

type poweredFile struct {
	disk.File
	p    *power
	name string
}

// ReadAt implements disk.File.
func (f *poweredFile) ReadAt(b []byte, off int64) (int, error) {
	if err := f.p.check(); err != nil {
		return 0, err
	}
	return f.File.ReadAt(b, off)
}

// WriteAt implements disk.File.
func (f *poweredFile) WriteAt(b []byte, off int64) (int, error) {
	if err := f.p.check(); err != nil {
		return 0, err
	}
	return f.File.WriteAt(b, off)
}

// Truncate implements disk.File.
func (f *poweredFile) Truncate(size int64) error {
	if err := f.p.check(); err != nil {
		return err
	}
	return f.File.Truncate(size)
}

// Size implements disk.File.
func (f *poweredFile) Size() (int64, error) {
	if err := f.p.check(); err != nil {
		return 0, err
	}
	return f.File.Size()
}

// Sync implements disk.File.
func (f *poweredFile) Sync() error {
	if err := f.p.failSync(strings.TrimSuffix(f.name, "-wal"), false); err != nil {
		return err
	}
	return f.p.synced(f.File.Sync)
}
