package engine_test

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/durablego/do/internal/commitlog"
	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/durable"
	"github.com/durablego/do/internal/engine"
	"github.com/durablego/do/internal/gate"
)

var (
	seedFlag  = flag.Uint64("seed", 0, "run the random histories of this seed only")
	roundFlag = flag.Int("rounds", 4, "number of random histories of each kind")
)

// histories runs fn for many seeds, or for the one of the flag.
func histories(t *testing.T, fn func(t *testing.T, rng *rand.Rand)) {
	first, n := uint64(1), uint64(*roundFlag)
	if *seedFlag != 0 {
		first, n = *seedFlag, 1
	} else if testing.Short() {
		n = (n + 1) / 2
	}
	for seed := first; seed < first+n; seed++ {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			t.Parallel()
			fn(t, rand.New(rand.NewPCG(seed, 0)))
		})
	}
}

// T13–T16, T34.8, T34.13: whatever a power cut leaves that the syncs made so far allow,
// the database opens, is sound, has every commit whose ticket is open, and ends with a
// whole commit; after a recovery, with none that was refused.
func TestPowerCut(t *testing.T) {
	for _, mode := range []struct {
		name string
		historyOptions
	}{
		{"fsync", historyOptions{midway: 6}},
		{"relaxed", historyOptions{midway: 6, relaxed: true}},
		{"faults", historyOptions{midway: 6, faults: true}},
		{"relaxed faults", historyOptions{midway: 6, relaxed: true, faults: true}},
		{"shared", historyOptions{midway: 6, shared: true}},
		{"shared faults", historyOptions{midway: 6, shared: true, faults: true}},
	} {
		t.Run(mode.name, func(t *testing.T) {
			histories(t, func(t *testing.T, rng *rand.Rand) {
				h := newHistory(t, rng, mode.historyOptions)
				for range 40 {
					h.step()
				}
				h.finish()
			})
		})
	}
}

// cut cuts the power in a copy of the world, starts again and looks what is there.
// REQUIRES: mu held.
func (h *history) cut(crash bool) {
	if h.wrong != "" {
		return
	}
	h.cuts++
	opened := h.gate.Opened() // before the cut: the background goes on
	dst := filepath.Join(h.dir+"-cut", fmt.Sprint(h.cuts))
	var err error
	if crash {
		err = h.rec.Crash(dst)
	} else {
		err = h.rec.PowerCut(h.rnd, dst)
	}
	if err == nil {
		err = h.inspect(dst, opened)
	}
	if err != nil {
		h.wrong = fmt.Sprintf("power cut %d: %v", h.cuts, err)
		return
	}
	_ = os.RemoveAll(dst)
}

// lazy is a disk that does not sync: what is looked at and thrown away needs none.
type lazy struct{ disk.FS }

type lazyFile struct{ disk.File }

func (l lazy) Open(name string, flag int) (disk.File, error) {
	f, err := l.FS.Open(name, flag)
	return lazyFile{f}, err
}

func (lazy) SyncDir(string) error { return nil }

func (lazyFile) Sync() error { return nil }

// inspect starts on what a power cut left, when tickets up to opened were open.
func (h *history) inspect(dir string, opened uint64) error {
	path := filepath.Join(dir, "a.sqlite")
	if h.shared {
		commits := filepath.Join(dir, "commits")
		if _, err := commitlog.Replay(lazy{disk.OS()}, dir, commits); err != nil {
			return err
		}
		if err := commitlog.Remove(lazy{disk.OS()}, commits); err != nil {
			return err
		}
	}
	db := engine.New(engine.Options{
		FS: lazy{disk.OS()}, Path: path, Folder: durable.NewFolder(lazy{disk.OS()}, dir),
		Opener: durable.Relaxed(), Gate: new(gate.Gate),
	})
	got, err := h.content(db.Session(nil))
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	if err := db.Close(ctx); err != nil {
		return fmt.Errorf("close: %w", err)
	}
	if err := quickCheck(path); err != nil {
		return err
	}
	for i := len(h.states) - 1; i >= 0; i-- {
		s := h.states[i]
		if maps.Equal(got, s.data) {
			return nil
		}
		if !h.relaxed && s.ticket <= opened && !h.brokenTicket(s.ticket) {
			break // older ones must not come back
		}
	}
	if h.maybe != nil && maps.Equal(got, h.maybe.data) {
		return nil
	}
	return fmt.Errorf("left %v; opened up to %d of %v", keys(got), opened, h.describe())
}

func (h *history) describe() (s []string) {
	for _, st := range h.states {
		s = append(s, fmt.Sprint(st.ticket, keys(st.data)))
	}
	return s
}

// keys describes a content in short.
func keys(data map[string]string) (s []string) {
	for _, k := range slices.Sorted(maps.Keys(data)) {
		v := data[k]
		s = append(s, fmt.Sprintf("%s=%.1s×%d", k, v, len(v)))
	}
	return s
}
