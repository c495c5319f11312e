package disk

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
)

// Mem gives an empty file system in memory. Folders need not be made before files
// are put into them, and a removed file stays usable while it is open. Syncs do nothing.
func Mem() FS {
	return &memFS{files: map[string]*memData{}, dirs: map[string]bool{}}
}

type memFS struct {
	mu    sync.Mutex // guards the following
	files map[string]*memData
	dirs  map[string]bool
}

// memData is the content of a file, shared by all that have it open.
type memData struct {
	mu    sync.Mutex // guards bytes
	bytes []byte
}

type memFile struct{ *memData }

func (m *memFS) Open(name string, flag int) (File, error) {
	name = filepath.Clean(name)
	m.mu.Lock()
	defer m.mu.Unlock()
	d, ok := m.files[name]
	switch {
	case ok && flag&os.O_EXCL != 0:
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrExist}
	case !ok && flag&os.O_CREATE == 0:
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	case !ok:
		d = &memData{}
		m.files[name] = d
	}
	return memFile{d}, nil
}

func (m *memFS) Remove(name string) error {
	name = filepath.Clean(name)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dirs[name] {
		for other := range m.files {
			if filepath.Dir(other) == name {
				return &fs.PathError{Op: "remove", Path: name, Err: syscall.ENOTEMPTY}
			}
		}
		delete(m.dirs, name)
		return nil
	}
	if _, ok := m.files[name]; !ok {
		return &fs.PathError{Op: "remove", Path: name, Err: fs.ErrNotExist}
	}
	delete(m.files, name)
	return nil
}

func (m *memFS) Rename(from, to string) error {
	from, to = filepath.Clean(from), filepath.Clean(to)
	m.mu.Lock()
	defer m.mu.Unlock()
	inside := from + string(filepath.Separator)
	moved := m.dirs[from]
	for dir := range m.dirs {
		if dir == from || strings.HasPrefix(dir, inside) {
			delete(m.dirs, dir)
			m.dirs[to+dir[len(from):]] = true
		}
	}
	for name, d := range m.files {
		if name == from || strings.HasPrefix(name, inside) {
			delete(m.files, name)
			m.files[to+name[len(from):]] = d
			moved = true
		}
	}
	if !moved {
		return &fs.PathError{Op: "rename", Path: from, Err: fs.ErrNotExist}
	}
	return nil
}

func (m *memFS) Stat(name string) (int64, error) {
	name = filepath.Clean(name)
	m.mu.Lock()
	d, ok := m.files[name]
	m.mu.Unlock()
	if !ok {
		return 0, &fs.PathError{Op: "stat", Path: name, Err: fs.ErrNotExist}
	}
	return memFile{d}.Size()
}

func (m *memFS) MkdirAll(dir string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for dir = filepath.Clean(dir); !m.dirs[dir]; dir = filepath.Dir(dir) {
		m.dirs[dir] = true
	}
	return nil
}

func (m *memFS) SyncDir(dir string) error { return nil }

func (m *memFS) ReadDir(dir string) ([]string, error) {
	dir = filepath.Clean(dir)
	m.mu.Lock()
	defer m.mu.Unlock()
	var names []string
	for name := range m.files {
		if filepath.Dir(name) == dir {
			names = append(names, filepath.Base(name))
		}
	}
	for name := range m.dirs {
		if filepath.Dir(name) == dir && name != dir {
			names = append(names, filepath.Base(name))
		}
	}
	if names == nil && !m.dirs[dir] {
		return nil, &fs.PathError{Op: "readdir", Path: dir, Err: fs.ErrNotExist}
	}
	slices.Sort(names)
	return names, nil
}

func (f memFile) ReadAt(p []byte, off int64) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if off >= int64(len(f.bytes)) {
		if len(p) == 0 {
			return 0, nil
		}
		return 0, io.EOF
	}
	n := copy(p, f.bytes[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f memFile) WriteAt(p []byte, off int64) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.resize(max(int64(len(f.bytes)), off+int64(len(p))))
	return copy(f.bytes[off:], p), nil
}

func (f memFile) Truncate(size int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.resize(size)
	return nil
}

func (f memFile) Size() (int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return int64(len(f.bytes)), nil
}

func (f memFile) Sync() error  { return nil }
func (f memFile) Close() error { return nil }

// resize cuts the content or lengthens it with zeros. The caller holds mu.
func (f memFile) resize(size int64) {
	if old := int64(len(f.bytes)); size < old {
		clear(f.bytes[size:]) // so that growing again finds zeros
		f.bytes = f.bytes[:size]
	} else {
		f.bytes = slices.Grow(f.bytes, int(size-old))[:size]
	}
}
