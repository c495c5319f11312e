package catalog_test

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/durablego/do/internal/catalog"
	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/disk/disktest"
)

var (
	sequences = flag.Int("sequences", 10_000, "number of random sequences of programs")
	seed      = flag.Uint64("seed", 1, "of the first sequence")
)

// world is a data folder through a random sequence of programs, and what is known of it
// without looking at the plans: who got data when, and what was said of it since.
type world struct {
	t       *testing.T
	rng     *rand.Rand
	dir     string
	fs      disk.FS
	faulty  *disktest.Faulty
	record  *disktest.Recorder
	catalog *catalog.Catalog // nil: it is closed
	says    catalog.Declared
	spaces  map[string]*space // by unique key
	used    map[string]bool   // keys, without case
	steps   []string
}

// space is a namespace that was made.
type space struct {
	catalog.Namespace
	data bool // it has a folder, with an object
	gone bool // a tombstone was said of it
}

// TestRandomPlans starts random programs on a folder, one after the other, with power cuts
// at any moment of the catalog's work. Whatever they declare: data stays reachable under its
// stable id (P5), that changes only where PreviousIDs or MovedFrom say so (P3), data goes
// only by a Tombstone (P9), after a conflict all is as before (P8), the same program plans
// nothing more (P11), and a cut leaves the old or the new state (P6, P30).
func TestRandomPlans(t *testing.T) {
	n := *sequences
	if testing.Short() {
		n = min(n, 1000)
	}
	const shards = 4
	for shard := range shards {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			for i := shard; i < n; i += shards {
				runSequence(t, *seed+uint64(i))
			}
		})
	}
}

func runSequence(t *testing.T, seed uint64) {
	w := &world{t: t, rng: rand.New(rand.NewPCG(seed, 0)), spaces: map[string]*space{}, used: map[string]bool{}}
	w.dir = filepath.Join(string(filepath.Separator), "nowhere", "data")
	w.plug(disk.Mem())
	defer w.close()
	for range 1 + w.rng.IntN(4) {
		w.mutate()
		w.start()
		if t.Failed() {
			t.Fatalf("seed %d:\n%s", seed, strings.Join(w.steps, "\n"))
		}
	}
}

// plug has the world go on with a disk.
func (w *world) plug(fsys disk.FS) {
	w.close()
	w.faulty = disktest.NewFaulty(fsys)
	rec, err := disktest.NewRecorder(w.faulty, w.dir)
	if err != nil {
		w.t.Fatal(err)
	}
	w.fs, w.record = rec, rec
}

// start is an Open of a program, with luck.
func (w *world) start() {
	cut := ""
	if w.rng.IntN(8) == 0 {
		cut = w.cutLater()
	}
	plan, before, after := w.open()
	w.faulty.Hook(nil)
	w.steps = append(w.steps, fmt.Sprintf("%+v\n  plan %+v\n  cut %v", w.says, plan.Changes, cut != ""))
	if len(plan.Conflicts()) > 0 {
		if !maps.Equal(before, after) {
			w.t.Errorf("a conflict has changed the catalog: %v, was %v", after, before)
		}
		return
	}
	if cut != "" {
		w.revive(cut)
		if plan, now, again := w.open(); len(plan.Conflicts()) > 0 || !maps.Equal(again, after) ||
			!maps.Equal(now, before) && !maps.Equal(now, after) {
			w.t.Errorf("after a cut the catalog is %v, want %v or %v; the next start makes %v of it", now, before, after, again)
		}
	}
	w.follow(after)
	w.fill()
}

// open does what do.Open does, twice, and gives the live rows before and after.
func (w *world) open() (plan *catalog.Plan, before, after map[string]catalog.Namespace) {
	if err := w.fs.MkdirAll(w.dir); err != nil {
		w.t.Fatal(err)
	}
	if w.rng.IntN(4) == 0 {
		w.close() // else the file stays open from start to start, which costs less
	}
	if w.catalog == nil {
		c, err := catalog.Open(w.fs, w.dir)
		if err != nil {
			w.t.Fatal(err)
		}
		w.catalog = c
	}
	plan, before, after = w.apply(w.catalog)
	if len(plan.Conflicts()) > 0 {
		return plan, before, after
	}
	again, _, now := w.apply(w.catalog)
	for _, ch := range again.Changes {
		switch ch.Kind {
		case catalog.Keep, catalog.Orphan, catalog.Retire, catalog.Unused:
		default:
			w.t.Errorf("the second plan has %+v", ch)
		}
	}
	if !maps.Equal(now, after) {
		w.t.Errorf("the second start has changed the catalog: %v, was %v", now, after)
	}
	return plan, before, after
}

// close closes the catalog, if it is open.
func (w *world) close() {
	if w.catalog != nil {
		if err := w.catalog.Close(); err != nil {
			w.t.Fatal(err)
		}
	}
	w.catalog = nil
}

func (w *world) apply(c *catalog.Catalog) (plan *catalog.Plan, before, after map[string]catalog.Namespace) {
	found, err := c.Look(w.fs, w.dir)
	if err == nil {
		plan, err = catalog.Make(w.says, found)
	}
	if err == nil && len(plan.Conflicts()) == 0 {
		if err = c.Apply(plan); err == nil {
			_, err = c.Remove(w.fs, w.dir)
		}
		if err == nil {
			err = c.Mark(w.fs, w.dir)
		}
	}
	if err != nil {
		w.t.Fatal(err)
	}
	rows, err := c.Rows()
	if err != nil {
		w.t.Fatal(err)
	}
	return plan, live(found.Rows), live(rows)
}

// live gives the live rows by key.
func live(rows []catalog.Row) map[string]catalog.Namespace {
	live := map[string]catalog.Namespace{}
	for _, r := range rows {
		if r.State == catalog.Live {
			live[r.UniqueKey] = r.Namespace
		}
	}
	return live
}

// follow checks what a start without conflict has made of everything.
func (w *world) follow(after map[string]catalog.Namespace) {
	for key, now := range after {
		s := w.spaces[key]
		if s == nil {
			if w.used[strings.ToLower(key)] {
				w.t.Errorf("key %s is used again", key)
			}
			w.used[strings.ToLower(key)] = true
			w.spaces[key] = &space{Namespace: now}
			continue
		}
		if s.gone {
			w.t.Errorf("%s is back", key)
		}
		if (now.Script != s.Script || now.StableID != s.StableID || now.Environment != s.Environment) && !w.allowed(s.Namespace, now) {
			w.t.Errorf("%s was %s/%s and is %s/%s, and nobody said so", key, s.Script, s.StableID, now.Script, now.StableID)
		}
		s.Namespace = now
	}
	for key, s := range w.spaces {
		_, there := after[key]
		if there || s.gone {
			continue
		}
		if s.gone = slices.Contains(w.says.Tombstones, catalog.Mark{Script: s.Script, StableID: s.StableID}) &&
			s.Environment == w.says.Environment; !s.gone {
			w.t.Errorf("%s is gone, and nobody said so", key)
		}
	}
	for key, s := range w.spaces {
		_, err := w.fs.Stat(filepath.Join(w.dir, key, "object.sqlite"))
		if s.data && s.gone == (err == nil) {
			w.t.Errorf("%s: gone is %v, its file: %v", key, s.gone, err)
		}
	}
	for _, c := range w.says.Classes { // each declared class has its own, and that alone
		n := 0
		for _, now := range after {
			if now.Environment == c.Environment && now.Script == c.Script && now.StableID == c.StableID {
				n++
				if now.Class != c.Class || now.Binding != c.Binding {
					w.t.Errorf("%+v is declared as %+v", now, c.Namespace)
				}
			}
		}
		if n != 1 {
			w.t.Errorf("%s/%s has %d namespaces", c.Script, c.StableID, n)
		}
	}
}

// allowed says whether somebody declared that what was old is now new.
func (w *world) allowed(old, now catalog.Namespace) bool {
	return slices.ContainsFunc(w.says.Classes, func(c catalog.Class) bool {
		return c.Environment == old.Environment && c.Script == now.Script && c.StableID == now.StableID &&
			(old.Script == c.Script && slices.Contains(c.PreviousIDs, old.StableID) ||
				slices.ContainsFunc(c.MovedFrom, func(r catalog.Ref) bool { return r.Script == old.Script }))
	})
}

// fill gives some of the declared namespaces data: folder, identity, object.
func (w *world) fill() {
	for _, key := range slices.Sorted(maps.Keys(w.spaces)) {
		s := w.spaces[key]
		if s.data || s.gone || w.rng.IntN(2) == 0 {
			continue
		}
		folder := filepath.Join(w.dir, key)
		f, err := w.create(folder, s.Namespace)
		if err == nil {
			_, err = f.WriteAt([]byte(key), 0)
		}
		if err == nil {
			err = f.Sync()
		}
		if err == nil {
			err = w.fs.SyncDir(folder)
		}
		if err == nil {
			err = w.fs.SyncDir(w.dir)
		}
		if err != nil {
			w.t.Fatal(err)
		}
		s.data = true
	}
}

func (w *world) create(folder string, n catalog.Namespace) (disk.File, error) {
	if err := w.fs.MkdirAll(folder); err != nil {
		return nil, err
	}
	if err := catalog.WriteIdentity(w.fs, folder, n); err != nil {
		return nil, err
	}
	return w.fs.Open(filepath.Join(folder, "object.sqlite"), os.O_RDWR|os.O_CREATE)
}
