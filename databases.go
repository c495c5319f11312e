package do

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"sync/atomic"
)

// databases bounds the open databases of a runtime (L18): when there are more than max,
// those used least recently are closed, in the background and between turns only. Busy
// objects keep theirs, so the bound is soft.
type databases struct {
	max   int
	clock atomic.Uint64
	some  atomic.Int64 // len(open)

	mu      sync.Mutex // guards following
	open    map[*cell]struct{}
	closing map[*cell]struct{}
	eldest  []aged        // of open: those used least recently when it was last looked for them
	changed chan struct{} // closed when a closing has ended; nil if nobody waits
}

// slack is how far openings may run ahead of closings before they wait for one.
const slack = 64

func (d *databases) tick() uint64 { return d.clock.Add(1) }

// touch says that c, which may have its database open, was used just now.
func (d *databases) touch(c *cell) {
	if d.max > 0 && c.db.IsOpen() && c.used.Load() < d.clock.Load() {
		c.used.Store(d.tick())
	}
}

// wait is called before a database is opened, by the holder of its object's baton. It
// waits only for closings that are under way, which wait for nobody.
func (d *databases) wait() {
	for {
		d.mu.Lock()
		if d.max <= 0 || len(d.open) < d.max+slack || len(d.closing) == 0 {
			d.mu.Unlock()
			return
		}
		if d.changed == nil {
			d.changed = make(chan struct{})
		}
		changed := d.changed
		d.mu.Unlock()
		<-changed
	}
}

func (d *databases) opened(c *cell) {
	c.used.Store(d.tick())
	d.mu.Lock()
	d.open[c] = struct{}{}
	d.some.Store(int64(len(d.open)))
	var victims []*cell
	if d.max > 0 {
		victims = d.oldestLocked(len(d.open)-len(d.closing)-d.max, c)
	}
	d.mu.Unlock()
	for _, v := range victims {
		if !v.mb.TryExclusive(func() { d.close(v) }) {
			d.ended(v)
		}
	}
}

// aged is an open database and when it was used.
type aged struct {
	c    *cell
	used uint64
}

// eldests is how many are looked for at once: that takes a look at all.
const eldests = 64

// oldestLocked picks n databases to close and counts them as closing.
func (d *databases) oldestLocked(n int, but *cell) []*cell {
	var victims []*cell
	for looked := false; len(victims) < n; {
		if len(d.eldest) == 0 {
			if looked {
				break
			}
			looked = true
			d.lookLocked()
			continue
		}
		a := d.eldest[0]
		d.eldest = d.eldest[1:]
		_, open := d.open[a.c]
		_, closing := d.closing[a.c]
		free := open && !closing && a.c != but && !a.c.db.Pinned()
		if free && a.c.used.Load() == a.used { // else others are older by now
			d.closing[a.c] = struct{}{}
			victims = append(victims, a.c)
		}
	}
	return victims
}

// lookLocked finds the eldest.
func (d *databases) lookLocked() {
	all := make([]aged, 0, len(d.open))
	for c := range d.open {
		if _, closing := d.closing[c]; !closing {
			all = append(all, aged{c, c.used.Load()})
		}
	}
	slices.SortFunc(all, func(a, b aged) int { return cmp.Compare(a.used, b.used) })
	d.eldest = slices.Clone(all[:min(len(all), eldests)])
}

func (d *databases) close(c *cell) {
	if err := c.closeDB(context.Background()); err != nil {
		c.Logger().Error("closing a database that was not used lately", "cause", err)
		c.spoiled()
	}
	d.ended(c)
}

func (d *databases) ended(c *cell) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.closing, c)
	c.used.Store(d.tick())
	if d.changed != nil {
		close(d.changed)
		d.changed = nil
	}
}

func (d *databases) closed(c *cell) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.open, c)
	d.some.Store(int64(len(d.open)))
}

// Commits are in memory until a checkpoint writes them to an object's file: of all objects
// together about so many bytes, but of each it may be so many in any case.
const (
	logMemory    = 64 << 20
	minLogMemory = 64 << 10
)

// logMemory is what one object may have there.
func (d *databases) logMemory() int64 { return max(logMemory/max(d.some.Load(), 1), minLogMemory) }

// count is how many databases are open.
func (d *databases) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.open)
}
