package engine

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
)

// walPath is the write-ahead log beside the main file.
func (d *DB) walPath() string { return d.o.Path + "-wal" }

// stat is FS.Stat with a missing file as size -1.
func (d *DB) stat(name string) (size int64, err error) {
	size, err = d.o.FS.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return -1, nil
	}
	return size, err
}

// remove removes a file, if there is one, and remembers that its folder has to be synced
// before a file of that name is made again (invariant 9).
func (d *DB) remove(name string) error {
	err := d.o.FS.Remove(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		d.unsynced = true
	}
	return err
}

// syncFolder makes what remove did durable.
func (d *DB) syncFolder() error {
	if !d.unsynced {
		return nil
	}
	if err := d.o.Folder.Sync(); err != nil {
		return err
	}
	d.unsynced = false
	return nil
}

// removeAll removes both files in the order of L15: without its log the main file is the
// empty image or a checkpointed database without data. A journal has been told, or never
// heard of them.
func (d *DB) removeAll() error {
	err := d.remove(d.walPath())
	if err == nil {
		err = d.remove(d.o.Path)
	}
	if err != nil {
		if d.journal != nil {
			d.journal.Doubt(d.o.Path, err) // they would be used again, and still be removed by a replay
		}
		return err
	}
	d.absent = true
	if d.journal != nil {
		// A replay removes them, too. When the journal forgets, it makes that durable.
		d.unsynced = false
		d.journal.Done(d.o.Path)
	}
	return d.syncFolder()
}

// examine reads a main file of size bytes as far as it takes to tell what it is.
func (d *DB) examine(size int64) (likeness, error) {
	want, err := image()
	if err != nil || size > int64(len(want)) {
		return grown, err
	}
	f, err := d.o.FS.Open(d.o.Path, os.O_RDWR)
	if err != nil {
		return grown, err
	}
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	*buf = slices.Grow((*buf)[:0], len(want))[:size]
	data := *buf
	_, err = f.ReadAt(data, 0)
	if errors.Is(err, io.EOF) {
		err = fmt.Errorf("%s: %w", d.o.Path, io.ErrUnexpectedEOF) // somebody else changes it
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return grown, err
	}
	return compare(data, want), nil
}

// create makes the main file. What a failed attempt leaves is torn, and removed next time.
func (d *DB) create() error {
	data, err := image()
	if err != nil {
		return err
	}
	if size, err := d.stat(d.walPath()); err != nil {
		return err
	} else if size >= 0 { // of a main file that is gone: it must not meet the new one
		if err := d.remove(d.walPath()); err != nil {
			return err
		}
	}
	if err := d.syncFolder(); err != nil {
		return err
	}
	d.absent = false
	f, err := d.o.FS.Open(d.o.Path, os.O_RDWR|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(data, 0)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

// rewriteFile writes the bytes of a file anew, after a sync of them failed: that sync may
// have marked them as written although they are not (invariant 6).
func (d *DB) rewriteFile(name string) error {
	f, err := d.o.FS.Open(name, os.O_RDWR)
	if err != nil {
		return err
	}
	size, err := f.Size()
	buf := make([]byte, min(size, 1<<20))
	for at := int64(0); err == nil && at < size; at += int64(len(buf)) {
		buf = buf[:min(size-at, int64(len(buf)))]
		if _, err = f.ReadAt(buf, at); err == nil {
			_, err = f.WriteAt(buf, at)
		}
	}
	return errors.Join(err, f.Close())
}
