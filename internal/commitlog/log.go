package commitlog

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/durablego/do/internal/disk"
)

// fileSuffix is behind the number in a segment's file name.
const fileSuffix = ".log"

// Log is the end of a folder's log to which batches are appended. It is used by one
// goroutine at a time, but for Drop, which may run beside Append.
type Log struct {
	fs  disk.FS
	dir string

	made    bool     // the folder
	last    uint64   // number of the newest segment
	files   int      // made by this Log
	current *segment // nil before the first batch and after Rotate
	end     End
	spares  chan *segment
	buf     []byte
	dead    error
}

// New returns the log in the folder dir, which holds none. Nothing is made before the
// first Append.
func New(fsys disk.FS, dir string) *Log {
	return &Log{fs: fsys, dir: dir, spares: make(chan *segment, 1)}
}

// Segment is a segment that is complete.
type Segment struct{ s *segment }

// Append writes a batch and makes it durable; an empty one is nothing to write. busy says that
// there is other work for the processors meanwhile. After an error every later Append gives it,
// too.
func (l *Log) Append(b *Batch, busy bool) error {
	if l.dead != nil || b.Empty() {
		return l.dead
	}
	if l.current == nil {
		if err := l.begin(); err != nil {
			l.dead = err
			return err
		}
	}
	if err := l.current.append(b, busy, &l.buf); err != nil {
		l.dead = err
		return err
	}
	l.end = End{l.current.number, l.current.batches}
	return nil
}

// End is behind the last batch that was made durable. The log may be closed.
func (l *Log) End() End {
	if l.end == (End{}) {
		return End{segment: 1} // nothing
	}
	return l.end
}

// Size is that of the segment to which batches go, in bytes.
func (l *Log) Size() int64 {
	if l.current == nil {
		return 0
	}
	return l.current.size
}

// Rotate completes the segment; nil if there is none. The next batch begins a new one.
func (l *Log) Rotate() *Segment {
	if l.current == nil {
		return nil
	}
	s := &Segment{l.current}
	l.current = nil
	return s
}

// begin begins a segment, in a file that is not needed any more or in a new one.
func (l *Log) begin() error {
	select {
	case l.current = <-l.spares:
	default:
		s, err := l.create()
		if err != nil {
			return err
		}
		l.current = s
	}
	l.last++
	return l.current.begin(l.last, l.end.batches)
}

func (l *Log) create() (*segment, error) {
	if !l.made {
		if err := l.fs.MkdirAll(l.dir); err != nil {
			return nil, err
		}
		if err := l.fs.SyncDir(filepath.Dir(l.dir)); err != nil {
			return nil, err
		}
		l.made = true
	}
	l.files++
	path := filepath.Join(l.dir, fmt.Sprintf("%d%s", l.files, fileSuffix))
	f, err := l.fs.Open(path, os.O_RDWR|os.O_CREATE)
	if err != nil {
		return nil, err
	}
	if err := l.fs.SyncDir(l.dir); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &segment{file: f, path: path}, nil
}

// Drop gives up a segment whose records are durable in the files they speak of. When it
// returns, no replay finds them any more.
func (l *Log) Drop(s *Segment) error {
	if _, err := s.s.file.WriteAt(make([]byte, headerSize), 0); err != nil {
		return err
	}
	if err := s.s.file.Sync(); err != nil {
		return err
	}
	select {
	case l.spares <- s.s:
		return nil
	default:
	}
	if err := s.s.file.Close(); err != nil {
		return nil // it says nothing any more, and Remove removes the file
	}
	_ = l.fs.Remove(s.s.path) // likewise
	return nil
}

// Close closes the files and leaves them. It may be called more than once.
func (l *Log) Close(rest ...*Segment) (err error) {
	if l.dead == nil {
		l.dead = errors.New("commitlog: the log is closed")
	}
	if l.current != nil {
		rest = append(rest, l.Rotate())
	}
	select {
	case s := <-l.spares:
		rest = append(rest, &Segment{s})
	default:
	}
	for _, s := range rest {
		err = errors.Join(err, s.s.file.Close())
	}
	return err
}

// Remove removes the log of a folder, durably: oldest segment first, so that what a crash
// leaves of it is the end.
func Remove(fsys disk.FS, dir string) error {
	segments, err := open(fsys, dir)
	if err != nil {
		return err
	}
	for _, s := range segments {
		if err := s.file.Close(); err != nil {
			return err
		}
	}
	paths, err := list(fsys, dir)
	if err != nil || len(paths) == 0 {
		return err
	}
	// Those not in use first: should one be back that was dropped when the disk failed, it
	// must find the younger ones there. So must an older one of the others.
	used := map[string]bool{}
	for _, s := range segments {
		used[s.path] = true
	}
	for _, p := range paths {
		if used[p] {
			continue
		}
		if err := fsys.Remove(p); err != nil {
			return err
		}
	}
	for _, s := range segments {
		if err := fsys.SyncDir(dir); err != nil {
			return err
		}
		if err := fsys.Remove(s.path); err != nil {
			return err
		}
	}
	return fsys.SyncDir(dir)
}

// list gives the paths of all segments, in use or not.
func list(fsys disk.FS, dir string) (paths []string, err error) {
	names, err := fsys.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, name := range names {
		if strings.HasSuffix(name, fileSuffix) {
			paths = append(paths, filepath.Join(dir, name))
		}
	}
	return paths, err
}

// open opens the segments in use, in order.
func open(fsys disk.FS, dir string) (segments []*segment, err error) {
	paths, err := list(fsys, dir)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			for _, s := range segments {
				_ = s.file.Close() // nothing was written
			}
			segments = nil
		}
	}()
	for _, path := range paths {
		f, err := fsys.Open(path, os.O_RDWR)
		if err != nil {
			return segments, err
		}
		s := &segment{file: f, path: path}
		segments = append(segments, s)
		ok, err := s.readHeader()
		if err != nil {
			return segments, err
		}
		if !ok {
			segments = segments[:len(segments)-1]
			if err := f.Close(); err != nil {
				return segments, err
			}
		}
	}
	slices.SortFunc(segments, func(a, b *segment) int {
		if a.number < b.number {
			return -1
		}
		return 1
	})
	return segments, nil
}

// VersionError says that a segment was written by a newer program.
type VersionError struct {
	Path    string
	Version int
}

// Error implements error.
func (e *VersionError) Error() string {
	return fmt.Sprintf("commitlog: %s has format %d, this program knows %d", e.Path, e.Version, version)
}
