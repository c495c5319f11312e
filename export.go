package do

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/engine"
	"github.com/google/uuid"
)

// smallExport is the size in bytes up to which a copy is kept in memory, rather than in a
// file, until it is written out.
const smallExport = 1 << 20

// Export writes an object's database to w: one plain SQLite file as of a commit point, of
// which everything is durable. It has the object's own tables, which begin with _do_, and
// its name, and every SQLite program can read it; Import takes it back.
//
// The object serves on. It waits between two turns while what it wrote last is brought into
// its file, and is not taken out of memory before that was copied; not for w: a copy over
// 1 MiB goes through a file in the data folder. At most 1 MiB of it is in memory.
//
// An object without data gives ErrNoData, and nothing is written. ErrInvalidID, ErrForeignID,
// ErrClosed and ErrDeadlock are as for Delete; Close cuts it short with ErrClosed while it
// copies. After any other error, of w, the disk or ctx, w has a part of the file or nothing.
// Inside an object Export is a wait of the turn (T3).
func (n *Namespace) Export(ctx context.Context, id ID, w io.Writer) error {
	if err := n.checkHere(id); err != nil {
		return err
	}
	return n.rt.apart(ctx, n.owner, func(ctx context.Context) error {
		c, err := n.spool(ctx, id)
		if err != nil {
			return fmt.Errorf("do: export %s: %w", id, err)
		}
		defer c.drop()
		if err := c.writeTo(ctx, w); err != nil {
			return fmt.Errorf("do: export %s: %w", id, err)
		}
		return nil
	})
}

// spooled is the copy of an object's database: in memory, or in a file that nobody else knows.
type spooled struct {
	small bytes.Buffer
	file  disk.File
	size  int64
	drop  func()
}

// spool copies an object's database to where it can be read slowly.
func (s *served) spool(ctx context.Context, id ID) (c *spooled, err error) {
	ctx, end, err := s.rt.tasks.beginCopy(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	defer func() { err = cutShort(ctx, err) }()
	c = &spooled{drop: func() {}}
	had, err := s.snapshot(ctx, id, nil, func(snap *engine.Snapshot) error {
		if snap.Size() <= smallExport {
			return snap.WriteTo(ctx, &c.small)
		}
		fsys, path := s.rt.fs, s.rt.partial("export")
		if c.file, err = fsys.Open(path, os.O_RDWR|os.O_CREATE|os.O_EXCL); err != nil {
			return err
		}
		c.drop = func() {
			_ = c.file.Close()    // only read, or of no account
			_ = fsys.Remove(path) // if it is still there; else the next Open does
		}
		_ = fsys.Remove(path) // so that nothing can leave it behind, where the system lets us
		f := &appender{file: c.file}
		err := snap.WriteTo(ctx, f)
		c.size = f.off
		return err
	})
	if err == nil && !had {
		err = ErrNoData
	}
	if err != nil {
		c.drop()
		return nil, err
	}
	return c, nil
}

// writeTo writes the copy to w.
func (c *spooled) writeTo(ctx context.Context, w io.Writer) error {
	from := io.Reader(&c.small)
	if c.file != nil {
		from = io.NewSectionReader(c.file, 0, c.size)
	}
	_, err := io.Copy(struct{ io.Writer }{w}, &heedful{ctx, from})
	return err
}

// snapshot gives fn a snapshot of an object's database, if it has data.
// then, unless it is nil, is called at its commit point, when that is durable.
func (s *served) snapshot(ctx context.Context, id ID, then func() error, fn func(*engine.Snapshot) error) (had bool, err error) {
	var snap *engine.Snapshot
	defer s.settle(id)
	err = s.visit(ctx, id, func(c *cell) (err error) {
		if snap, err = c.db.Snapshot(ctx); err != nil || snap == nil || then == nil {
			return err
		}
		c.catchUp()
		return then()
	})
	if err != nil && snap != nil {
		return false, errors.Join(err, snap.Close())
	}
	if err != nil || snap == nil {
		return false, err
	}
	err = fn(snap)
	if cerr := snap.Close(); err == nil {
		err = cerr
	}
	return true, err
}

// partial is the path of a file that is not whole yet; the next Open removes what is left of it.
func (rt *Runtime) partial(what string) string {
	return filepath.Join(rt.dir, what+"-"+uuid.NewString()+partialSuffix)
}

// cutShort gives why ctx ended instead of what came of it.
func cutShort(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// appender writes to a file, one piece after the other.
type appender struct {
	file disk.File
	off  int64
}

func (a *appender) Write(p []byte) (int, error) {
	n, err := a.file.WriteAt(p, a.off)
	a.off += int64(n)
	return n, err
}

// heedful is a reader that ends with its context, between two reads.
type heedful struct {
	ctx context.Context
	r   io.Reader
}

func (h *heedful) Read(p []byte) (int, error) {
	if h.ctx.Err() != nil {
		return 0, context.Cause(h.ctx)
	}
	return h.r.Read(p)
}
