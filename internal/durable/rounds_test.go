package durable_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/durablego/do/internal/durable"
	"github.com/durablego/do/internal/gate"
)

// together is the logs of some databases on one file system that can be synced as a whole.
type together struct {
	all   chan error // answers a sync of everything; closed: nil for all
	rings atomic.Int32
	files []*file
}

// file is the Target of one of them. Its own sync waits for hold.
type file struct {
	hold   chan error // closed: nil
	alone  atomic.Int32
	marked atomic.Int32
	gate   gate.Gate
	log    durable.Log
	failed atomic.Int32
}

func (f *file) Sync() error { f.alone.Add(1); return <-f.hold }

func (f *file) Written() func() { return func() { f.marked.Add(1) } }

func newTogether(n int) *together {
	g := &together{all: make(chan error)}
	opener := durable.Fsync(durable.FsyncOptions{All: func() error { g.rings.Add(1); return <-g.all }})
	for range n {
		f := &file{hold: make(chan error)}
		f.log = opener.Open(f, &f.gate, func(error) { f.failed.Add(1) })
		g.files = append(g.files, f)
	}
	return g
}

func (g *together) commit(files ...*file) {
	for _, f := range files {
		f.log.Commit(durable.Commit{Ticket: f.gate.Take(), Frames: 1})
	}
	synctest.Wait()
}

func (g *together) sum(what func(*file) *atomic.Int32) (n int32) {
	for _, f := range g.files {
		n += what(f).Load()
	}
	return n
}

func alone(f *file) *atomic.Int32  { return &f.alone }
func marked(f *file) *atomic.Int32 { return &f.marked }
func failed(f *file) *atomic.Int32 { return &f.failed }

func (g *together) opened() (n int) {
	for _, f := range g.files {
		if f.gate.Newest() > 0 && f.gate.Opened() == f.gate.Newest() {
			n++
		}
	}
	return n
}

// T13: many databases that want to be synced at once go together: one sync of the file
// system opens the tickets of all, and of nobody who came while it ran.
func TestT13Together(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newTogether(10)
		g.commit(g.files[:9]...)
		if n := g.sum(alone); n != 2 || g.rings.Load() != 0 {
			t.Fatalf("%d sync alone, %d rounds, want 2 and 0: the others wait", n, g.rings.Load())
		}
		for _, f := range g.files {
			if f.alone.Load() == 1 {
				f.hold <- nil
				break
			}
		}
		synctest.Wait()
		if g.rings.Load() != 1 || g.opened() != 1 {
			t.Fatalf("%d rounds, %d open, want 1 and 1", g.rings.Load(), g.opened())
		}
		for _, f := range g.files[:9] { // committed while the round runs: not covered
			if f.alone.Load() == 0 {
				g.commit(f)
				break
			}
		}
		g.all <- nil
		synctest.Wait()
		if n := g.sum(marked); n != 7 || g.opened() != 1+6 {
			t.Errorf("%d marked, %d open, want 7 and 7", n, g.opened())
		}
		for _, f := range g.files {
			close(f.hold)
		}
		close(g.all)
		synctest.Wait()
		if g.opened() != 9 || g.sum(failed) != 0 {
			t.Errorf("%d open, %d failed, want 9 and 0", g.opened(), g.sum(failed))
		}
	})
}

// T15: a failed sync of everything fails all that relied on it, and is the last: the error
// may have been about another file, which from now on only its own sync can tell.
func TestT15TogetherFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newTogether(16)
		g.commit(g.files[:8]...)
		g.release(t, 1)
		g.commit(g.files[8:]...) // waits for the next round, but for those that fill the room
		waiting := g.sum(alone)
		g.all <- errors.New("EIO")
		synctest.Wait()
		if n := g.sum(failed); n != 6 {
			t.Errorf("%d failed, want the 6 of the round", n)
		}
		if n := g.sum(alone); n <= waiting {
			t.Errorf("%d sync alone after the failure, %d before, want those that waited", n, waiting)
		}
		for _, f := range g.files {
			close(f.hold)
		}
		synctest.Wait()
		if n := g.rings.Load(); n != 1 || g.opened() != 10 {
			t.Errorf("%d rounds, %d open, want 1 and 10", n, g.opened())
		}
	})
}

// release lets n of those that sync alone succeed.
func (g *together) release(t *testing.T, n int) {
	t.Helper()
	for _, f := range g.files {
		if n > 0 && f.alone.Load() == 1 && f.gate.Opened() == 0 {
			f.hold <- nil
			n--
		}
	}
	synctest.Wait()
	if n > 0 {
		t.Fatal("too few sync alone")
	}
}

// A file system that has much to write for others holds nobody up for long.
func TestTogetherTakesLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newTogether(16)
		g.commit(g.files[:8]...)
		g.release(t, 1)
		for _, f := range g.files {
			close(f.hold)
		}
		g.commit(g.files[8:12]...)
		time.Sleep(101 * time.Millisecond)
		synctest.Wait()
		if g.opened() != 12 || g.rings.Load() != 1 {
			t.Errorf("%d open after 0.1 s, %d rounds, want 12 and 1", g.opened(), g.rings.Load())
		}
		g.commit(g.files[12:]...)
		if g.opened() != 16 {
			t.Errorf("%d open, want 16: no rounds for a while", g.opened())
		}
		g.all <- errors.New("too late to count")
		synctest.Wait()
		if g.sum(failed) != 0 {
			t.Error("the late result failed somebody")
		}
	})
}

// Syncs that hang are nobody else's: who waits behind them goes on alone.
func TestTogetherBehindHungSyncs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newTogether(5)
		g.commit(g.files...)
		time.Sleep(101 * time.Millisecond)
		synctest.Wait()
		if n := g.sum(alone); n != 5 || g.rings.Load() != 0 {
			t.Errorf("%d sync alone after 0.1 s, %d rounds, want all 5 and none", n, g.rings.Load())
		}
		for _, f := range g.files {
			close(f.hold)
		}
		synctest.Wait()
		if g.opened() != 5 {
			t.Errorf("%d open, want 5", g.opened())
		}
	})
}

// The real thing under the race detector: every ticket opens once its commit is covered.
func TestTogetherConcurrently(t *testing.T) {
	var syncs atomic.Int64
	opener := durable.Fsync(durable.FsyncOptions{All: func() error { syncs.Add(1); return nil }})
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			f := &file{hold: make(chan error)}
			close(f.hold)
			log := opener.Open(f, &f.gate, func(err error) { t.Error(err) })
			defer log.Close()
			for i := range 200 {
				log.Commit(durable.Commit{Ticket: f.gate.Take(), Frames: i})
				if err := f.gate.Wait(context.Background(), f.gate.Newest()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}
