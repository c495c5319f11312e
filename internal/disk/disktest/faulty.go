package disktest

import (
	"slices"
	"sync"
	"syscall"

	"github.com/durablego/do/internal/disk"
)

// Op is a kind of disk operation.
type Op int

// The operations that can fail. ReadDir counts as Read, File.Size as Stat.
const (
	Open Op = iota
	Read
	Write
	Truncate
	Sync
	SyncDir
	Remove
	Stat
	Rename
	numOps
)

// String gives the name of the operation.
func (op Op) String() string {
	return [...]string{"open", "read", "write", "truncate", "sync", "syncdir", "remove", "stat", "rename"}[op]
}

// Fault says which operation fails, and how.
type Fault struct {
	Op    Op
	N     int                    // the N-th from now on, from 1; 0 is 1
	Count int                    // how many fail in a row; 0 is 1, negative: all that follow
	Match func(name string) bool // counts only operations on these files; nil: all
	Err   error                  // nil: syscall.EIO
	Short bool                   // a write that fails has written its first half
}

// Faulty is a disk that fails on command. It is safe for concurrent use.
type Faulty struct {
	fs disk.FS

	mu     sync.Mutex // guards the following
	counts [numOps]int
	faults []*fault
	fired  int
	hook   func(op Op, name string) error
}

type fault struct {
	Fault
	seen int
}

// NewFaulty wraps fs. Nothing fails before Fail is called.
func NewFaulty(fs disk.FS) *Faulty { return &Faulty{fs: fs} }

// Fail arms a fault, besides those armed before.
func (f *Faulty) Fail(x Fault) {
	if x.N == 0 {
		x.N = 1
	}
	if x.Count == 0 {
		x.Count = 1
	}
	if x.Err == nil {
		x.Err = syscall.EIO
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = append(f.faults, &fault{Fault: x})
}

// Clear disarms all faults.
func (f *Faulty) Clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = nil
}

// Fired counts the operations that were made to fail.
func (f *Faulty) Fired() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.fired
}

// Count gives how many operations of a kind there have been, failed ones included.
func (f *Faulty) Count(op Op) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.counts[op]
}

// Hook has fn called before every operation, in its goroutine; the operation fails
// with the error that fn gives. It may block, and it may log. nil removes it.
func (f *Faulty) Hook(fn func(op Op, name string) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hook = fn
}

// check counts an operation and gives its fault, if it is to fail.
func (f *Faulty) check(op Op, name string) (short bool, err error) {
	f.mu.Lock()
	f.counts[op]++
	hook := f.hook
	for _, x := range f.faults {
		if x.Op != op || x.Match != nil && !x.Match(name) {
			continue
		}
		x.seen++
		if x.seen >= x.N && (x.Count < 0 || x.seen < x.N+x.Count) && err == nil {
			short, err = x.Short, x.Err
		}
	}
	f.faults = slices.DeleteFunc(f.faults, func(x *fault) bool {
		return x.Count > 0 && x.seen >= x.N+x.Count-1
	})
	if err != nil {
		f.fired++
	}
	f.mu.Unlock()
	if hook != nil {
		if herr := hook(op, name); err == nil {
			err = herr
		}
	}
	return short, err
}

// Open implements disk.FS.
func (f *Faulty) Open(name string, flag int) (disk.File, error) {
	if _, err := f.check(Open, name); err != nil {
		return nil, err
	}
	d, err := f.fs.Open(name, flag)
	if err != nil {
		return nil, err
	}
	return &faultyFile{File: d, f: f, name: name}, nil
}

// Remove implements disk.FS.
func (f *Faulty) Remove(name string) error {
	if _, err := f.check(Remove, name); err != nil {
		return err
	}
	return f.fs.Remove(name)
}

// Rename implements disk.FS. Its name is the old one.
func (f *Faulty) Rename(from, to string) error {
	if _, err := f.check(Rename, from); err != nil {
		return err
	}
	return f.fs.Rename(from, to)
}

// Stat implements disk.FS.
func (f *Faulty) Stat(name string) (int64, error) {
	if _, err := f.check(Stat, name); err != nil {
		return 0, err
	}
	return f.fs.Stat(name)
}

// MkdirAll implements disk.FS.
func (f *Faulty) MkdirAll(dir string) error { return f.fs.MkdirAll(dir) }

// SyncDir implements disk.FS.
func (f *Faulty) SyncDir(dir string) error {
	if _, err := f.check(SyncDir, dir); err != nil {
		return err
	}
	return f.fs.SyncDir(dir)
}

// ReadDir implements disk.FS.
func (f *Faulty) ReadDir(dir string) ([]string, error) {
	if _, err := f.check(Read, dir); err != nil {
		return nil, err
	}
	return f.fs.ReadDir(dir)
}

type faultyFile struct {
	disk.File
	f    *Faulty
	name string
}

func (d *faultyFile) ReadAt(p []byte, off int64) (int, error) {
	if _, err := d.f.check(Read, d.name); err != nil {
		return 0, err
	}
	return d.File.ReadAt(p, off)
}

func (d *faultyFile) WriteAt(p []byte, off int64) (int, error) {
	short, err := d.f.check(Write, d.name)
	if err == nil {
		return d.File.WriteAt(p, off)
	}
	if !short {
		return 0, err
	}
	n, werr := d.File.WriteAt(p[:len(p)/2], off)
	if werr != nil {
		return n, werr
	}
	return n, err
}

func (d *faultyFile) Truncate(size int64) error {
	if _, err := d.f.check(Truncate, d.name); err != nil {
		return err
	}
	return d.File.Truncate(size)
}

func (d *faultyFile) Size() (int64, error) {
	if _, err := d.f.check(Stat, d.name); err != nil {
		return 0, err
	}
	return d.File.Size()
}

func (d *faultyFile) Sync() error {
	if _, err := d.f.check(Sync, d.name); err != nil {
		return err
	}
	return d.File.Sync()
}
