package engine

import (
	"context"

	"github.com/durablego/do/internal/durable"
)

// A commit that is copied for a journal is in memory until the journal's disk has it.
const (
	maxCopied = 1 << 20  // of one commit; what is larger is told where it is
	maxHeld   = 32 << 20 // of all that waits, likewise: of what is written while the disk hangs
)

// Take implements durable.Source.
func (o *opening) Take(b *durable.Batch, name string) {
	if o.unmade {
		data, err := image()
		if err != nil {
			panic("engine: a main file was made without an image") // create has used it
		}
		b.Made(name, data)
		o.unmade = false
	}
	large := len(o.taken)*pageSize > maxCopied || b.Held() >= maxHeld
	for _, f := range o.taken {
		var page, was []byte
		if !large {
			page = o.conn.View(f.At)
		}
		if page != nil && f.Was > 0 {
			was = o.conn.View(f.Was)
		}
		switch {
		case page == nil:
			b.Copy(name, f.Off, pageSize, o.conn.Log(), f.At, f.Size)
		case was == nil:
			b.Write(name, f.Off, page, f.Size)
		default:
			b.Patch(name, f.Off, was, page, f.Size)
		}
	}
	if o.taken = o.taken[:0]; large {
		o.taken = nil
	}
}

// WriteBack implements durable.Source.
func (o *opening) WriteBack(durable func() durable.Commit) error {
	d := o.db
	if err := d.files.acquire(context.Background()); err != nil {
		return err
	}
	defer d.files.release()
	if o.left {
		return nil // with all that is durable in the main file, or the journal knows
	}
	return o.writeBack(durable().Frames)
}

// writeBack brings the first frames of the log in memory to the main file, which they do not
// make durable. REQUIRES: files held, the commits are durable.
func (o *opening) writeBack(frames int) error {
	if err := o.conn.WriteBack(o.written, frames, o.db.preserve); err != nil {
		if sqliteExtended(err) == "SQLITE_IOERR_READ" { // the part of the log that is in a file
			o.db.journal.Doubt(o.path, err) // who has all
		}
		return diskError("write back", err)
	}
	o.written = max(o.written, frames)
	return nil
}

// fold copies the log in memory into the main file and empties it. Nothing is synced: the
// journal has it. REQUIRES: lock held, everything durable.
func (d *DB) fold(op string) error {
	if err := d.enterFiles(); err != nil {
		return d.fail(op, err, true)
	}
	defer d.files.release()
	return d.copyBack(op, func() error {
		if err := d.db.conn.Checkpoint(); err != nil {
			return err
		}
		d.db.written = 0 // also if that took too long
		d.db.log.Rewind()
		return nil
	})
}

// enterFiles waits until nobody else writes to the main file, as long as a commit may wait.
func (d *DB) enterFiles() error {
	ctx := context.Background()
	if d.o.CommitTimeout > 0 {
		limited, cancel := context.WithTimeoutCause(ctx, d.o.CommitTimeout, errOverdue)
		defer cancel()
		ctx = limited
	}
	if err := d.files.acquire(ctx); err != nil {
		return &Error{Op: "write back", IO: true, Timeout: true, Err: errOverdue}
	}
	return nil
}

// preserve keeps what the main file has at off for a Snapshot that has yet to read it. REQUIRES:
// files held.
func (d *DB) preserve(off int64, n int) error {
	if s := d.pin.Load(); s != nil {
		return s.preserve(off, n)
	}
	return nil
}
