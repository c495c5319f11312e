package index_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/disk/disktest"
	"github.com/durablego/do/internal/index"
	"github.com/durablego/do/internal/sqlite"
)

var seeds = flag.Int("seeds", 20, "number of random histories of each kind")

// history is a random life of an index with a few objects.
type history struct {
	t      *testing.T
	rng    *rand.Rand
	dir    string
	faulty *disktest.Faulty
	record *disktest.Recorder
	x      *index.Index
	now    map[int]index.Row   // as it should be
	since  map[int][]index.Row // what each row has been since the last good Sync, then included; without ID: none
	faults bool
}

const objects = 6

func newHistory(t *testing.T, rng *rand.Rand, faults bool) *history {
	h := &history{t: t, rng: rng, dir: t.TempDir(), faults: faults, now: map[int]index.Row{}, since: map[int][]index.Row{}}
	h.faulty = disktest.NewFaulty(disktest.NoSync(disk.OS()))
	var err error
	if h.record, err = disktest.NewRecorder(h.faulty, h.dir); err != nil {
		t.Fatal(err)
	}
	h.x = index.New(index.Options{FS: h.record, Path: filepath.Join(h.dir, index.File)})
	h.x.Idle() // the history is of one goroutine
	t.Cleanup(func() { h.x.Close() })
	h.durable()
	h.faulty.Hook(func(op disktest.Op, name string) error {
		if (op == disktest.Write || op == disktest.Sync) && rng.IntN(8) == 0 {
			h.cut() // in the middle of something
		}
		return nil
	})
	return h
}

// durable says that what is now is durable.
func (h *history) durable() {
	for n := range objects {
		h.since[n] = []index.Row{h.now[n]}
	}
}

func (h *history) step() {
	n := h.rng.IntN(objects)
	stamp := h.rng.Int64()
	r, exists := h.now[n]
	switch h.rng.IntN(13) {
	case 0, 1:
		r = index.Row{ID: id(n + 1), Name: fmt.Sprint("n", stamp), Created: stamp, Used: stamp, Size: stamp}
		h.x.Put(r)
		h.now[n] = r
	case 2, 3:
		if !exists {
			r = index.Row{ID: id(n + 1), Created: stamp}
		}
		r.Used, r.Size = max(r.Used, stamp), stamp
		h.x.Saw(id(n+1), "", stamp, stamp)
		h.now[n] = r
	case 4:
		h.x.Used(id(n+1), stamp)
		if exists {
			r.Used = max(r.Used, stamp)
			h.now[n] = r
		}
	case 5:
		h.x.Remove(id(n + 1))
		delete(h.now, n)
	case 6, 7:
		h.expect("Flush", h.x.Flush(ctx))
	case 8:
		if err := h.x.Sync(ctx); err == nil {
			h.durable()
		} else {
			h.expect("Sync", err)
		}
	case 9:
		if err := h.x.Close(); err == nil {
			h.durable()
		} else {
			h.faulty.Clear()
			h.expect("Close", err)
			return // what was pending is lost, as after an unclean stop
		}
		h.x = index.New(index.Options{FS: h.record, Path: filepath.Join(h.dir, index.File)})
		h.x.Idle()
	case 10:
		if h.faults {
			ops := []disktest.Op{disktest.Write, disktest.Sync, disktest.SyncDir, disktest.Open, disktest.Remove, disktest.Truncate}
			h.faulty.Fail(disktest.Fault{Op: ops[h.rng.IntN(len(ops))], N: 1 + h.rng.IntN(4), Short: h.rng.IntN(2) == 0})
		}
	case 11:
		h.cut()
	case 12:
		time.Sleep(time.Second) // what is pending is written in the background
		synctest.Wait()
	}
	h.since[n] = append(h.since[n], h.now[n])
}

// expect allows an error if there are faults.
func (h *history) expect(what string, err error) {
	h.t.Helper()
	if err != nil && !h.faults {
		h.t.Errorf("%s: %v", what, err)
	}
}

// check compares the list with what it should be.
func (h *history) check() {
	h.t.Helper()
	var rows []index.Row
	for after, limit := (index.ID{}), 1+h.rng.IntN(objects); ; {
		page, err := h.x.List(ctx, after, limit)
		if err != nil {
			h.expect("List", err)
			h.faulty.Clear()
			continue
		}
		if rows = append(rows, page...); len(page) < limit {
			break
		}
		after = page[limit-1].ID
	}
	var all []index.Row
	for n := range objects {
		if r, ok := h.now[n]; ok {
			all = append(all, r)
		}
	}
	if !slices.Equal(rows, all) {
		h.t.Fatalf("List = %+v\nwant %+v", rows, all)
	}
}

// cut looks at what a power cut might leave now.
func (h *history) cut() {
	h.t.Helper()
	dir := h.t.TempDir()
	if err := h.record.PowerCut(h.rng, dir); err != nil {
		h.t.Fatal(err)
	}
	path := filepath.Join(dir, index.File)
	if _, err := index.Examine(disk.OS(), path); err != nil {
		h.t.Fatal(err)
	}
	x := index.New(index.Options{FS: disktest.NoSync(disk.OS()), Path: path})
	for n := range objects {
		r, _, err := x.Get(ctx, id(n+1))
		if err != nil {
			h.t.Fatalf("after a power cut: %v", err)
		}
		if !slices.Contains(h.since[n], r) {
			h.t.Fatalf("after a power cut row %d is %+v, want one of %+v", n, r, h.since[n])
		}
	}
	if err := x.Close(); err != nil {
		h.t.Fatal(err)
	}
	if lost, err := index.Examine(disk.OS(), path); lost || err != nil {
		return // there never was one
	}
	conn, err := sqlite.Open(path, sqlite.Options{FS: disk.OS(), WAL: true})
	if err != nil {
		h.t.Fatal(err)
	}
	defer conn.Close()
	s, _, err := conn.Prepare("PRAGMA integrity_check")
	if err != nil {
		h.t.Fatal(err)
	}
	if row, err := s.Step(); err != nil || !row || s.ColumnText(0) != "ok" {
		h.t.Fatalf("integrity_check: %q, %v", s.ColumnText(0), err)
	}
}

func (h *history) run() {
	for range 150 {
		h.step()
		if h.x.Closed() {
			return
		}
		h.check()
	}
	h.faulty.Clear()
	if err := h.x.Sync(ctx); err != nil {
		h.t.Fatalf("Sync without faults: %v", err)
	}
	h.durable()
	for range 4 {
		h.cut()
	}
}

// L20: whatever a power cut leaves, the index is sound, has every row as the last good Sync
// made it or newer, and nothing that was never so. Faults of the disk change nothing about
// that, and what they hinder is not forgotten.
func TestL20PowerCut(t *testing.T) {
	for _, faults := range []bool{false, true} {
		for seed := range uint64(*seeds) {
			t.Run(fmt.Sprintf("faults=%v seed=%d", faults, seed), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { // so that time does not pass by itself
					newHistory(t, rand.New(rand.NewPCG(seed, 7)), faults).run()
				})
			})
		}
	}
}

// L20: a power cut in the making of the file leaves none, or a whole one.
func TestL20PowerCutAtTheFirstRow(t *testing.T) {
	dir := t.TempDir()
	faulty := disktest.NewFaulty(disktest.NoSync(disk.OS()))
	record, err := disktest.NewRecorder(faulty, dir)
	if err != nil {
		t.Fatal(err)
	}
	faulty.Hook(func(op disktest.Op, name string) error {
		if op != disktest.Write && op != disktest.Sync {
			return nil
		}
		for seed := range uint64(25) {
			after := t.TempDir()
			if err := record.PowerCut(rand.New(rand.NewPCG(seed, 1)), after); err != nil {
				t.Error(err)
			}
			x := index.New(index.Options{FS: disktest.NoSync(disk.OS()), Path: filepath.Join(after, index.File)})
			if _, _, err := x.Get(ctx, id(1)); err != nil {
				t.Errorf("before the %v of %s, seed %d: %v", op, filepath.Base(name), seed, err)
			}
			x.Put(row(2))
			if err := x.Close(); err != nil {
				t.Errorf("before the %v of %s, seed %d: %v", op, filepath.Base(name), seed, err)
			}
		}
		return nil
	})
	x := open(t, record, dir)
	x.Put(row(1))
	want(t, x.Sync(ctx))
}
