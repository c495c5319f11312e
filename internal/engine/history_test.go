package engine_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/disk/disktest"
	"github.com/durablego/do/internal/durable"
	"github.com/durablego/do/internal/durable/durabletest"
	"github.com/durablego/do/internal/engine"
	"github.com/durablego/do/internal/gate"
)

// history runs random turns, syncs, checkpoints, closings and failures against one
// database, beside a model of what was committed. At every moment it knows which states
// may be found after a power cut:
//
//   - the one of the newest open ticket or a newer one: what was answered for is there;
//   - a commit as a whole or not at all;
//   - after Recover, none of the commits that were refused (T15, T34.7, T34.8).
//
// Power cuts happen between its steps and before operations of the disk in their midst.
type history struct {
	historyOptions
	t      *testing.T
	rng    *rand.Rand
	dir    string
	faulty *disktest.Faulty // below the recorder: it fails
	rec    *disktest.Recorder
	manual *durabletest.Manual
	log    *durable.Shared // the opener, if the history has one
	gate   *gate.Gate
	db     *engine.DB
	s      *engine.Session
	notes  []string

	mu     sync.Mutex // guards following: there are syncs in the background
	states []state    // committed, and not refused; the first is the empty one
	maybe  *state     // of a commit that runs or failed: may be there until Recover has succeeded
	rnd    *rand.Rand // of the power cuts
	cuts   int        // simulated so far
	wrong  string     // what the first bad one left
}

type historyOptions struct {
	relaxed  bool
	shared   bool // commits go to a log shared with others, of very short segments
	faults   bool // arm a fault now and then
	midway   int  // cut the power before every midway-th operation of the disk; 0: never
	oneFault bool // none but those the test armed, and fewer power cuts
}

// state is the content after a commit.
type state struct {
	ticket uint64
	data   map[string]string
}

func newHistory(t *testing.T, rng *rand.Rand, ho historyOptions) *history {
	h := &history{
		historyOptions: ho, t: t, rng: rng, rnd: rand.New(rand.NewPCG(rng.Uint64(), 1)), dir: t.TempDir(),
		manual: new(durabletest.Manual), gate: new(gate.Gate),
		states: []state{{data: map[string]string{}}},
	}
	h.faulty = disktest.NewFaulty(disk.Mem())
	var err error
	if h.rec, err = disktest.NewRecorder(h.faulty, h.dir); err != nil {
		t.Fatal(err)
	}
	above := disktest.NewFaulty(h.rec)
	if h.midway > 0 {
		above.Hook(func(op disktest.Op, name string) error {
			h.mu.Lock()
			defer h.mu.Unlock()
			if op != disktest.Stat && op != disktest.Read && h.rnd.IntN(h.midway) == 0 {
				h.cut(false)
			}
			return nil
		})
	}
	o := engine.Options{
		FS: above, Path: filepath.Join(h.dir, "a.sqlite"), Folder: durable.NewFolder(above, h.dir),
		Opener: h.manual, Gate: h.gate, CheckpointBytes: 30 << 10,
	}
	if h.relaxed {
		o.Opener = durable.Relaxed()
	}
	if h.shared {
		h.log = durable.NewShared(durable.SharedOptions{
			FS: above, Root: h.dir, Dir: filepath.Join(h.dir, "commits"), SegmentBytes: 40 << 10,
		})
		o.Opener = h.log
	}
	h.db = engine.New(o)
	h.s = h.db.Session(nil)
	h.db.SetName("history")
	return h
}

func (h *history) note(format string, args ...any) {
	h.notes = append(h.notes, fmt.Sprintf(format, args...))
}

func (h *history) fatalf(format string, args ...any) {
	h.t.Helper()
	for _, line := range h.notes {
		h.t.Log(line)
	}
	h.t.Fatalf(format, args...)
}

func (h *history) last() state { return h.states[len(h.states)-1] }

// after cuts the power between two steps.
func (h *history) after() {
	h.mu.Lock()
	if !h.oneFault || h.rnd.IntN(8) == 0 {
		h.cut(true)
		h.cut(false)
	}
	wrong := h.wrong
	h.mu.Unlock()
	if wrong != "" {
		h.fatalf("%s", wrong)
	}
}

// finish repairs the disk and looks whether the object is well.
func (h *history) finish() {
	h.faulty.Clear()
	for h.db.Broken() != nil {
		h.recover()
	}
	h.note("the disk is well again")
	h.turn()
	h.planned("last close", func() error { return h.db.Close(ctx) })
	if err := h.db.Broken(); err != nil && h.shared {
		h.recover() // something in the background met a fault before
		h.turn()
	}
	if err := h.db.Broken(); err != nil {
		h.fatalf("broken on a good disk: %v", err)
	}
	got, err := h.content(h.s)
	if err != nil || !maps.Equal(got, h.last().data) {
		h.fatalf("at the end the content is %v, %v; want %v", keys(got), err, keys(h.last().data))
	}
	h.planned("last close", func() error { return h.db.Close(ctx) })
	if h.shared {
		h.closeLog()
	}
}

// closeLog ends the shared log, after which a plain main file is all that is left.
func (h *history) closeLog() {
	if err := h.log.Close(); err != nil {
		h.fatalf("Close of the log: %v", err)
	}
	files, err := h.rec.ReadDir(h.dir)
	logs, lerr := h.rec.ReadDir(filepath.Join(h.dir, "commits"))
	if err != nil || slices.Contains(files, "a.sqlite-wal") || len(logs) > 0 {
		h.fatalf("at the end there are %v, %v, and %v, %v", files, err, logs, lerr)
	}
	if err := h.db.Close(ctx); err != nil {
		h.fatalf("Close: %v", err)
	}
}

// change changes what is known of the states.
func (h *history) change(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f()
}

// fault arms a random fault.
func (h *history) fault() {
	f := disktest.Fault{
		Op: disktest.Op(h.rng.IntN(int(disktest.Stat) + 1)), N: h.rng.IntN(6) + 1, Short: h.rng.IntN(2) == 0,
	}
	if h.rng.IntN(3) == 0 {
		f.Err = syscall.ENOSPC
	}
	if h.rng.IntN(3) == 0 {
		f.Count = h.rng.IntN(4) + 1
	}
	h.note("fault: %d of %s from the next %d", f.Count, f.Op, f.N)
	h.faulty.Fail(f)
}

// step does one random thing.
func (h *history) step() {
	if h.faults && h.rng.IntN(4) == 0 {
		h.fault()
	}
	switch n := h.rng.IntN(20); {
	case n < 11:
		h.turn()
	case n < 15:
		h.sync()
	case n < 17:
		h.planned("checkpoint", func() error { return h.db.Checkpoint(ctx) })
	case n < 19:
		h.planned("close", func() error { return h.db.Close(ctx) })
	default:
		h.note("panic")
		h.turnUntilCommit()
		h.recover()
	}
	h.after()
	if h.db.WantsCheckpoint() {
		h.planned("wanted checkpoint", func() error { return h.db.Checkpoint(ctx) })
		h.after()
	}
	for h.db.Broken() != nil {
		h.recover()
		h.after()
	}
}

// turn writes and commits.
func (h *history) turn() {
	pending, ok := h.turnUntilCommit()
	if !ok {
		return
	}
	h.change(func() { h.maybe = &state{data: pending} })
	ticket, wrote, err := h.s.Commit()
	h.note("commit %v: ticket %d %v %v", keys(pending), ticket, wrote, err)
	switch {
	case err != nil:
		if h.db.Broken() == nil {
			h.fatalf("failed commit %v did not break the database", err)
		}
	case wrote:
		h.change(func() { h.states, h.maybe = append(h.states, state{ticket, pending}), nil })
		if h.shared && h.rng.IntN(3) > 0 {
			h.note("flush: %v", h.db.Flush(ctx))
		}
	case !maps.Equal(pending, h.last().data):
		h.fatalf("commit of changes took no ticket: %v, want %v", pending, h.last().data)
	}
}

// turnUntilCommit writes. It returns what is then to be committed; false if the database
// broke.
func (h *history) turnUntilCommit() (pending map[string]string, ok bool) {
	pending = maps.Clone(h.last().data)
	for range h.rng.IntN(4) + 1 {
		next := maps.Clone(pending)
		err := h.write(next)
		if err == nil {
			pending = next
		} else {
			h.note("write: %v", err)
		}
		if h.db.Broken() != nil {
			return nil, false
		}
	}
	return pending, true
}

// write does one random write, to the database and to data.
func (h *history) write(data map[string]string) error {
	key := fmt.Sprintf("k%d", h.rng.IntN(6))
	value := strings.Repeat(string(rune('a'+h.rng.IntN(26))), 1<<h.rng.IntN(14))
	switch n := h.rng.IntN(24); {
	case n < 14:
		data[key] = value
		return h.s.Put(ctx, key, []byte(value))
	case n < 17:
		delete(data, key)
		_, err := h.s.Delete(ctx, []string{key, "other"})
		return err
	case n < 20:
		data[key], data["many"] = value, value
		return h.s.PutMany(ctx, []engine.Entry{{Key: key, Value: []byte(value)}, {Key: "many", Value: []byte(value)}})
	case n < 21:
		clear(data)
		return h.s.DeleteAll(ctx)
	case n < 23:
		undo := errors.New("undo")
		err := h.s.Transaction(ctx, func(ctx context.Context) error {
			if err := h.s.Put(ctx, key, []byte("never")); err != nil {
				return err
			}
			return undo
		})
		if err == undo {
			return nil
		}
		return err
	default:
		got, ok, err := h.s.Get(ctx, key)
		if want, exists := data[key]; err == nil && (ok != exists || string(got) != want) {
			h.fatalf("Get(%q) = %d bytes, %v; want %d bytes, %v", key, len(got), ok, len(want), exists)
		}
		return err
	}
}

// sync makes commits durable, or fails to.
func (h *history) sync() {
	if h.relaxed {
		return
	}
	if h.rng.IntN(8) == 0 && !h.oneFault {
		op := []disktest.Op{disktest.Sync, disktest.SyncDir}[h.rng.IntN(2)]
		h.note("next %s fails", op)
		h.faulty.Fail(disktest.Fault{Op: op, N: h.rng.IntN(2) + 1})
	}
	if h.shared {
		h.note("flush: %v", h.db.Flush(ctx))
		return
	}
	h.note("sync of %d: %v", h.manual.Pending(), h.manual.Release())
}

// planned runs an operation of the owner between turns, which may wait for tickets.
func (h *history) planned(name string, fn func() error) {
	if h.db.Broken() != nil {
		return
	}
	if !h.relaxed {
		h.note("sync before %s: %v", name, h.manual.Release())
	}
	err := fn()
	h.note("%s: %v", name, err)
	if err != nil && h.faulty.Fired() == 0 {
		h.fatalf("%s failed on a good disk: %v", name, err)
	}
}
