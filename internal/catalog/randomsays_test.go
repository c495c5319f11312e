package catalog_test

import (
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/durablego/do/internal/catalog"
	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/disk/disktest"
)

// pick gives one of some.
func pick[T any](rng *rand.Rand, some ...T) T { return some[rng.IntN(len(some))] }

func (w *world) anyScript() string { return pick(w.rng, "s", "t") }
func (w *world) anyID() string     { return pick(w.rng, "a", "b", "A", "c:d") }
func (w *world) anyName() string   { return pick(w.rng, "X", "Y", "Z") }

// mutate changes what the program says.
func (w *world) mutate() {
	for range 1 + w.rng.IntN(4) {
		d := &w.says
		i := -1
		if len(d.Classes) > 0 {
			i = w.rng.IntN(len(d.Classes))
		}
		switch n := w.rng.IntN(16); {
		case n < 4 || i < 0:
			d.Classes = append(d.Classes, catalog.Class{Namespace: catalog.Namespace{
				Script: w.anyScript(), StableID: w.anyID(), Class: w.anyName(), Binding: w.anyName()}})
		case n == 4:
			d.Classes = slices.Delete(d.Classes, i, i+1)
		case n == 5:
			d.Classes[i].Class = w.anyName()
		case n == 6:
			d.Classes[i].Binding = w.anyName()
		case n == 7:
			d.Classes[i].StableID = w.anyID()
		case n == 8:
			d.Classes[i].PreviousIDs = append(d.Classes[i].PreviousIDs, d.Classes[i].StableID)
			d.Classes[i].StableID = w.anyID()
		case n == 9:
			d.Classes[i].MovedFrom = append(d.Classes[i].MovedFrom, pick(w.rng,
				catalog.Ref{Script: d.Classes[i].Script, StableID: d.Classes[i].StableID},
				catalog.Ref{Script: d.Classes[i].Script, Class: d.Classes[i].Class},
				catalog.Ref{Script: d.Classes[i].Script}))
			d.Classes[i].Script = w.anyScript()
		case n == 10:
			j := w.rng.IntN(len(d.Classes)) // a swap
			d.Classes[i].Class, d.Classes[j].Class = d.Classes[j].Class, d.Classes[i].Class
		case n == 11:
			d.Links = append(d.Links, catalog.Link{Script: w.anyScript(), Binding: w.anyName(),
				To: catalog.Ref{Script: d.Classes[i].Script, Class: d.Classes[i].Class}})
		case n == 12:
			d.Tombstones = append(d.Tombstones, catalog.Mark{Script: w.anyScript(), StableID: w.anyID()})
		case n == 13:
			d.Retired = append(d.Retired, catalog.Mark{Script: w.anyScript(), StableID: w.anyID()})
		case n == 14:
			*d = catalog.Declared{Environment: pick(w.rng, "", "p"), Classes: slices.Clone(d.Classes)}
		case n == 15:
			w.loseCatalog()
		}
	}
	w.settle()
}

// settle makes of it what Script would let pass, and forgets most marks.
func (w *world) settle() {
	d := &w.says
	type place struct{ script, name string }
	ids, bindings := map[place]bool{}, map[place]bool{}
	d.Classes = slices.DeleteFunc(slices.Clone(d.Classes), func(c catalog.Class) bool {
		id, binding := place{c.Script, c.StableID}, place{c.Script, c.Binding}
		twice := ids[id] || bindings[binding]
		ids[id], bindings[binding] = true, true
		return twice
	})
	for i := range d.Classes {
		d.Classes[i].Environment = d.Environment
	}
	declared := func(m catalog.Mark) bool { return ids[place{m.Script, m.StableID}] && w.rng.IntN(8) > 0 }
	d.Tombstones = slices.DeleteFunc(slices.Clone(d.Tombstones), declared)
	d.Retired = slices.DeleteFunc(slices.Clone(d.Retired), func(m catalog.Mark) bool {
		return declared(m) || slices.Contains(d.Tombstones, m)
	})
	if w.rng.IntN(3) == 0 {
		d.Tombstones, d.Links = nil, nil
	}
}

// loseCatalog loses it: only what has a folder is known then.
func (w *world) loseCatalog() {
	w.close()
	if err := w.fs.Remove(filepath.Join(w.dir, catalog.File)); err != nil {
		return // there is none yet
	}
	for key, s := range w.spaces {
		if !s.data || s.gone {
			delete(w.spaces, key)
		}
	}
	clear(w.used)
	for key := range w.spaces {
		w.used[strings.ToLower(key)] = true
	}
	if err := w.fs.SyncDir(w.dir); err != nil {
		w.t.Fatal(err)
	}
}

// cutLater has the power cut at some moment of what comes, or after it. The state that it
// leaves is in the folder whose name it gives.
func (w *world) cutLater() string {
	left, done := filepath.Join(w.t.TempDir(), "left"), false
	cut := func() {
		if done = true; w.record.PowerCut(w.rng, left) != nil {
			w.t.Error("the power cannot be cut")
		}
	}
	n := w.rng.IntN(30)
	w.faulty.Hook(func(op disktest.Op, name string) error {
		switch op { // the recorder can be asked during these only
		case disktest.Write, disktest.Truncate, disktest.Sync, disktest.SyncDir:
			if n--; n < 0 && !done {
				cut()
			}
		}
		return nil
	})
	return left
}

// revive goes on with what a power cut has left; if it was not cut in time, it is now.
func (w *world) revive(left string) {
	if _, err := os.Stat(left); err != nil {
		if err := w.record.PowerCut(w.rng, left); err != nil {
			w.t.Fatal(err)
		}
	}
	w.plug(disk.Mem())
	err := filepath.WalkDir(left, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(left, path)
		if err != nil {
			return err
		}
		to := filepath.Join(w.dir, rel)
		if d.IsDir() {
			return w.fs.MkdirAll(to)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		f, err := w.fs.Open(to, os.O_RDWR|os.O_CREATE)
		if err == nil {
			_, err = f.WriteAt(b, 0)
		}
		if err == nil {
			err = f.Sync()
		}
		if err == nil {
			err = w.fs.SyncDir(filepath.Dir(to))
		}
		return err
	})
	if err == nil {
		err = w.fs.SyncDir(w.dir)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}
