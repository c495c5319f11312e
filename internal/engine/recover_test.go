package engine_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/durablego/do/internal/disk/disktest"
	"github.com/durablego/do/internal/doerr"
	"github.com/durablego/do/internal/durable"
	"github.com/durablego/do/internal/engine"
)

func walOnly(name string) bool { return strings.HasSuffix(name, "-wal") }

// T34.2, T34.7: Recover after a panic undoes the open transaction and keeps commits that
// are not durable yet: their tickets stay pending and open later.
func TestT34_2RecoverKeepsOlderCommits(t *testing.T) {
	o := newObject(t)
	ticket := o.save("a", "1")
	o.put("a", "2")
	o.recover()
	o.want("a", "1")
	if got := o.manual.Pending(); got != 1 || !o.IsOpen() {
		t.Errorf("%d commits pending, open: %v; want the one from before, on the same connection", got, o.IsOpen())
	}
	o.release()
	if err := o.gate.Wait(ctx, ticket); err != nil {
		t.Errorf("the older commit: %v", err)
	}
}

// T15, T34.8: a failed fsync breaks every pending ticket and the database; Recover cuts
// off what it should have covered, and the new instance can answer.
func TestT15FailedSync(t *testing.T) {
	o := newObject(t)
	good := o.save("a", "1")
	o.release()
	bad := []uint64{o.save("a", "2"), o.save("b", "2")}
	o.manual.Fail(errDisk)
	if got := o.failures(); len(got) != 1 || !errors.Is(got[0], errDisk) || !errors.Is(got[0], doerr.ErrReset) || !engine.IsIO(got[0]) || engine.IsTimeout(got[0]) {
		t.Errorf("told %v, want the failure once", got)
	}
	if _, _, err := o.Get(ctx, "a"); !errors.Is(err, doerr.ErrReset) || !errors.Is(err, errDisk) {
		t.Errorf("Get of the broken database = %v", err)
	}
	o.recover()
	o.want("a", "1")
	for _, ticket := range bad {
		if err := o.gate.Wait(ctx, ticket); !errors.Is(err, errDisk) {
			t.Errorf("ticket %d: %v, want the failure", ticket, err)
		}
	}
	for _, ticket := range []uint64{good, o.gate.Newest()} {
		if err := o.gate.Wait(ctx, ticket); err != nil {
			t.Errorf("ticket %d: %v, want open", ticket, err)
		}
	}
	next := o.save("a", "3")
	o.release()
	if err := o.gate.Wait(ctx, next); err != nil {
		t.Error(err)
	}
	o.manual.Auto(true)
	o.close()
	o.want("a", "3")
}

// T15: frames count within the present generation of the log, and a log that was cut and
// found again counts from where it stands. Twice over, what was good stays.
func TestT15FramesCountAnewAfterACheckpoint(t *testing.T) {
	for _, name := range []string{"checkpoint", "close", "recovered log"} {
		t.Run(name, func(t *testing.T) {
			o := newObject(t)
			o.save("a", strings.Repeat("1", 9000))
			o.release()
			switch name {
			case "checkpoint":
				if err := o.DB.Checkpoint(ctx); err != nil {
					t.Fatal(err)
				}
			case "close":
				o.close()
			default:
				o.save("a", "never")
				o.manual.Fail(errDisk)
				o.recover()
			}
			o.save("b", "never")
			o.manual.Fail(errDisk)
			o.recover()
			o.want("a", strings.Repeat("1", 9000))
			o.save("b", "2")
			o.release()
			o.save("b", "never")
			o.manual.Fail(errDisk)
			o.recover()
			o.want("a", strings.Repeat("1", 9000), "b", "2")
		})
	}
}

// T15: a database whose first sync failed is removed, names and all, and can be made
// again.
func TestT15FirstSyncFails(t *testing.T) {
	for _, op := range []disktest.Op{disktest.Sync, disktest.SyncDir} {
		for n := 1; n <= 2 && (n == 1 || op == disktest.Sync); n++ {
			o := newObject(t)
			o.save("a", "1")
			o.disk.Fail(disktest.Fault{Op: op, N: n})
			if err := o.manual.Release(); err == nil {
				t.Fatalf("%s %d did not fail", op, n)
			}
			if err := o.gate.Wait(ctx, 1); err == nil {
				t.Error("the ticket is open")
			}
			o.recover()
			o.wantFiles()
			o.want()
			o.save("a", "2")
			o.release()
			o.want("a", "2")
		}
	}
}

// T15: until the cut, its fsync, and the removal of files have worked, the database
// stays broken, and Recover can be called again.
func TestT15RecoverCanBeRepeated(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault disktest.Fault
		saved bool // there is a durable commit before
	}{
		{"cut", disktest.Fault{Op: disktest.Truncate, Match: walOnly}, true},
		{"fsync of the cut", disktest.Fault{Op: disktest.Sync, Match: walOnly}, true},
		{"removal", disktest.Fault{Op: disktest.Remove}, false},
		{"removal of the main file", disktest.Fault{Op: disktest.Remove, N: 2}, false},
		{"fsync of the folder", disktest.Fault{Op: disktest.SyncDir}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := newObject(t)
			var want []string
			if c.saved {
				want = []string{"a", "1"}
				o.save("a", "1")
				o.release()
			}
			o.save("a", "2")
			o.manual.Fail(errDisk)
			newest := o.gate.Newest()
			c.fault.Count = 3
			o.disk.Fail(c.fault)
			fails := 0
			for o.DB.Recover(ctx) != nil {
				if fails++; fails > 10 {
					t.Fatal("Recover never succeeds")
				}
				if _, _, err := o.DB.Session(nil).Get(ctx, "a"); !errors.Is(err, doerr.ErrReset) {
					t.Errorf("Get while Recover fails = %v, want ErrReset", err)
				}
				if o.gate.Newest() != newest {
					t.Error("a ticket was opened before Recover succeeded")
				}
			}
			if fails != 3 {
				t.Errorf("Recover failed %d times, want 3", fails)
			}
			o.Session = o.DB.Session(nil)
			o.want(want...)
			o.save("a", "3")
			o.release()
			o.want("a", "3")
		})
	}
}

// T34.7, S57: an I/O error that ends the transaction undoes it; older commits are synced
// first, although they were not durable, and kept.
func TestS57WriteFails(t *testing.T) {
	o := newObject(t, func(o *engine.Options) { o.Opener = durable.Fsync(durable.FsyncOptions{}) })
	var tickets []uint64
	for _, v := range []string{"1", "2", "3"} {
		tickets = append(tickets, o.save("a", v))
	}
	o.put("a", "4")
	o.disk.Fail(disktest.Fault{Op: disktest.Write, Match: walOnly, Short: true})
	if _, _, err := o.Commit(); !engine.IsIO(err) || !errors.Is(err, doerr.ErrReset) {
		t.Fatalf("Commit = %v, want the disk's failure", err)
	}
	o.recover()
	if o.IsOpen() {
		t.Error("the connection was kept after an I/O error")
	}
	o.want("a", "3")
	for _, ticket := range tickets {
		if err := o.gate.Wait(ctx, ticket); err != nil {
			t.Errorf("ticket %d: %v", ticket, err)
		}
	}
}

// The same when the sync that Recover asks for fails as well: then only what was durable
// is kept (T34.8).
func TestRecoverWhoseSyncFails(t *testing.T) {
	o := newObject(t, func(o *engine.Options) { o.Opener = durable.Relaxed() })
	o.save("a", "1")
	if err := o.DB.Checkpoint(ctx); err != nil {
		t.Fatal(err)
	}
	o.save("a", "2")
	o.put("a", "3")
	o.disk.Fail(disktest.Fault{Op: disktest.Write, Match: walOnly})
	o.disk.Fail(disktest.Fault{Op: disktest.Sync, Match: walOnly})
	if _, _, err := o.Commit(); err == nil {
		t.Fatal("Commit did not fail")
	}
	o.recover()
	o.want("a", "1")
}

// A deferred failure that Recover did not know of when it began, of the log, is dealt
// with as well: the database is never usable with a dead log.
func TestFailuresPileUp(t *testing.T) {
	o := newObject(t)
	o.save("a", "1")
	o.release()
	o.save("a", "2")
	o.put("a", "3")
	o.disk.Fail(disktest.Fault{Op: disktest.Write, Match: walOnly})
	if _, _, err := o.Commit(); err == nil {
		t.Fatal("Commit did not fail")
	}
	o.manual.Fail(errDisk)
	o.recover()
	o.want("a", "1")
	o.save("a", "4")
	o.release()
	if got := o.gate.Opened(); got != o.gate.Newest() {
		t.Errorf("opened %d of %d", got, o.gate.Newest())
	}
}

// T15: frames of a transaction too big for the cache are in the log before its commit.
// If it is rolled back they count for nothing, and a later cut finds the right place.
func TestT15SpilledTransaction(t *testing.T) {
	for _, commits := range []bool{false, true} {
		o := newObject(t)
		o.save("a", "1")
		o.release()
		before := o.disk.Count(disktest.Write)
		for i := range 300 {
			o.put(strings.Repeat("k", i+1), strings.Repeat("v", 8000))
		}
		if n := o.disk.Count(disktest.Write) - before; n == 0 {
			t.Fatal("nothing was written before the commit: the test tests nothing")
		}
		if commits {
			o.commit()
		} else if err := o.Rollback(); err != nil {
			t.Fatal(err)
		}
		want := []string{"a", "1"}
		if !commits {
			o.save("b", "2")
			o.release()
			want = append(want, "b", "2")
		}
		o.save("c", "never")
		o.manual.Fail(errDisk)
		o.recover()
		o.want(want...)
		o.manual.Auto(true)
		o.save("d", "3")
		o.close()
		o.want(append(want, "d", "3")...)
		o.close()
		if err := quickCheck(o.path); err != nil {
			t.Error(err)
		}
	}
}
