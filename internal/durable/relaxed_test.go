package durable_test

import (
	"errors"
	"testing"
	"testing/synctest"

	"github.com/durablego/do/internal/durable"
)

// T21: a relaxed ticket opens with its commit; T16: a checkpoint, which flushes, still
// gets its sync.
func TestT21Relaxed(t *testing.T) {
	f := open(t, durable.Relaxed())
	f.target.results = nil
	f.commit(3)
	if got := f.gate.Opened(); got != 3 {
		t.Errorf("opened up to ticket %d, want 3", got)
	}
	f.target.wantSyncs(t, 0)
	for range 2 {
		if err := f.log.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	f.target.wantSyncs(t, 1)
	if got := f.log.Durable(); got != (durable.Commit{Ticket: 3, Frames: 3}) {
		t.Errorf("Durable() = %+v, want ticket 3 with 3 frames", got)
	}
	f.log.Rewind()
	if got := f.log.Durable().Frames; got != 0 {
		t.Errorf("Durable().Frames after Rewind = %d, want 0", got)
	}
	f.log.Close()
	c := f.commit(1)
	if err := f.gate.Wait(t.Context(), c.Ticket); err == nil {
		t.Error("the ticket of a commit after Close is open")
	}
}

func TestRelaxedFlushFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := open(t, durable.Relaxed())
		f.commit(1)
		flushed := make(chan error, 2)
		flush := func() { flushed <- f.log.Flush(t.Context()) }
		go flush()
		synctest.Wait()
		go flush() // waits for the first
		synctest.Wait()
		f.target.results <- errDisk
		for range 2 {
			if err := <-flushed; !errors.Is(err, errDisk) {
				t.Errorf("Flush = %v, want the failure", err)
			}
		}
		f.target.wantSyncs(t, 1)
		c := f.commit(1)
		if err := f.gate.Wait(t.Context(), c.Ticket); !errors.Is(err, errDisk) {
			t.Errorf("a later ticket: %v, want the failure", err)
		}
		if len(f.failures()) != 1 {
			t.Errorf("failed was told %v, want once", f.failures())
		}
		f.log.Close()
	})
}
