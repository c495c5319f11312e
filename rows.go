package do

import (
	"context"
	"path/filepath"
	"time"

	"github.com/durablego/do/internal/index"
)

// newIndex gives the index of a namespace. It does no I/O.
func (s *served) newIndex(volatile bool) *index.Index {
	return index.New(index.Options{
		FS:       s.rt.fs,
		Path:     filepath.Join(s.dir, index.File),
		Volatile: volatile,
		Failed: func(err error) {
			s.rt.options.Logger.Error("the index of a namespace could not be written; it is tried again",
				"class", s.class.name, "cause", err)
		},
	})
}

// created says that the file of the object's database is being made.
func (c *cell) created() error {
	if err := c.served.makeFolder(); err != nil {
		return err
	}
	c.filed.Store(true)
	c.made.Store(true)
	return nil
}

// opened hears that the database was opened; recovered says that a crash had left something
// in its write-ahead log.
func (c *cell) opened(recovered bool) {
	c.filed.Store(true)
	if recovered {
		c.found.Store(true)
	}
	c.served.rt.databases.opened(c)
}

// register puts an object into the index, after a commit at which it has data (L16).
func (c *cell) register(ticket uint64) {
	i, err := c.db.Info(context.Background())
	if err != nil || i.Empty || !i.Exists {
		return // its closing tells of it
	}
	now := time.Now().UnixNano()
	if !c.made.Load() { // there may be a row
		c.tellIndex(ticket, func() { c.served.index.Saw(c.id.bytes, i.Name, now, i.Size) }, nil)
		c.foundAlarm(ticket)
		c.found.Store(false)
		return
	}
	row := index.Row{ID: c.id.bytes, Name: i.Name, Created: now, Used: now, Size: i.Size}
	if a := c.alarm.Load(); a != nil {
		row.Alarm, row.AlarmState = a.At, stateOf(*a)
	}
	c.tellIndex(ticket, func() { c.served.index.Put(row) }, nil)
	c.heard()
}

// foundAlarm gives a row that may be new the alarm that the opening found: what it told the
// index may have met no row.
func (c *cell) foundAlarm(ticket uint64) {
	if a := c.alarm.Load(); a != nil && !c.served.hasBegun(context.Background(), c.id, *a) {
		c.tellIndex(ticket, func() { c.served.index.SetAlarm(c.id.bytes, a.At, stateOf(*a)) }, nil)
	}
}

// heard says that the index knows whether there is an object.
func (c *cell) heard() {
	c.made.Store(false)
	c.found.Store(false)
}

// record brings the index up to date when the database was closed, or its files removed.
func (c *cell) record() {
	c.catchUp()
	used := c.lastUsed()
	if !c.filed.Load() {
		if used > 0 {
			c.served.index.Used(c.id.bytes, used)
		}
		return
	}
	i, err := c.db.Info(context.Background())
	switch {
	case err != nil || c.db.IsOpen():
	case i.Exists:
		c.served.index.Saw(c.id.bytes, i.Name, used, i.Size) // its alarm was told by the commit
		if c.found.Load() {
			c.foundAlarm(c.gate.Newest())
		}
		c.heard()
		c.trust()
	default:
		c.filed.Store(false)
		c.served.index.Remove(c.id.bytes)
		c.heard()
		c.trust()
	}
}

// lastUsed is when the object last had nothing left to do, in nanoseconds since 1970; 0 if it
// had no instance. Before the first time it is when the runtime was opened: the index knows better.
func (c *cell) lastUsed() int64 {
	if !c.lived.Load() {
		return 0
	}
	return c.served.rt.started.Add(time.Duration(c.since.Load())).UnixNano()
}

// recoverDB is DB.Recover; files that it removed are gone from the index too.
func (c *cell) recoverDB(ctx context.Context) error {
	if err := c.db.Recover(ctx); err != nil {
		return err
	}
	if !c.db.IsOpen() {
		if c.filed.Load() {
			c.record()
		}
		c.alarmLost()
	}
	return nil
}

// closeDB is DB.Close, with the index brought up to date.
func (c *cell) closeDB(ctx context.Context) error {
	if err := c.writeAlarm(ctx); err != nil {
		return err
	}
	err := c.db.Close(ctx)
	if err == nil {
		c.record()
	}
	return err
}
