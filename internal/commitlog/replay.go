package commitlog

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/durablego/do/internal/disk"
)

// Found is what Replay found in a log.
type Found struct {
	Names []string // of the main files of all objects that it spoke of, sorted
	Lost  []string // of those whose main file is gone although the log wants it there
}

// Replay puts into the files below root what the log in dir says, and makes it durable.
// The log stays as it is, until Remove: a Replay that was cut short is just done again. A log
// that is damaged (DamageError) or of another version (VersionError) changes nothing.
func Replay(fsys disk.FS, root, dir string) (found Found, err error) {
	segments, err := open(fsys, dir)
	if err != nil {
		return found, fmt.Errorf("commit log: %w", err)
	}
	defer func() {
		for _, s := range segments {
			err = errors.Join(err, s.file.Close())
		}
	}()
	objects := map[string][]entry{}
	for i, s := range segments {
		if err := s.scan(func(r record) error {
			if !filepath.IsLocal(r.name) {
				return errRecord
			}
			switch known := objects[r.name]; r.kind {
			case kindTouched:
				objects[r.name] = known
			case kindWrite, kindPatch, kindCopy:
				objects[r.name] = append(known, entry{record: r, segment: i})
			default: // a barrier
				objects[r.name] = append(known[:0], entry{record: r, segment: i})
			}
			return nil
		}); err != nil {
			return found, fmt.Errorf("commit log %s: %w", s.path, err)
		}
	}
	if err := intact(segments); err != nil {
		return found, fmt.Errorf("commit log: %w", err)
	}
	p := &player{fs: fsys, root: root, segments: segments, dirs: map[string]bool{}}
	for name := range objects {
		found.Names = append(found.Names, name)
	}
	slices.Sort(found.Names)
	for _, name := range found.Names {
		there, err := p.play(filepath.Join(root, name), objects[name])
		if err != nil {
			return found, fmt.Errorf("commit log: %s: %w", name, err)
		}
		if !there {
			found.Lost = append(found.Lost, name)
		}
	}
	for dir := range p.dirs {
		if err := fsys.SyncDir(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return found, fmt.Errorf("commit log: %w", err)
		}
	}
	return found, nil
}

// End is a position in a log, behind a batch.
type End struct{ segment, batches uint64 }

// Cut takes away, durably, what a log says behind a position: batches of which nobody
// knows whether they count.
func Cut(fsys disk.FS, dir string, end End) (err error) {
	segments, err := open(fsys, dir)
	if err != nil {
		return fmt.Errorf("commit log: %w", err)
	}
	defer func() {
		for _, s := range segments {
			err = errors.Join(err, s.file.Close())
		}
	}()
	for _, s := range slices.Backward(segments) { // never a gap
		if s.number < end.segment {
			break
		}
		good := uint64(0)
		if s.number == end.segment {
			good = end.batches
		}
		if err := s.cut(good); err != nil {
			return err
		}
	}
	return nil
}

// cut leaves the first so many batches.
func (s *segment) cut(good uint64) error {
	var behind []int64
	if err := s.each(func(at, _ int64) error {
		if s.batches >= good {
			behind = append(behind, at-batchHeader)
		}
		return nil
	}); err != nil {
		return err
	}
	if behind == nil {
		behind = []int64{s.size} // a torn one, which the disk may yet complete
	}
	for _, at := range slices.Backward(behind) { // one by one: never a gap
		if _, err := s.file.WriteAt(make([]byte, batchHeader), at); err != nil {
			return err
		}
		if err := s.file.Sync(); err != nil {
			return err
		}
	}
	return nil
}

// entry is a record and the segment it is in.
type entry struct {
	record
	segment int
	stale   bool // a later one says it all
}

// player does what records say.
type player struct {
	fs       disk.FS
	root     string
	segments []*segment
	dirs     map[string]bool // in which names changed, or may have
	buf      []byte
}

// play does what the records of one object say: the first may be a barrier, all others are
// writes. there is false if there are writes but no main file.
func (p *player) play(path string, records []entry) (there bool, err error) {
	if len(records) == 0 {
		return true, nil
	}
	p.dirs[filepath.Dir(path)] = true
	switch records[0].kind {
	case kindSettled:
		records = records[1:]
	case kindRemoved:
		return true, errors.Join(p.remove(path+logSuffix), p.remove(path))
	case kindMade:
		if err := p.remake(path, records[0]); err != nil {
			return false, err
		}
		records = records[1:]
	}
	if len(records) == 0 {
		return true, nil
	}
	if _, err := p.fs.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	// One that is there was copied into the main file before the log spoke of that.
	if err := p.remove(path + logSuffix); err != nil {
		return false, err
	}
	f, err := p.fs.Open(path, os.O_RDWR)
	if err != nil {
		return false, err
	}
	return true, errors.Join(p.writes(f, records), f.Close())
}

// writes does what writes say: of each piece of the file only the last, and then its size.
func (p *player) writes(f disk.File, records []entry) error {
	last := map[int64]int64{} // sizes of pieces that are written later, by offset
	size := int64(0)
	for i, r := range slices.Backward(records) {
		if size == 0 {
			size = r.size
		}
		if records[i].stale = last[r.off] >= r.n; !records[i].stale && r.kind != kindPatch {
			last[r.off] = r.n
		}
	}
	for _, r := range records {
		if r.stale {
			continue
		}
		if err := p.one(f, r); err != nil {
			return err
		}
	}
	if size > 0 {
		if err := f.Truncate(size); err != nil {
			return err
		}
	}
	return f.Sync()
}

func (p *player) one(f disk.File, r entry) error {
	switch s := p.segments[r.segment]; r.kind {
	case kindCopy:
		return p.copy(f, r.off, s, r.at, r.n)
	case kindPatch:
		return p.runs(f, r.off, r)
	default:
		return p.write(f, r)
	}
}

// write writes what a kindWrite says, zeros too: the file may hold something else there.
func (p *player) write(f disk.File, e entry) error {
	p.buf = append(p.buf[:0], make([]byte, e.n)...)
	s := p.segments[e.segment]
	r := &reader{r: s.file, at: e.at, end: e.end}
	for at := int64(0); at < e.n; {
		x, err := r.run()
		if err != nil {
			return err
		}
		at += x.left
		if _, err := s.file.ReadAt(p.buf[at:at+x.n], x.at); err != nil {
			return err
		}
		at += x.n
	}
	_, err := f.WriteAt(p.buf, e.off)
	return err
}

func (p *player) remove(path string) error {
	if err := p.fs.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// remake makes the main file as it was made, without write-ahead log.
func (p *player) remake(path string, e entry) error {
	if err := p.remove(path + logSuffix); err != nil {
		return err
	}
	if err := p.fs.MkdirAll(filepath.Dir(path)); err != nil {
		return err
	}
	p.dirs[filepath.Dir(filepath.Dir(path))] = true
	f, err := p.fs.Open(path, os.O_RDWR|os.O_CREATE)
	if err != nil {
		return err
	}
	return errors.Join(p.fill(f, e), f.Close())
}

func (p *player) fill(f disk.File, e entry) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	if err := f.Truncate(e.n); err != nil {
		return err
	}
	if err := p.runs(f, 0, e); err != nil {
		return err
	}
	return f.Sync()
}

// runs writes the bytes of runs to the file from off on, and leaves the rest as it is.
func (p *player) runs(f disk.File, off int64, e entry) error {
	s := p.segments[e.segment]
	r := &reader{r: s.file, at: e.at, end: e.end}
	for at := int64(0); at < e.n; {
		x, err := r.run()
		if err != nil {
			return err
		}
		at += x.left
		if err := p.copy(f, off+at, s, x.at, x.n); err != nil {
			return err
		}
		at += x.n
	}
	return nil
}

// copy copies n bytes of a segment.
func (p *player) copy(to disk.File, off int64, from *segment, at, n int64) error {
	p.buf = slices.Grow(p.buf[:0], int(min(n, chunk)))
	for n > 0 {
		b := p.buf[:min(n, chunk)]
		if _, err := from.file.ReadAt(b, at); err != nil {
			return err
		}
		if _, err := to.WriteAt(b, off); err != nil {
			return err
		}
		at, off, n = at+int64(len(b)), off+int64(len(b)), n-int64(len(b))
	}
	return nil
}
