package engine

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"

	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/doerr"
)

// pageSize is that of every object's database, in bytes.
const pageSize = 4096

// Snapshot is a database as of a commit point: its main file, which holds all of it, and
// changes only by a checkpoint, of which none takes place before Close, or as the journal has to
// write commits back: then the Snapshot keeps what was there. Commits go on.
type Snapshot struct {
	d     *DB
	file  disk.File
	size  int64
	leave func()        // tells a journal that the file is not in use any more
	done  chan struct{} // closed by Close
	once  sync.Once

	// Of the holder of DB.files:
	read int64            // how far each has come
	kept map[int64][]byte // what has changed behind that, by offset
}

// Snapshot makes everything durable and holds the main file still; nil if there are no
// data. It is for the cell, between turns. Until Snapshot.Close, what would rewrite the main
// file waits (Close, Destroy, an opening after a crash) or is left out (Checkpoint), so the
// write-ahead log grows; a second Snapshot waits too. It is read once.
func (d *DB) Snapshot(ctx context.Context) (*Snapshot, error) {
	if err := d.lock.acquire(ctx); err != nil {
		return nil, err
	}
	defer d.lock.release()
	if err := d.Broken(); err != nil {
		return nil, err
	}
	if d.inTx {
		return nil, doerr.ErrInTransaction
	}
	if err := d.unpinned(ctx); err != nil {
		return nil, err
	}
	if complete, err := d.mainIsAll(ctx); err != nil || !complete {
		return nil, err
	}
	s := &Snapshot{d: d, leave: func() {}, done: make(chan struct{})}
	if d.journal != nil { // a replay would rewrite the main file
		if err := d.journal.Enter(d.o.Path); err != nil {
			return nil, diskError("open", err)
		}
		s.leave = func() { d.journal.Leave(d.o.Path) }
	}
	if err := s.open(); err != nil {
		s.leave()
		return nil, diskError("open", err)
	}
	d.pin.Store(s)
	return s, nil
}

func (s *Snapshot) open() (err error) {
	if s.file, err = s.d.o.FS.Open(s.d.o.Path, os.O_RDWR); err != nil {
		return err
	}
	if s.size, err = s.file.Size(); err != nil {
		return errors.Join(err, s.file.Close())
	}
	return nil
}

// mainIsAll brings everything into the main file; false if there are no data. A closed
// database without a log is as it should be, and stays closed. REQUIRES: lock held.
func (d *DB) mainIsAll(ctx context.Context) (bool, error) {
	if data, err := d.hasData(); err != nil || !data || d.db == nil {
		return data, err
	}
	if err := d.flush(ctx); err != nil {
		return false, err
	}
	return true, d.checkpoint()
}

// grown reports whether the main file of a closed database is more than the image.
func (d *DB) grown() (bool, error) {
	if d.absent {
		return false, nil
	}
	size, err := d.stat(d.o.Path)
	if err != nil || size < 0 {
		return false, diskError("open", err)
	}
	like, err := d.examine(size)
	return like == grown, diskError("open", err)
}

// unpinned waits until nobody needs the main file as it is. Before everything that writes
// to it. REQUIRES: lock held.
func (d *DB) unpinned(ctx context.Context) error {
	s := d.pin.Load()
	if s == nil {
		return nil
	}
	select {
	case <-s.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Size gives the size in bytes.
func (s *Snapshot) Size() int64 { return s.size }

// chunk is how much of a snapshot is in memory while it is copied.
const chunk = 1 << 20

var chunks = sync.Pool{New: func() any {
	b := make([]byte, chunk)
	return &b
}}

// CopyTo writes the database to a file, from its beginning.
func (s *Snapshot) CopyTo(ctx context.Context, f disk.File) error {
	return s.each(ctx, func(p []byte, off int64) error {
		_, err := f.WriteAt(p, off)
		return err
	})
}

// WriteTo writes the database to w, as one with a rollback journal: every SQLite program
// can read such a file by itself.
func (s *Snapshot) WriteTo(ctx context.Context, w io.Writer) error {
	return s.each(ctx, func(p []byte, off int64) error {
		if off == 0 && len(p) > formatAt+1 {
			p[formatAt], p[formatAt+1] = plainFormat, plainFormat
		}
		_, err := w.Write(p)
		return err
	})
}

func (s *Snapshot) each(ctx context.Context, fn func(p []byte, off int64) error) error {
	buf := chunks.Get().(*[]byte)
	defer chunks.Put(buf)
	for off := int64(0); off < s.size; off += chunk {
		if err := ctx.Err(); err != nil {
			return err
		}
		p := (*buf)[:min(chunk, s.size-off)]
		if err := s.next(ctx, p, off); err != nil {
			return err
		}
		if err := fn(p, off); err != nil {
			return err
		}
	}
	return nil
}

// next reads what the file held at off when the Snapshot was made.
func (s *Snapshot) next(ctx context.Context, p []byte, off int64) error {
	if err := s.d.files.acquire(ctx); err != nil {
		return err
	}
	defer s.d.files.release()
	if _, err := s.file.ReadAt(p, off); err != nil {
		return diskError("read", err)
	}
	s.read = off + int64(len(p))
	for at, was := range s.kept {
		if at < s.read {
			copy(p[at-off:], was)
			delete(s.kept, at)
		}
	}
	return nil
}

// preserve keeps what the file has at off, before that changes. REQUIRES: files held.
func (s *Snapshot) preserve(off int64, n int) error {
	if _, known := s.kept[off]; known || off < s.read || off >= s.size {
		return nil
	}
	was := make([]byte, min(int64(n), s.size-off))
	if _, err := s.file.ReadAt(was, off); err != nil {
		return err
	}
	if s.kept == nil {
		s.kept = map[int64][]byte{}
	}
	s.kept[off] = was
	return nil
}

// Close lets checkpoints take place again. Closing twice does nothing.
func (s *Snapshot) Close() (err error) {
	s.once.Do(func() {
		err = s.file.Close()
		s.leave()
		s.d.pin.CompareAndSwap(s, nil)
		close(s.done)
	})
	return diskError("close", err)
}

// Pinned says whether a Snapshot is open. From any goroutine.
func (d *DB) Pinned() bool { return d.pin.Load() != nil }
