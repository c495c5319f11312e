package engine

import (
	"context"
	"strconv"
)

// Info is what a database says of itself as a whole.
type Info struct {
	Exists bool   // there is a main file
	Empty  bool   // it is open and without data (L16)
	Size   int64  // of the database in bytes, as of the last commit point; 0 if there is none
	Name   string // the object's, as far as it is known without a look
}

// Info waits for the connection, which it does not open. It is for the cell, between turns.
func (d *DB) Info(ctx context.Context) (Info, error) {
	if err := d.lock.acquire(ctx); err != nil {
		return Info{}, err
	}
	defer d.lock.release()
	if err := d.Broken(); err != nil {
		return Info{}, err
	}
	return d.info()
}

// TryInfo is Info for any goroutine: false if the connection is closed or in use, also by
// a transaction, or broken.
func (d *DB) TryInfo() (Info, bool) {
	if !d.lock.tryAcquire() {
		return Info{}, false
	}
	defer d.lock.release()
	if d.db == nil || d.inTx || d.Broken() != nil {
		return Info{}, false
	}
	i, err := d.info()
	return i, err == nil
}

// info REQUIRES: lock held, no transaction.
func (d *DB) info() (i Info, err error) {
	i.Name = d.name
	if d.db == nil {
		if d.absent {
			return i, nil
		}
		size, err := d.stat(d.o.Path)
		if err != nil {
			return Info{}, diskError("open", err)
		}
		i.Exists, i.Size = size >= 0, max(size, 0)
		return i, nil
	}
	i.Exists = true
	if i.Empty, err = d.db.empty(); err != nil {
		return Info{}, err
	}
	pages, err := d.db.row("PRAGMA page_count", 1)
	if err != nil || len(pages) == 0 {
		return Info{}, err
	}
	n, err := strconv.ParseInt(pages[0], 10, 64)
	i.Size = n * pageSize
	return i, err
}
