package durable_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/durablego/do/internal/durable"
	"github.com/durablego/do/internal/gate"
)

// T13: one sync covers every commit made before it began, and none made after.
func TestT13Coalescing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := open(t, durable.Fsync(durable.FsyncOptions{}))
		f.commit(1)
		synctest.Wait() // the sync runs
		f.commit(5)
		f.target.results <- nil
		synctest.Wait()
		f.wantOpened(1)
		f.target.wantSyncs(t, 2)
		f.commit(1)
		f.target.results <- nil
		synctest.Wait()
		f.wantOpened(6)
		f.target.results <- nil
		synctest.Wait()
		f.wantOpened(7)
		f.target.wantSyncs(t, 3)
		if err := f.log.Flush(t.Context()); err != nil {
			t.Errorf("Flush of a durable log = %v", err)
		}
		f.target.wantSyncs(t, 3)
		if got := f.log.Durable().Frames; got != 7 {
			t.Errorf("Durable().Frames = %d, want 7", got)
		}
		f.log.Rewind()
		if got := f.log.Durable(); got != (durable.Commit{Ticket: 7}) {
			t.Errorf("Durable() after Rewind = %+v, want ticket 7 with no frames", got)
		}
		f.log.Close() // the goroutine is gone, or the bubble would complain
	})
}

// T15, T34.8: after a failed sync nothing is synced again, what was pending and what
// comes is broken, and the last good commit is known.
func TestT15FailedSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := open(t, durable.Fsync(durable.FsyncOptions{}))
		f.commit(2)
		f.target.results <- nil
		synctest.Wait()
		for f.gate.Opened() < 2 { // the second commit may have missed the first sync
			f.target.results <- nil
			synctest.Wait()
		}
		syncs := f.target.syncs.Load()
		f.commit(2)
		flushed := make(chan error, 1)
		go func() { flushed <- f.log.Flush(t.Context()) }()
		f.target.results <- errDisk
		synctest.Wait()
		var failure *durable.SyncError
		if err := <-flushed; !errors.As(err, &failure) || failure.Timeout || !errors.Is(err, errDisk) {
			t.Errorf("Flush = %v, want a SyncError of the disk", err)
		}
		f.commit(3)
		synctest.Wait()
		for ticket := uint64(3); ticket <= 7; ticket++ {
			if err := f.gate.Wait(t.Context(), ticket); !errors.Is(err, errDisk) {
				t.Errorf("ticket %d: %v, want the failure", ticket, err)
			}
		}
		if len(f.failures()) != 1 || !errors.Is(f.failures()[0], errDisk) {
			t.Errorf("failed was told %v, want the failure once", f.failures())
		}
		f.target.wantSyncs(t, syncs+1)
		f.wantOpened(2)
		if got := f.log.Durable().Frames; got != 2 {
			t.Errorf("Durable().Frames = %d, want 2", got)
		}
		f.log.Close()
		f.wantOpened(2)
	})
}

// T16: a sync of more than 30 s counts as failed; its late success counts for nothing,
// and Close waits for it.
func TestT16Timeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := open(t, durable.Fsync(durable.FsyncOptions{}))
		f.commit(1)
		time.Sleep(30*time.Second - 1)
		synctest.Wait()
		if len(f.failures()) != 0 {
			t.Fatal("failed before the time limit")
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		var failure *durable.SyncError
		if len(f.failures()) != 1 || !errors.As(f.failures()[0], &failure) || !failure.Timeout || !errors.Is(failure, durable.ErrTimeout) {
			t.Fatalf("failed was told %v, want a time-out", f.failures())
		}
		if err := f.gate.Wait(t.Context(), 1); !errors.Is(err, durable.ErrTimeout) {
			t.Errorf("ticket 1: %v, want the time-out", err)
		}
		closed := make(chan struct{})
		go func() {
			f.log.Close()
			close(closed)
		}()
		time.Sleep(time.Hour)
		select {
		case <-closed:
			t.Fatal("Close returned while a sync was running")
		default:
		}
		f.target.results <- nil
		<-closed
		f.wantOpened(0)
		f.target.wantSyncs(t, 1)
	})
}

// Two syncs that are slow, but each within the limit, are not taken for one.
func TestT16LimitIsPerSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := open(t, durable.Fsync(durable.FsyncOptions{}))
		for range 5 {
			c := f.commit(1)
			time.Sleep(29 * time.Second)
			f.target.results <- nil
			if err := f.gate.Wait(t.Context(), c.Ticket); err != nil {
				t.Fatal(err)
			}
		}
		f.log.Close()
	})
}

func TestNoTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := open(t, durable.Fsync(durable.FsyncOptions{Timeout: -1, Parallel: -1}))
		f.commit(1)
		time.Sleep(24 * time.Hour)
		f.target.results <- nil
		f.log.Close()
		f.wantOpened(1)
	})
}

func TestFlushWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := open(t, durable.Fsync(durable.FsyncOptions{}))
		if err := f.log.Flush(t.Context()); err != nil {
			t.Errorf("Flush of a log without commits = %v", err)
		}
		f.commit(1)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := f.log.Flush(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Flush = %v, want the ctx's error", err)
		}
		flushed := make(chan error, 1)
		go func() { flushed <- f.log.Flush(t.Context()) }()
		synctest.Wait()
		f.commit(1) // not covered by that Flush
		f.target.results <- nil
		if err := <-flushed; err != nil {
			t.Errorf("Flush = %v", err)
		}
		f.wantOpened(1)
		f.target.results <- nil
		f.log.Close()
		f.wantOpened(2)
	})
}

// Close waits for what is being synced; a commit after it has no one to make it durable.
func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := open(t, durable.Fsync(durable.FsyncOptions{}))
		f.commit(1)
		synctest.Wait()
		go func() {
			time.Sleep(time.Second)
			f.target.results <- nil
		}()
		f.log.Close()
		f.log.Close()
		f.wantOpened(1)
		c := f.commit(1)
		if err := f.gate.Wait(t.Context(), c.Ticket); err == nil {
			t.Error("the ticket of a commit after Close is open")
		}
		if len(f.failures()) != 0 {
			t.Errorf("failed was told %v after Close", f.failures())
		}
		f.target.wantSyncs(t, 1)
	})
}

// The bound on syncs at once: others wait, and time out rather than for ever.
func TestParallel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opener := durable.Fsync(durable.FsyncOptions{Parallel: 1})
		a, b, c := open(t, opener), open(t, opener), open(t, opener)
		a.commit(1)
		synctest.Wait()
		time.Sleep(time.Second)
		b.commit(2)
		synctest.Wait()
		b.target.wantSyncs(t, 0)
		a.target.results <- nil
		synctest.Wait()
		b.target.wantSyncs(t, 1)
		c.commit(1)
		time.Sleep(time.Minute)
		synctest.Wait()
		for _, f := range []*fixture{b, c} {
			if len(f.failures()) != 1 {
				t.Errorf("failed was told %v, want a time-out", f.failures())
			}
		}
		c.target.wantSyncs(t, 0)
		b.target.results <- nil
		b.log.Close()
		c.log.Close()
		a.commit(1)
		a.target.results <- nil
		a.log.Close()
		a.wantOpened(2)
	})
}

// A time limit that strikes just as its sync ends must not hit the next sync.
func TestT16LimitStrikesLate(t *testing.T) {
	for range 100 {
		synctest.Test(t, func(t *testing.T) {
			f := open(t, durable.Fsync(durable.FsyncOptions{}))
			first := f.commit(1)
			go func() {
				time.Sleep(30 * time.Second)
				f.target.results <- nil
			}()
			synctest.Wait()
			second := f.commit(1) // synced at once when the first sync ends
			if f.gate.Wait(t.Context(), first.Ticket) == nil {
				time.Sleep(time.Second)
				if got := f.failures(); len(got) != 0 {
					t.Errorf("the second sync failed after a second: %v", got)
				}
				f.target.results <- nil
				_ = f.gate.Wait(t.Context(), second.Ticket)
			}
			f.log.Close()
		})
	}
}

// Close waits for a failure that is being reported, although its sync has ended.
func TestCloseWaitsForTheReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &target{t: t, results: make(chan error)}
		told := false
		g := new(gate.Gate)
		log := durable.Fsync(durable.FsyncOptions{}).Open(s, g, func(error) {
			time.Sleep(time.Minute)
			told = true
		})
		log.Commit(durable.Commit{Ticket: g.Take(), Frames: 1})
		time.Sleep(31 * time.Second)
		s.results <- nil
		log.Close()
		if !told {
			t.Error("Close returned while the failure was being reported")
		}
	})
}
