package do

import (
	"maps"
	"path/filepath"
	"slices"
	"sync"
)

// doubts are the objects about whom the indexes may be wrong, by the names of their main
// files below the data folder: from before their database is opened, or their files are
// changed some other way, until a row tells how they were left (L20).
type doubts struct {
	mu    sync.Mutex // guards following
	names map[string]struct{}

	noting chan struct{}       // holds a value while somebody writes UNCLEAN or uses what follows
	noted  map[string]struct{} // what UNCLEAN says, durably
}

func newDoubts() *doubts {
	return &doubts{names: map[string]struct{}{}, noting: make(chan struct{}, 1), noted: map[string]struct{}{}}
}

// note runs fn, which may write UNCLEAN, when nobody else does.
func (d *doubts) note(fn func() error) error {
	d.noting <- struct{}{} // no mutex: who waits here waits for I/O (D13)
	defer func() { <-d.noting }()
	return fn()
}

func (d *doubts) begin(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.names[name] = struct{}{}
}

func (d *doubts) end(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.names, name)
}

// among gives those of the names that are in doubt.
func (d *doubts) among(names map[string]struct{}) map[string]struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	found := map[string]struct{}{}
	for name := range names {
		if _, ok := d.names[name]; ok {
			found[name] = struct{}{}
		}
	}
	return found
}

// left gives all names.
func (d *doubts) left() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Sorted(maps.Keys(d.names))
}

// keep has more objects in doubt that are to be noted, and gives the names of all of those.
// REQUIRES: noting.
func (d *doubts) keep(names []string) []string {
	for _, name := range names {
		d.begin(name)
		d.noted[name] = struct{}{}
	}
	return slices.Sorted(maps.Keys(d.noted))
}

// noteDoubts has the next Open look at objects of whom the log is not going to speak any
// more, and at those it was told of before and that were still in doubt before the indexes were synced.
// REQUIRES: noting.
func (rt *Runtime) noteDoubts(names, still map[string]struct{}) error {
	d := rt.doubts
	fresh := false
	for name := range names {
		if _, ok := d.noted[name]; !ok {
			fresh = true
		}
	}
	if !fresh {
		return nil // it may say too much, never too little
	}
	all := still
	maps.Copy(all, names)
	if err := rt.tidy(slices.Sorted(maps.Keys(all))); err != nil {
		return err
	}
	d.noted = all
	return nil
}

// file is the name of an object's main file below the data folder.
func (c *cell) file() string { return c.served.fileOf(c.id) }

func (s *served) fileOf(id ID) string {
	return filepath.Join(filepath.Base(s.dir), id.String()+objectSuffix)
}

// doubt says that files of the object are about to be opened or changed.
func (c *cell) doubt() { c.served.rt.doubts.begin(c.file()) }

// trust says that the files are closed, and that the index was told what they are like.
func (c *cell) trust() { c.served.rt.doubts.end(c.file()) }
