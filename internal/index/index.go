package index

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/doerr"
	"github.com/durablego/do/internal/sqlite"
)

// Options of an Index. FS and Path are required.
type Options struct {
	FS   disk.FS
	Path string // of the file; its folder exists when the first change is written
	// Volatile: nothing needs to outlive a power cut. Sync only writes.
	Volatile bool
	// Failed is told when pending changes could not be written. It runs in the background
	// and must not call the Index. Nil: nobody is told.
	Failed func(err error)
}

const (
	delay      = 200 * time.Millisecond // from a change to its writing
	maxDelay   = time.Minute            // between two attempts that fail
	crowd      = 1000                   // pending changes that are written at once
	checkpoint = 8 << 20                // size of the log, in bytes, that is copied into the file
)

// Index is the index of one namespace. All methods may be called from any goroutine.
type Index struct {
	o     Options
	token chan struct{} // holds one value while somebody uses what follows

	// Of the holder of the token:
	conn    *sqlite.Conn // nil while closed
	stmts   [statements]*sqlite.Stmt
	good    int    // frames in the log that the last good sync covered
	names   uint64 // Conn.WALCreated as of the last sync of the folder
	opened  bool   // there was a connection
	synced  bool   // the file itself, and its name
	half    bool   // it was made and not synced since, so that a failed sync undoes it
	suspect bool   // a sync failed: the log is to be cut before anything else
	doubt   error  // a log of before could not be synced: Sync can promise nothing any more
	steps   int    // rows that were read; tests only

	mu       sync.Mutex // guards following; held for field access only
	pending  map[ID]change
	unsynced map[ID]change // empty if Volatile
	timer    *time.Timer
	due      bool // the timer will fire, or its work runs
	running  bool // its work runs
	failures int  // attempts in a row that failed
	closed   bool
}

// New gives the index in the file o.Path. It does no I/O.
func New(o Options) *Index {
	return &Index{o: o, token: make(chan struct{}, 1), pending: map[ID]change{}, unsynced: map[ID]change{}}
}

// Put says that there is an object, and everything about it; nothing of an earlier row stays.
func (x *Index) Put(r Row) { x.change(change{row: r, fresh: true}) }

// Saw says what is known of an object that has data: when it was used last, unless that is
// 0, its size in bytes, and its name unless that is empty. If it has no row yet it is made,
// as created at that time, or now.
func (x *Index) Saw(id ID, name string, used, size int64) {
	c := change{row: Row{ID: id, Name: name, Created: used, Used: used, Size: size}, set: hasUsed | hasSize, insert: true}
	if used == 0 {
		now := time.Now().UnixNano()
		c.row.Created, c.row.Used = now, now
		c.set &^= hasUsed
	}
	if name != "" {
		c.set |= hasName
	}
	x.change(c)
}

// Used says when an object was used last, if it has a row. A row keeps the latest such time.
func (x *Index) Used(id ID, used int64) {
	x.change(change{row: Row{ID: id, Used: used}, set: hasUsed})
}

// SetAlarm says how an object's alarm stands, if it has a row; at is 0 without one.
func (x *Index) SetAlarm(id ID, at int64, state AlarmState) {
	x.change(change{row: Row{ID: id, Alarm: at, AlarmState: state}, set: hasAlarm})
}

// Remove says that an object has no data any more.
func (x *Index) Remove(id ID) { x.change(change{row: Row{ID: id}, gone: true}) }

func (x *Index) change(c change) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.closed {
		return
	}
	x.pendLocked(c)
	switch {
	case !x.due:
		x.wakeLocked(delay)
	case len(x.pending) == crowd && !x.running && x.failures == 0:
		x.wakeLocked(0)
	}
}

// wakeLocked has the background look at what is pending in a while.
func (x *Index) wakeLocked(in time.Duration) {
	x.due = true
	if x.timer == nil {
		x.timer = time.AfterFunc(in, x.background)
	} else {
		x.timer.Reset(in)
	}
}

// pendLocked adds a change to those of the same object.
func (x *Index) pendLocked(c change) {
	if old, ok := x.pending[c.row.ID]; ok {
		c = c.over(old)
	}
	x.pending[c.row.ID] = c
}

// background writes what is pending, and keeps the log short. It is the timer's.
func (x *Index) background() {
	x.mu.Lock()
	if x.running {
		x.mu.Unlock()
		return // the timer was set anew when it had fired already
	}
	x.running = true
	x.mu.Unlock()
	err := x.use(context.Background(), func() error {
		if err := x.write(); err != nil {
			return err
		}
		if x.conn != nil && x.conn.WALSize() >= checkpoint {
			return x.sync()
		}
		return nil
	})
	if err == doerr.ErrClosed {
		err = nil
	}
	if err != nil && x.o.Failed != nil {
		x.o.Failed(err)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.running = false
	wait := delay
	switch {
	case err != nil:
		wait = min(delay<<min(x.failures, 16), maxDelay)
		x.failures++
	case len(x.pending) >= crowd:
		wait = 0
		fallthrough
	default:
		x.failures = 0
	}
	if x.due = !x.closed && (len(x.pending) > 0 || err != nil); x.due {
		x.wakeLocked(wait)
	}
}

// use runs f as holder of the token: ctx.Err() if ctx ends first, ErrClosed after Close.
func (x *Index) use(ctx context.Context, f func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case x.token <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-x.token }()
	x.mu.Lock()
	closed := x.closed
	x.mu.Unlock()
	if closed {
		return doerr.ErrClosed
	}
	if err := f(); err != nil {
		return fmt.Errorf("index: %w", err)
	}
	return nil
}

// Flush writes everything pending. Changes that it could not write stay pending.
func (x *Index) Flush(ctx context.Context) error { return x.use(ctx, x.write) }

// Sync makes every change of before the call durable. After an error none of those since
// the last Sync may be taken for durable; they are not lost, and the next Sync tries again.
func (x *Index) Sync(ctx context.Context) error {
	return x.use(ctx, func() error {
		if err := x.write(); err != nil {
			return err
		}
		return x.sync()
	})
}

// Close writes everything, makes it durable and closes the file, of which nothing but
// itself is left. It is closed even if an error is given; later changes are dropped, and all
// else gives ErrClosed. A second Close does nothing.
func (x *Index) Close() error {
	x.token <- struct{}{}
	defer func() { <-x.token }()
	x.mu.Lock()
	closed := x.closed
	x.closed = true
	if x.timer != nil {
		x.timer.Stop()
	}
	x.mu.Unlock()
	if closed {
		return nil
	}
	if err := x.close(); err != nil {
		return fmt.Errorf("index: %w", err)
	}
	return nil
}
