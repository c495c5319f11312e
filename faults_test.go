package do_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"syscall"
	"testing"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
	"github.com/durablego/do/internal/bridge"
	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/disk/disktest"
	"github.com/durablego/do/kvstorage"
)

// noSync is a disk without syncs, which a sweep of thousands of events need not wait for.
// What has been synced is known above it.
type noSync struct{ disk.FS }

type noSyncFile struct{ disk.File }

func (n noSync) Open(name string, flag int) (disk.File, error) {
	f, err := n.FS.Open(name, flag)
	if err != nil {
		return nil, err
	}
	return noSyncFile{f}, nil
}
func (noSync) SyncDir(string) error { return nil }
func (noSyncFile) Sync() error      { return nil }

// content is what an object stores.
type content map[string]int

// set gives the content with one more value.
func (c content) set(key string, value int) content {
	c = maps.Clone(c)
	if c == nil {
		c = content{}
	}
	c[key] = value
	return c
}

// history is a scripted life of some objects on a disk that fails once, with what is
// stored according to the answers.
type history struct {
	t       *testing.T
	env     *dotest.Runtime
	what    string // the fault
	stored  map[string]content
	refused int // events that failed
}

// event runs fn on an object and checks what is stored afterwards: with an answer what the
// last of states says, after an error what was there before or any other of states but
// the last, as fn has commit points of its own for those. Everything must work the second
// time: the fault is over, and the next event works.
func (h *history) event(name string, fn func(ctx context.Context, b *box) error, states ...func(content) content) {
	h.t.Helper()
	err := run(h.env, named(h.env, name), fn)
	before := h.stored[name]
	possible := []content{before}
	for _, s := range states {
		possible = append(possible, s(possible[len(possible)-1]))
	}
	last := len(possible) - 1
	if err == nil {
		h.stored[name] = possible[last]
		h.check(name)
		return
	}
	h.fault("event on "+name, err)
	now, err := h.read(name)
	if err != nil {
		h.t.Fatalf("%s: the event after a failed one: %v", h.what, err)
	}
	for _, p := range possible[:max(last, 1)] {
		if maps.Equal(now, p) {
			h.stored[name] = p
			return
		}
	}
	h.t.Errorf("%s: %s stores %v after an event that was refused, want %v", h.what, name, now, possible[:max(last, 1)])
	h.stored[name] = now
}

// fault takes note of an error, which must be the injected one.
func (h *history) fault(what string, err error) {
	h.t.Helper()
	h.refused++
	if !errors.Is(err, syscall.EIO) && !errors.Is(err, syscall.ENOSPC) {
		h.t.Errorf("%s: %s: %v, want the disk's error as its cause", h.what, what, err)
	}
	if h.refused > 1 {
		h.t.Errorf("%s: %s: %v: it is the second event to fail", h.what, what, err)
	}
}

// check compares what an object stores with what it should.
func (h *history) check(name string) {
	h.t.Helper()
	got, err := h.read(name)
	if err != nil {
		h.fault("read of "+name, err)
		if got, err = h.read(name); err != nil {
			h.t.Fatalf("%s: the event after a failed one: %v", h.what, err)
		}
	}
	if !maps.Equal(got, h.stored[name]) {
		h.t.Errorf("%s: %s stores %v, want what was answered: %v", h.what, name, got, h.stored[name])
	}
}

func (h *history) read(name string) (content, error) {
	got := content{}
	err := run(h.env, named(h.env, name), func(ctx context.Context, b *box) error {
		for e, err := range b.state.KV().List(ctx, kvstorage.ListOptions{}) {
			var padded []byte
			if err == nil {
				err = e.Value(&padded)
			}
			if err != nil {
				return err
			}
			got[e.Key] = len(padded)
		}
		return nil
	})
	return got, err
}

// put stores a value of n bytes.
func put(ctx context.Context, b *box, key string, n int) error {
	return b.state.KV().Put(ctx, key, bytes.Repeat([]byte{7}, n))
}

// play is the history. Values over a page make long commits, and with the checkpoint size
// of the sweep some checkpoints.
func (h *history) play() {
	storing := func(key string, n int) func(content) content {
		return func(c content) content { return c.set(key, n) }
	}
	putting := func(key string, n int) func(context.Context, *box) error {
		return func(ctx context.Context, b *box) error { return put(ctx, b, key, n) }
	}
	transaction := func(ctx context.Context, b *box) error {
		return b.state.Storage().Transaction(ctx, func(ctx context.Context) error {
			for i := range 3 {
				if err := put(ctx, b, fmt.Sprint("t", i), 10); err != nil {
					return err
				}
			}
			_, err := b.state.KV().Delete(ctx, "one")
			return err
		})
	}
	transacted := func(c content) content {
		c = c.set("t0", 10).set("t1", 10).set("t2", 10)
		delete(c, "one")
		return c
	}
	h.event("a", putting("one", 1), storing("one", 1))
	h.event("a", putting("big", 9000), storing("big", 9000))
	h.event("b", transaction, transacted)
	h.event("a", func(ctx context.Context, b *box) error {
		if err := put(ctx, b, "first", 1); err != nil {
			return err
		}
		if err := b.state.Storage().Sync(ctx); err != nil {
			return err
		}
		if err := put(ctx, b, "second", 2); err != nil {
			return err
		}
		if err := b.state.Await(ctx, func(context.Context) error { return nil }); err != nil {
			return err
		}
		return put(ctx, b, "third", 3)
	}, storing("first", 1), storing("second", 2), storing("third", 3))
	h.event("a", transaction, transacted)
	h.evict("a")
	h.event("a", putting("one", 5000), storing("one", 5000))
	h.event("c", putting("x", 1), storing("x", 1))
	h.event("c", func(ctx context.Context, b *box) error { return b.state.Storage().DeleteAll(ctx) },
		func(content) content { return content{} })
	h.evict("c")
	h.event("c", putting("y", 2), storing("y", 2))
	for i := range 4 {
		h.event("b", putting("big", 6000+i), storing("big", 6000+i))
	}
	h.evict("b")
	h.all()
}

// recover is another history: the objects were at work when the process ended, and the
// disk fails when they come back.
func (h *history) recover(arm func()) {
	for i := range 3 {
		for _, name := range []string{"a", "b", "c"} {
			h.event(name, func(ctx context.Context, b *box) error { return put(ctx, b, "k", 5000+i) },
				func(c content) content { return c.set("k", 5000+i) })
		}
	}
	h.env.Crash()
	arm()
	h.all()
	for _, name := range []string{"c", "a", "b"} {
		h.event(name, func(ctx context.Context, b *box) error { return put(ctx, b, "l", 1) },
			func(c content) content { return c.set("l", 1) })
		h.evict(name)
	}
	h.all()
}

func (h *history) evict(name string) {
	h.t.Helper()
	if err := h.env.Evict(named(h.env, name)); err != nil && !errors.Is(err, do.ErrNotRunning) {
		h.t.Errorf("%s: Evict: %v", h.what, err)
	}
	h.check(name)
}

func (h *history) all() {
	h.t.Helper()
	for name := range h.stored {
		h.check(name)
	}
}

// TestFaultsSweep lets the n-th operation of every kind fail, n = 1, 2, … until the whole
// history meets no fault any more: T34.7 and T34.8 hold, no answered write is lost, nothing
// that was refused comes back (T15), not by a clean restart nor by a crash, and the next
// event works.
func TestFaultsSweep(t *testing.T) {
	for _, kind := range []disktest.Fault{
		{Op: disktest.Write},
		{Op: disktest.Write, Short: true, Err: syscall.ENOSPC},
		{Op: disktest.Sync},
		{Op: disktest.SyncDir},
		{Op: disktest.Open},
		{Op: disktest.Read},
		{Op: disktest.Truncate},
		{Op: disktest.Remove},
		{Op: disktest.Stat},
	} {
		name := kind.Op.String()
		if kind.Short {
			name = "short " + name
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sweep(t, kind, func(h *history, arm func()) { arm(); h.play() })
			sweep(t, kind, (*history).recover)
		})
	}
}

// sweep plays a history with every fault of a kind.
func sweep(t *testing.T, kind disktest.Fault, play func(h *history, arm func())) {
	step := 1
	if raceEnabled {
		step = 12 // the run without the race detector does them all
	}
	for n := 1; n < 1000; n += step {
		fired := false
		t.Run(fmt.Sprint(n), func(t *testing.T) { fired = sweepOnce(t, kind, n, play) })
		if !fired {
			t.Logf("%d faults", n-1)
			return
		}
	}
}

// sweepOnce plays a history with one fault, and says whether it came to it.
func sweepOnce(t *testing.T, kind disktest.Fault, n int, play func(h *history, arm func())) (fired bool) {
	faulty := disktest.NewFaulty(noSync{disk.OS()})
	o := boxes(class(nil))
	o.CheckpointBytes = 30_000
	o.Logger = (&logged{}).logger()
	segment := int64(n % 2 * 16 << 10) // every other time the commit log is written out all the time
	env := dotest.NewWith(t, dotest.Options{Runtime: o}, bridge.Config{FS: faulty, SegmentBytes: segment})
	h := &history{t: t, env: env, what: fmt.Sprintf("%v %d", kind.Op, n), stored: map[string]content{}}
	play(h, func() {
		kind.N = n
		kind.Match = func(name string) bool { return strings.Contains(name, "main.BOX") || strings.Contains(name, "commits") }
		faulty.Fail(kind)
	})
	if err := env.Runtime().Close(t.Context()); err != nil && !errors.Is(err, kind.Err) && !errors.Is(err, syscall.EIO) {
		t.Errorf("%s: Close = %v", h.what, err)
	}
	fired = faulty.Fired() > 0
	faulty.Clear()
	env.Crash() // what a clean close left
	h.all()
	env.Crash()
	h.all()
	return fired
}

// TestFaultsAtOpen lets the n-th operation of Open fail: it says so or works, and the next
// Open of that folder works.
func TestFaultsAtOpen(t *testing.T) {
	for _, op := range []disktest.Op{
		disktest.Write, disktest.Sync, disktest.SyncDir, disktest.Open, disktest.Read, disktest.Truncate, disktest.Remove, disktest.Stat,
	} {
		for n := 1; n < 1000; n++ {
			o := boxes(class(nil))
			o.Dir = t.TempDir()
			faulty := disktest.NewFaulty(noSync{disk.OS()})
			faulty.Fail(disktest.Fault{Op: op, N: n})
			rt, _, err := bridge.Open(o, bridge.Config{FS: faulty})
			if err == nil {
				err = rt.(*do.Runtime).Close(t.Context())
			}
			if err != nil && !errors.Is(err, syscall.EIO) {
				t.Errorf("%v %d: Open or Close = %v, want the disk's error", op, n, err)
			}
			fired := faulty.Fired() > 0
			faulty.Clear()
			again, err := do.Open(o)
			if err != nil {
				t.Fatalf("%v %d: the next Open = %v", op, n, err)
			}
			closeNow(t, again)
			if !fired {
				break
			}
		}
	}
}
