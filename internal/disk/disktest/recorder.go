package disktest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/durablego/do/internal/disk"
)

// Recorder passes everything through to a disk and keeps, for every file and name
// below root, what a sync has made durable and what has happened since.
//
// Its model: File.Sync covers the writes and truncations of that file that had
// returned before it began; SyncDir the names made and removed in that folder. What is
// not covered may be there after a power cut or not, each piece by itself. Writes that
// a failed sync should have covered stay doubtful even if a later one succeeds, as
// systems may drop what they could not write and forget it; sizes and names, which
// they keep in a journal, are covered by the next sync that succeeds.
//
// It is safe for concurrent use.
type Recorder struct {
	fs   disk.FS
	root string

	mu    sync.Mutex // guards the following, and orders what changes names
	names map[string]*name
}

// name is what a path below root has meant.
type name struct {
	durable *inode // nil: no such file
	changes []*nameChange
}

type nameChange struct {
	to    *inode // nil: removed
	state state
}

// inode is a file or a folder, whatever its name.
type inode struct {
	dir     bool
	durable []byte
	changes []*change // in order
}

// change is a write, or a truncation.
type change struct {
	write bool
	data  []byte
	off   int64 // or the size
	state state
}

type state int

const (
	unsynced state = iota // no sync has covered it
	doubtful              // a write that a failed sync should have covered
	synced                // durable, but in the list behind something that is not
)

// NewRecorder wraps fs. What is already below the folder root, as the operating system
// sees it, counts as durable; files elsewhere are not recorded.
func NewRecorder(fsys disk.FS, root string) (*Recorder, error) {
	r := &Recorder{fs: fsys, root: filepath.Clean(root), names: map[string]*name{}}
	err := filepath.WalkDir(r.root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == r.root {
			return err
		}
		n := &inode{dir: d.IsDir()}
		if !n.dir {
			if n.durable, err = os.ReadFile(path); err != nil {
				return err
			}
		}
		r.names[path] = &name{durable: n}
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("disktest: %w", err)
	}
	return r, nil
}

// current is the file that path means now, nil if there is none.
func (r *Recorder) current(path string) *inode {
	n := r.names[path]
	if n == nil {
		return nil
	}
	if k := len(n.changes); k > 0 {
		return n.changes[k-1].to
	}
	return n.durable
}

// point makes path mean to.
func (r *Recorder) point(path string, to *inode) {
	n := r.names[path]
	if n == nil {
		n = &name{}
		r.names[path] = n
	}
	n.changes = append(n.changes, &nameChange{to: to})
}

func (r *Recorder) inside(path string) bool {
	rel, err := filepath.Rel(r.root, path)
	return err == nil && filepath.IsLocal(rel) && rel != "."
}

// Open implements disk.FS.
func (r *Recorder) Open(path string, flag int) (disk.File, error) {
	path = filepath.Clean(path)
	r.mu.Lock()
	defer r.mu.Unlock()
	f, err := r.fs.Open(path, flag)
	if err != nil || !r.inside(path) {
		return f, err
	}
	n := r.current(path)
	if n == nil {
		n = &inode{}
		r.point(path, n)
	}
	return &recordedFile{File: f, r: r, n: n}, nil
}

// Remove implements disk.FS.
func (r *Recorder) Remove(path string) error {
	path = filepath.Clean(path)
	r.mu.Lock()
	defer r.mu.Unlock()
	err := r.fs.Remove(path)
	if err == nil && r.inside(path) {
		r.point(path, nil)
	}
	return err
}

// Rename implements disk.FS: one name goes, another comes, and each becomes durable with
// its own folder. What is in a folder moves along.
func (r *Recorder) Rename(from, to string) error {
	from, to = filepath.Clean(from), filepath.Clean(to)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.fs.Rename(from, to); err != nil || !r.inside(from) || !r.inside(to) {
		return err
	}
	r.point(to, r.current(from))
	r.point(from, nil)
	inside := from + string(filepath.Separator)
	for path, n := range r.names {
		if strings.HasPrefix(path, inside) {
			delete(r.names, path)
			r.names[to+path[len(from):]] = n
		}
	}
	return nil
}

// Stat implements disk.FS.
func (r *Recorder) Stat(path string) (int64, error) { return r.fs.Stat(path) }

// MkdirAll implements disk.FS. A new folder is a name in its parent, and is durable
// when that is synced.
func (r *Recorder) MkdirAll(dir string) error {
	dir = filepath.Clean(dir)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.fs.MkdirAll(dir); err != nil {
		return err
	}
	for ; r.inside(dir) && r.current(dir) == nil; dir = filepath.Dir(dir) {
		r.point(dir, &inode{dir: true})
	}
	return nil
}

// SyncDir implements disk.FS.
func (r *Recorder) SyncDir(dir string) error {
	dir = filepath.Clean(dir)
	r.mu.Lock()
	var covered []*nameChange
	for path, n := range r.names {
		if filepath.Dir(path) == dir {
			covered = append(covered, n.changes...)
		}
	}
	r.mu.Unlock()

	err := r.fs.SyncDir(dir)

	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		return err
	}
	for _, c := range covered {
		c.state = synced
	}
	for _, n := range r.names {
		// A later state of a name stands for the earlier ones.
		last := -1
		for i, c := range n.changes {
			if c.state == synced {
				last = i
			}
		}
		if last >= 0 {
			n.durable = n.changes[last].to
			n.changes = n.changes[last+1:]
		}
	}
	return nil
}

// ReadDir implements disk.FS.
func (r *Recorder) ReadDir(dir string) ([]string, error) { return r.fs.ReadDir(dir) }

type recordedFile struct {
	disk.File
	r *Recorder
	n *inode
}

func (f *recordedFile) record(c *change) {
	f.r.mu.Lock()
	defer f.r.mu.Unlock()
	f.n.changes = append(f.n.changes, c)
}

func (f *recordedFile) WriteAt(p []byte, off int64) (int, error) {
	n, err := f.File.WriteAt(p, off)
	if n > 0 {
		f.record(&change{write: true, data: slices.Clone(p[:n]), off: off})
	}
	return n, err
}

func (f *recordedFile) Truncate(size int64) error {
	err := f.File.Truncate(size)
	if err == nil {
		f.record(&change{off: size})
	}
	return err
}

func (f *recordedFile) Sync() error {
	f.r.mu.Lock()
	covered := slices.Clone(f.n.changes)
	f.r.mu.Unlock()

	err := f.File.Sync()

	f.r.mu.Lock()
	defer f.r.mu.Unlock()
	for _, c := range covered {
		switch {
		case err == nil && c.state == unsynced:
			c.state = synced
		case err != nil && c.state == unsynced && c.write:
			c.state = doubtful
		}
	}
	f.n.settle()
	return err
}

// settle takes what has become durable out of the list of changes.
func (n *inode) settle() {
	// Whatever lies beyond a durable end of the file is of no account any more.
	for i := len(n.changes) - 1; i >= 0; i-- {
		cut := n.changes[i]
		if cut.write || cut.state != synced {
			continue
		}
		kept := slices.DeleteFunc(n.changes[:i:i], func(c *change) bool {
			return c.off >= cut.off && (c.write || c.state == synced)
		})
		n.changes = append(kept, n.changes[i:]...)
		break
	}
	for len(n.changes) > 0 && n.changes[0].state == synced {
		n.durable = n.changes[0].apply(n.durable)
		n.changes = n.changes[1:]
	}
}

func (c *change) apply(content []byte) []byte {
	if !c.write {
		return resize(content, c.off)
	}
	if end := c.off + int64(len(c.data)); end > int64(len(content)) {
		content = resize(content, end)
	}
	copy(content[c.off:], c.data)
	return content
}

// resize cuts content or lengthens it with zeros.
func resize(content []byte, size int64) []byte {
	if size <= int64(len(content)) {
		return content[:size:size]
	}
	return append(content, make([]byte, size-int64(len(content)))...)
}
