package durabletest_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/durablego/do/internal/durable"
	"github.com/durablego/do/internal/durable/durabletest"
	"github.com/durablego/do/internal/gate"
)

var errDisk = errors.New("disk on fire")

type target struct {
	syncs int
	err   error
}

func (t *target) Sync() error {
	t.syncs++
	return t.err
}

type fixture struct {
	manual durabletest.Manual
	gate   gate.Gate
	target target
	log    durable.Log
	failed error
}

func open() *fixture {
	f := new(fixture)
	f.log = f.manual.Open(&f.target, &f.gate, func(err error) { f.failed = err })
	return f
}

func (f *fixture) commit() uint64 {
	c := durable.Commit{Ticket: f.gate.Take()}
	c.Frames = int(c.Ticket)
	f.log.Commit(c)
	return c.Ticket
}

func (f *fixture) wantOpened(t *testing.T, want uint64) {
	t.Helper()
	if got := f.gate.Opened(); got != want {
		t.Errorf("opened up to ticket %d, want %d", got, want)
	}
}

func TestManualHoldsAndReorders(t *testing.T) {
	f := open()
	f.commit()
	first := f.manual.Begin()
	f.commit()
	second := f.manual.Begin()
	f.commit()
	if got := f.manual.Pending(); got != 3 {
		t.Errorf("Pending() = %d, want 3", got)
	}
	f.wantOpened(t, 0)
	if err := second.Finish(); err != nil {
		t.Fatal(err)
	}
	f.wantOpened(t, 2)
	first.Fail(errDisk) // too late: a later sync has covered its commits
	if f.failed != nil {
		t.Errorf("failed was told %v", f.failed)
	}
	f.manual.Fail(errDisk)
	if !errors.Is(f.failed, errDisk) || f.log.Durable().Ticket != 2 {
		t.Errorf("after Fail: told %v, durable %+v", f.failed, f.log.Durable())
	}
	if err := f.gate.Wait(context.Background(), f.commit()); !errors.Is(err, errDisk) {
		t.Errorf("ticket of a dead log: %v, want the failure", err)
	}
	if f.target.syncs != 1 {
		t.Errorf("%d syncs, want 1", f.target.syncs)
	}
}

func TestManualAuto(t *testing.T) {
	f := open()
	f.manual.Auto(true)
	f.commit()
	f.wantOpened(t, 1)
	f.target.err = errDisk
	f.commit()
	f.wantOpened(t, 1)
	if !errors.Is(f.failed, errDisk) {
		t.Errorf("failed was told %v, want the target's error", f.failed)
	}
}

func TestManualFlushWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := open()
		f.commit()
		flushed := make(chan error, 1)
		go func() { flushed <- f.log.Flush(t.Context()) }()
		synctest.Wait()
		if len(flushed) > 0 {
			t.Fatal("Flush did not wait")
		}
		if err := f.manual.Release(); err != nil {
			t.Fatal(err)
		}
		if err := <-flushed; err != nil {
			t.Errorf("Flush = %v", err)
		}
		f.log.Close()
		if got := f.manual.Pending(); got != 0 {
			t.Errorf("Pending() = %d after Close, want 0", got)
		}
	})
}
