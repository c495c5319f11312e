package engine

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/durablego/do/internal/doerr"
	"github.com/durablego/do/internal/durable"
	"github.com/durablego/do/internal/sqlite"
)

// opening is the database from one open of its files to the close. It is the Target of
// its Log. Fields without a remark belong to the holder of DB.lock.
type opening struct {
	conn   *sqlite.Conn
	path   string
	folder *durable.Folder
	db     *DB
	log    durable.Log
	dead   atomic.Bool // the log failed; any goroutine

	named        bool           // the object's name is in _do_meta, committed
	checkpointed bool           // the main file is more than the image
	unmade       bool           // no journal knows that the main file was made
	unplaced     bool           // files or their names may not be durable, but for what a journal has
	taken        []sqlite.Frame // of the commit that is being announced to a journal
	closing      chan struct{}  // closed when log.Close has returned; nil until it is called

	// Of the holder of DB.files:
	written int  // frames of the log that WriteBack has brought to the main file
	left    bool // the connection is closed

	// Of Sync, and of the holder of DB.lock before the log is made and after it is closed:
	mainDirty bool   // the main file and its name are not durable
	walSynced uint64 // Conn.WALCreated as of the last sync of the folder

	stmts [statements]*sqlite.Stmt // prepared at first use
	texts *texts                   // nil until a user's statement comes
}

// Sync implements durable.Target. The first time it makes the main file and the names
// durable too, all at once: no order among them is needed, as the ticket waits for all.
func (o *opening) Sync() error {
	made := o.conn.WALCreated()
	if !o.mainDirty && made == o.walSynced {
		return o.conn.SyncWAL()
	}
	folder := make(chan error, 1)
	go func() { folder <- o.folder.Sync() }()
	var main chan error
	if o.mainDirty {
		main = make(chan error, 1)
		go func() { main <- o.conn.SyncMain() }()
	}
	err := o.conn.SyncWAL()
	if main != nil {
		err = errors.Join(err, <-main)
	}
	if err = errors.Join(err, <-folder); err != nil {
		return err
	}
	o.mainDirty, o.walSynced = false, made
	return nil
}

// Name implements durable.Source.
func (o *opening) Name() string { return o.path }

// reading opens the database if its file exists, and reports whether it does.
// REQUIRES: lock held.
func (d *DB) reading() (exists bool, err error) {
	if d.db != nil {
		return true, nil
	}
	return d.open(false)
}

// writing opens the database and makes it if there is none. REQUIRES: lock held.
func (d *DB) writing() error {
	if d.db != nil {
		return nil
	}
	_, err := d.open(true)
	return err
}

// open opens the database; false if there is none and create is not set.
func (d *DB) open(create bool) (opened bool, err error) {
	if d.journal == nil {
		return d.openFiles(create)
	}
	if err := d.journal.Enter(d.o.Path); err != nil {
		return false, diskError("open", err)
	}
	if opened, err = d.openFiles(create); !opened {
		d.journal.Leave(d.o.Path)
	}
	return opened, err
}

// openFiles is open with a journal that knows of it.
func (d *DB) openFiles(create bool) (opened bool, err error) {
	var size int64 = -1
	if d.o.Foreign != nil { // a file that was taken over may not be durably in its place
		if err := d.o.Folder.Settle(); err != nil {
			return false, diskError("open", err)
		}
	}
	if !d.absent {
		if size, err = d.stat(d.o.Path); err != nil {
			return false, diskError("open", err)
		}
	}
	like, wal := grown, int64(-1)
	if size >= 0 {
		if like, err = d.examine(size); err != nil {
			return false, diskError("open", err)
		}
		if like == torn { // never carried an open ticket (invariant 8)
			if err := d.removeAll(); err != nil {
				return false, diskError("open", err)
			}
			size = -1
		} else if wal, err = d.stat(d.walPath()); err != nil {
			return false, diskError("open", err)
		}
	}
	d.absent = size < 0
	if size < 0 {
		if !create {
			return false, nil
		}
		if d.o.BeforeCreate != nil {
			if err := d.o.BeforeCreate(); err != nil {
				return false, err
			}
		}
		if err := d.create(); err != nil {
			return false, diskError("create", err)
		}
		like = fresh
	}
	if d.o.BeforeOpen != nil {
		d.o.BeforeOpen()
	}
	err = d.connect(like, wal)
	if d.o.Foreign != nil && errors.Is(err, errForeign) {
		if err = d.takeOver(); err == nil {
			err = d.connect(grown, -1)
		}
	}
	return err == nil, err
}

// connect opens the connection on the main file that is there, beside a log of wal bytes,
// -1 if there is none.
func (d *DB) connect(like likeness, wal int64) (err error) {
	switch {
	case wal == 0: // perhaps not durably empty (invariant 7)
		err = d.remove(d.walPath())
	case wal > 0 && d.rewrite:
		err = d.rewriteFile(d.walPath())
	}
	if err != nil {
		return diskError("open", err)
	}
	recovered := wal > 0
	if recovered && d.journal != nil {
		if err := d.absorb(like); err != nil {
			return err
		}
		like = grown
	}
	o, err := d.attach(like, d.journal != nil)
	if err != nil {
		return err
	}
	if recovered && d.journal == nil {
		if err := d.settle(o); err != nil {
			return errors.Join(err, o.conn.Close())
		}
	}
	tells := d.o.Alarm != nil && (like != fresh || recovered)
	var alarm Alarm
	if tells {
		if alarm, err = o.alarm(); err != nil {
			return errors.Join(&Error{Op: "open", IO: IsIO(err), Err: err}, o.conn.Close())
		}
	}
	if d.journal != nil {
		o.unmade = o.mainDirty
		o.unplaced = true
	}
	o.log = d.o.Opener.Open(o, d.o.Gate, func(err error) { d.syncFailed(o, err) })
	d.db = o
	d.opened.Store(true)
	d.conn.Store(o.conn)
	if d.o.OnOpen != nil {
		d.o.OnOpen(recovered)
	}
	if tells {
		d.tellAlarm(alarm, 0)
	}
	return nil
}

// attach opens a connection to a file of ours, with its log in memory or in a file.
func (d *DB) attach(like likeness, inMemory bool) (*opening, error) {
	conn, err := sqlite.Open(d.o.Path, sqlite.Options{
		FS: d.o.FS, MaxRowBytes: d.o.MaxRowBytes, MaxPages: d.o.MaxPages, MaxParameters: d.o.MaxParameters,
		WAL: true, LogInMemory: inMemory,
	})
	if err != nil {
		return nil, &Error{Op: "open", IO: IsIO(err), Err: err}
	}
	o := &opening{conn: conn, path: d.o.Path, folder: d.o.Folder, db: d, mainDirty: like == fresh, checkpointed: like == grown}
	if like == fresh {
		return o, nil // it is the image, whose format is known
	}
	if err := o.checkFormat(); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return o, nil
}

// settle makes a log that a crash left behind durable, and empties it (invariant 5).
// Conn.Checkpoint begins with the sync of the log.
func (d *DB) settle(o *opening) error {
	committed := o.conn.Frames() > 0
	if committed {
		o.unplaced = true // the names may be no more durable than the frames
		if err := o.place(); err != nil {
			return diskError("open", err)
		}
	}
	if err := d.unpinned(context.Background()); err != nil {
		return err
	}
	d.rewrite = true // unless this succeeds
	if err := o.conn.Checkpoint(); err != nil {
		return &Error{Op: "open", IO: IsIO(err), Err: err}
	}
	d.rewrite = false
	if committed {
		o.checkpointed, o.mainDirty = true, false
	}
	return nil
}

// absorb is settle of a log that a runtime without journal left, for one with a journal: the
// file of that log goes, and when the journal has commits of the object it is not believed any
// more, should a power cut bring it back.
func (d *DB) absorb(like likeness) error {
	o, err := d.attach(like, false)
	if err != nil {
		return err
	}
	err = d.journal.Touched(context.Background(), d.o.Path)
	if err == nil {
		err = d.unpinned(context.Background())
	}
	if err == nil {
		o.unplaced = true
		err = d.syncing(o, o.conn.Checkpoint)
	}
	if cerr := o.conn.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = d.remove(d.walPath())
	}
	return diskError("open", err)
}

// checkFormat refuses a file of another format, before anything is written.
func (o *opening) checkFormat() error {
	s, _, err := o.conn.Prepare("PRAGMA user_version")
	if err != nil {
		return &Error{Op: "open", IO: IsIO(err), Err: err}
	}
	version := int64(-1)
	row, err := s.Step()
	if row {
		version = s.ColumnInt64(0)
	}
	if ferr := s.Finalize(); err == nil {
		err = ferr
	}
	switch {
	case err != nil:
		return &Error{Op: "open", IO: IsIO(err), Err: err}
	case version > formatVersion:
		return &Error{Op: "open", Err: fmt.Errorf("%w: format %d, this program knows %d", doerr.ErrNewerFormat, version, formatVersion)}
	case version < formatVersion:
		return &Error{Op: "open", Err: errForeign}
	}
	return nil
}
