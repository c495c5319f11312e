package crash

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
	"github.com/durablego/do/internal/bridge"
	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/disk/disktest"
)

var cuts = flag.Int("cuts", usually(40), "how many power cuts TestPowerCut simulates in each of its modes")

// lazy is a disk whose syncs do nothing but take some time, and may fail: what is synced is
// known above it. It tells when commits were copied into a main file, nil for nobody.
type lazy struct {
	disk.FS
	sync   func() error
	copied chan<- struct{}
}

type lazyFile struct {
	disk.File
	lazy
	main bool
}

func (l lazy) Open(name string, flag int) (disk.File, error) {
	f, err := l.FS.Open(name, flag)
	if err != nil {
		return nil, err
	}
	return lazyFile{f, l, len(filepath.Base(name)) > 64 && strings.HasSuffix(name, ".sqlite")}, nil
}

func (l lazy) SyncDir(string) error { return l.sync() }
func (f lazyFile) Sync() error      { return f.sync() }

func (f lazyFile) WriteAt(p []byte, off int64) (int, error) {
	if f.main {
		select {
		case f.copied <- struct{}{}:
		default:
		}
	}
	return f.File.WriteAt(p, off)
}

func atOnce() error { return nil }

// dice are random numbers for many goroutines.
type dice struct {
	unlucky atomic.Bool // syncs may fail

	mu  sync.Mutex // guards rng
	rng *rand.Rand
}

// sync takes up to 5 ms, and fails once in a while.
func (d *dice) sync() error {
	time.Sleep(d.below(5 * time.Millisecond))
	if d.unlucky.Load() && d.below(100) == 0 {
		return syscall.EIO
	}
	return nil
}

// below gives a time from 0 to limit.
func (d *dice) below(limit time.Duration) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return time.Duration(d.rng.Int64N(int64(limit)))
}

// left is what a power cut left, and what is known of it.
type left struct {
	dir             string
	answered, asked *notes
}

// TestPowerCut cuts the power again and again while ledgers are at work, checkpoints,
// closings and evictions included, on a disk whose syncs take their time or fail. Each cut leaves
// some state that the syncs so far allow: what was answered before it must be there, by
// whole entries (T13, T15, T16, T34.13). In a Relaxed runtime answers promise nothing
// against a power cut, but entries are whole all the same (T21). With short segments of the
// commit log cuts also come while it is written out.
func TestPowerCut(t *testing.T) {
	for _, c := range []struct {
		relaxed    bool
		checkpoint int64 // CheckpointBytes
		segment    int64 // of the commit log; 0: so large that none is ever complete
	}{
		{false, 9_000, 0},
		{false, 100_000, 0},
		{false, 9_000, 64 << 10},
		{false, 100_000, 64 << 10},
		{true, 20_000, 0},
	} {
		t.Run(fmt.Sprintf("Relaxed %v, checkpoints at %d, segments of %d", c.relaxed, c.checkpoint, c.segment), func(t *testing.T) {
			rng, known := newRand(t), newNotes()
			var all []left
			dir := t.TempDir() // that of the bubble's t goes with the bubble
			synctest.Test(t, func(t *testing.T) { all = cutPower(t, dir, rng, known, c.relaxed, c.checkpoint, c.segment) })
			answered := 0
			for i, l := range all {
				for _, entries := range l.answered.answered {
					answered = max(answered, len(entries))
				}
				if c.relaxed {
					l.answered = newNotes()
				}
				t.Run(fmt.Sprint(i), func(t *testing.T) { lookAtLeft(t, l, rng) })
			}
			t.Logf("%d cuts, %d entries asked for, at most %d answered per ledger", len(all), known.count, answered)
			if answered < 5 {
				t.Error("there was no load")
			}
		})
	}
}

// cutPower runs ledgers in a bubble and gives what the power cuts left.
func cutPower(t *testing.T, dir string, rng *rand.Rand, known *notes, relaxed bool, checkpoint, segment int64) (all []left) {
	d := &dice{rng: rand.New(rand.NewPCG(rng.Uint64(), 0))}
	copied := make(chan struct{})
	record, err := disktest.NewRecorder(lazy{disk.OS(), d.sync, copied}, filepath.Join(dir, "data"))
	if err != nil {
		t.Fatal(err)
	}
	o := options(filepath.Join(dir, "data"))
	o.Relaxed, o.CheckpointBytes, o.Logger = relaxed, checkpoint, slog.New(slog.DiscardHandler)
	opened, _, err := bridge.Open(o, bridge.Config{FS: record, SegmentBytes: segment})
	if err != nil {
		t.Fatal(err)
	}
	rt := opened.(*do.Runtime)
	first := rt.Namespace(binding).GetByName("first")
	if _, err := do.Call(t.Context(), first, (*ledger).Do, entry{Op: "count"}); err != nil { // it makes the folder
		t.Fatal(err)
	}
	d.unlucky.Store(true)
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for range clients {
		mine := rand.New(rand.NewPCG(rng.Uint64(), 0))
		wg.Go(func() {
			for ctx.Err() == nil {
				name, e := known.next(mine)
				_, err := do.Call(context.Background(), rt.Namespace(binding).GetByName(name), (*ledger).Do, e)
				switch {
				case err == nil:
					known.done(name, e)
				case !errors.Is(err, syscall.EIO): // else it may be there after the cut, or not
					t.Errorf("%+v: %v", e, err)
				}
				time.Sleep(d.below(40 * time.Millisecond)) // some ledgers go idle meanwhile
			}
		})
	}
	for i := range *cuts {
		if i%2 == 0 {
			time.Sleep(d.below(60 * time.Millisecond))
		} else { // while the disk may not know of it yet (T16)
			<-copied
			time.Sleep(d.below(10 * time.Millisecond))
		}
		l := left{dir: filepath.Join(dir, strconv.Itoa(i)), answered: known.copy()}
		if err := record.PowerCut(rng, l.dir); err != nil {
			t.Fatal(err)
		}
		l.asked = known.copy() // also what was asked for just before the cut
		all = append(all, l)
	}
	stop()
	wg.Wait()
	d.unlucky.Store(false)
	if err := rt.Close(context.Background()); err != nil {
		t.Error(err)
	}
	return all
}

// lookAtLeft opens what a power cut left, cuts the power while it recovers, and opens what
// that left.
func lookAtLeft(t *testing.T, l left, rng *rand.Rand) {
	record, err := disktest.NewRecorder(lazy{disk.OS(), atOnce, nil}, l.dir)
	if err != nil {
		t.Fatal(err)
	}
	opened, _, err := bridge.Open(options(l.dir), bridge.Config{FS: record})
	if err != nil {
		t.Fatal(err)
	}
	rt := opened.(*do.Runtime)
	second := left{dir: filepath.Join(t.TempDir(), "second"), answered: l.answered, asked: l.asked}
	at := rng.IntN(ledgers)
	for i := range ledgers {
		if i == at {
			if err := record.PowerCut(rng, second.dir); err != nil {
				t.Fatal(err)
			}
		}
		lookAtLedger(t, rt, l, ledgerName(i))
	}
	if err := rt.Close(context.Background()); err != nil {
		t.Error(err)
	}
	env := dotest.New(t, dotest.Options{Runtime: options(second.dir)}) // runs quick_check at the end
	for i := range ledgers {
		lookAtLedger(t, env.Runtime(), second, ledgerName(i))
	}
}

func lookAtLedger(t *testing.T, rt *do.Runtime, l left, name string) {
	t.Helper()
	b, err := do.Call0(t.Context(), rt.Namespace(binding).GetByName(name), (*ledger).Book)
	if err == nil {
		err = b.check(l.answered.answered[name], l.asked.asked[name])
	}
	if err != nil {
		t.Errorf("%s: %v", name, err)
	}
}

// errCut ends an Open whose power was cut.
var errCut = errors.New("the power was cut")

// TestPowerCutAtOpen cuts the power before each operation of a folder's first Open, and in
// several ways each: the folder can be opened, and works.
func TestPowerCutAtOpen(t *testing.T) {
	rng := newRand(t)
	for n := 1; ; n++ {
		for range 5 {
			dir, after := t.TempDir(), filepath.Join(t.TempDir(), "after")
			record, err := disktest.NewRecorder(lazy{disk.OS(), atOnce, nil}, dir)
			if err != nil {
				t.Fatal(err)
			}
			faulty, operations, cut := disktest.NewFaulty(record), 0, false
			var mu sync.Mutex // alarms are read in the background
			faulty.Hook(func(disktest.Op, string) error {
				mu.Lock()
				defer mu.Unlock()
				if operations++; operations < n {
					return nil
				}
				if !cut {
					cut = true
					if err := record.PowerCut(rng, after); err != nil {
						t.Error(err)
					}
				}
				return errCut
			})
			opened, _, err := bridge.Open(options(dir), bridge.Config{FS: faulty})
			faulty.Hook(nil)
			if err == nil {
				if err := opened.(*do.Runtime).Close(context.Background()); err != nil {
					t.Error(err)
				}
			}
			if !cut {
				t.Logf("%d operations", n-1)
				return
			}
			rt, err := do.Open(options(after))
			if err != nil {
				t.Fatalf("power cut before operation %d: the next Open = %v", n, err)
			}
			name := ledgerName(0)
			if _, err := do.Call(t.Context(), rt.Namespace(binding).GetByName(name), (*ledger).Do, entry{Op: "count", ID: "x"}); err != nil {
				t.Error(err)
			}
			if err := rt.Close(context.Background()); err != nil {
				t.Error(err)
			}
		}
	}
}
