package durable_test

import (
	"context"
	"errors"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/durablego/do/internal/disk/disktest"
	"github.com/durablego/do/internal/durable"
)

// A complete segment is given up when its objects' files are durable, and not before.
func TestSharedPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShared(t, short)
		a := s.enter("a")
		_, release := s.hold("sync /a")
		a.save("1") // its segment is complete
		synctest.Wait()
		if got := s.replayed(); len(got) != 1 {
			t.Errorf("before its files are durable the log speaks of %v, want a", got)
		}
		a.save("2") // does not wait
		release()
		synctest.Wait()
		if got := s.replayed(); got != nil {
			t.Errorf("afterwards the log speaks of %v", got)
		}
		s.want("a", "12")
		a.leave()
		s.close()
	})
}

// What is placed is first written to the files of those who have it in memory: all that is
// durable, and nothing else. A file that cannot be written costs nobody's trust.
func TestSharedWritesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShared(t, short)
		a := s.enter("a")
		_, release := s.hold("write /a")
		a.save("1")
		synctest.Wait()
		end, next := s.hold("sync .log")
		a.commit("2")
		synctest.Wait()
		a.commit("3")
		synctest.Wait()
		end <- nil
		synctest.Wait()
		next()
		synctest.Wait()
		if got := s.replayed(); len(got) != 1 {
			t.Errorf("before its file is written the log speaks of %v, want a", got)
		}
		s.want("a", "123") // the replay's
		s.write("a", "?")
		release()
		synctest.Wait()
		s.want("a", "123")
		if got := s.replayed(); got != nil {
			t.Errorf("afterwards the log speaks of %v", got)
		}
		s.fs.Fail(disktest.Fault{Op: disktest.Write, Count: -1, Err: syscall.ENOSPC, Match: func(name string) bool { return name == "/data/a" }})
		b := s.enter("b")
		a.save("4")
		synctest.Wait()
		b.save("1")
		b.save("2")
		a.wantAlive()
		b.wantAlive()
		s.want("a", "123")
		s.fs.Clear()
		a.save("5")
		synctest.Wait()
		s.want("a", "12345")
		s.want("b", "12")
		if got := s.replayed(); got != nil {
			t.Errorf("when there is room again the log speaks of %v", got)
		}
		a.leave()
		b.leave()
		s.close()
	})
}

// A sync of an object's own that failed while its segment was being given up keeps the
// segment: ours need not have heard of that (T15).
func TestT15DoubtMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShared(t, short)
		a := s.enter("a")
		if err := s.Syncing(s.path("a")); err != nil {
			t.Fatal(err)
		}
		a.save("1")
		synctest.Wait()
		if got := s.replayed(); len(got) != 1 {
			t.Errorf("during a sync of its own the log speaks of %v, want a", got)
		}
		s.Doubt(s.path("a"), errDisk)
		synctest.Wait()
		if got := s.replayed(); len(got) != 1 {
			t.Errorf("after that failed the log speaks of %v, want a", got)
		}
		a.wantDead(errDisk)
		a.lose()
		s.close()
	})
}

// If files cannot be synced, all Logs die; when everybody has left, the log is replayed,
// and then all is well. Who opened files before that and comes late is told, too.
func TestSharedRuin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShared(t, short)
		a, b := s.enter("a"), s.enter("b")
		if err := s.Enter(s.path("late")); err != nil {
			t.Fatal(err)
		}
		b.save("1")
		synctest.Wait()
		end, release := s.hold("sync /a")
		a.save("1")
		_, succeed := s.hold("sync .log")
		b.commit("2")
		synctest.Wait()
		end <- errDisk
		release()
		synctest.Wait()
		succeed() // b's batch is durable, but was refused
		synctest.Wait()
		a.wantDead(errDisk)
		b.wantDead(errDisk)
		late := &member{shared: s, name: "late", gate: b.gate, told: make(chan error, 1)}
		late.log = s.Open(late, late.gate, func(err error) { late.told <- err })
		synctest.Wait()
		late.wantDead(errDisk)
		s.write("a", "?") // what a failed sync made of it
		entered, old := make(chan struct{}), a
		go func() {
			a = s.enter("a")
			close(entered)
		}()
		old.lose()
		b.lose()
		synctest.Wait()
		select {
		case <-entered:
			t.Error("Enter did not wait for those who have files open")
		default:
		}
		late.lose()
		<-entered
		s.want("a", "1")
		s.want("b", "1")
		a.save("2")
		b = s.enter("b")
		a.leave()
		b.leave()
		s.close()
	})
}

// Who has entered is told at once that a mark must wait for the replay, which waits for him; who
// has not waits.
func TestSharedRuinInside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShared(t)
		a := s.enter("a")
		a.save("1")
		s.Doubt(s.path("b"), errDisk)
		entered, removed := make(chan error, 1), make(chan error, 1)
		go func() { entered <- s.Enter(s.path("b")) }() // which begins it
		synctest.Wait()
		began := time.Now()
		for what, err := range map[string]error{
			"Removed": s.Removed(s.path("a")),
			"Forget":  s.Forget(context.Background(), s.path("a")),
			"Touched": s.Touched(context.Background(), s.path("a")),
			"Enter":   s.Enter(s.path("a")), // for a Snapshot
		} {
			if !errors.Is(err, errDisk) {
				t.Errorf("%s of who has entered = %v, want %v", what, err, errDisk)
			}
		}
		if waited := time.Since(began); waited > 0 {
			t.Errorf("that took %v", waited)
		}
		go func() { removed <- s.Removed(s.path("c")) }()
		synctest.Wait()
		if len(removed) > 0 {
			t.Errorf("Removed of another = %v before the replay", <-removed)
		}
		a.wantDead(errDisk)
		a.lose()
		if err := errors.Join(<-entered, <-removed); err != nil {
			t.Error(err)
		}
		s.want("a", "1")
		s.Done(s.path("c"))
		s.Leave(s.path("b"))
		s.close()
	})
}

// An object that left is durable in its file when its segment is given up, not before; its owner
// has written it there, and is not asked.
func TestSharedLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShared(t)
		a := s.enter("a")
		a.save("1")
		before := s.syncs(0)
		a.leave()
		s.want("a", "1")
		a.text = "gone"
		if n := s.syncs(before); n > 0 {
			t.Errorf("%d syncs when it left", n)
		}
		if got := s.replayed(); len(got) != 1 {
			t.Errorf("the log speaks of %v, want a", got)
		}
		before = s.syncs(0)
		s.close()
		s.want("a", "1")
		if n := s.syncs(before); n < 1 {
			t.Error("its file was not synced")
		}
	})
}

// L15: a removal that the log promised is not forgotten before the files are gone.
func TestL15RemovedIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShared(t, short)
		a, b := s.enter("a"), s.enter("b")
		a.save("1")
		a.leave()
		if err := s.Removed(s.path("a")); err != nil {
			t.Fatal(err)
		}
		b.save("1")
		synctest.Wait()
		s.replayed()
		s.want("a", "-")
		s.Done(s.path("a"))
		synctest.Wait()
		if got := s.replayed(); got != nil {
			t.Errorf("the log still speaks of %v", got)
		}
		b.leave()
		s.close()
	})
}

// Settled goes with the next batch, before what is said of the object afterwards; Forget
// is durable when it returns.
func TestSharedSettled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShared(t)
		a, b := s.enter("a"), s.enter("b")
		a.save("old")
		before := s.syncs(0)
		s.Settled(s.path("a"))
		s.Settled(s.path("nobody"))
		synctest.Wait()
		if s.syncs(before) > 0 {
			t.Error("Settled was synced by itself")
		}
		a.text, a.was, a.loose = "", 0, true
		a.save("n")
		s.write("a", "NEW")
		s.replayed()
		s.want("a", "nEW") // no old
		b.save("1")
		if err := s.Forget(context.Background(), s.path("b")); err != nil {
			t.Fatal(err)
		}
		s.write("b", "?")
		s.replayed()
		s.want("b", "?")
		a.leave()
		b.leave()
		s.close()
	})
}

// If complete segments cannot be given up, commits wait, but not for ever; what they are
// told is true, and a log that failed gets nothing more.
func TestSharedNoRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		index := errDisk
		s := newShared(t, short, func(o *durable.SharedOptions) {
			o.Before = func(map[string]struct{}) error { return index }
		})
		a, b := s.enter("a"), s.enter("b")
		for range 3 {
			a.save("1")
			synctest.Wait()
		}
		b2 := s.Open(a, b.gate, func(error) { b.commit("1") }) // comes while the failure is told
		b2.Commit(durable.Commit{Ticket: b.gate.Take()})
		synctest.Wait()
		if err := b.log.Flush(context.Background()); !errors.Is(err, errDisk) {
			t.Errorf("a commit after the log failed: %v, want %v", err, errDisk)
		}
		a.wantAlive()
		index = nil
		a.save("2")
		if d := a.log.Durable(); d.Frames != len(a.text) {
			t.Errorf("Durable() = %+v, want all of %q", d, a.text)
		}
		b2.Close()
		a.leave()
		b.leave()
		s.close()
	})
}

// A Close that cannot make files durable leaves the log for a replay.
func TestSharedCloseFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShared(t)
		a := s.enter("a")
		a.save("1")
		a.leave()
		_, release := s.hold("sync /a")
		closed := make(chan error, 1)
		go func() { closed <- s.Close() }()
		synctest.Wait()
		s.mu.Lock()
		end := s.holds["sync /a"]
		s.mu.Unlock()
		end <- errDisk
		end <- errDisk // that of the replay
		if err := <-closed; !errors.Is(err, errDisk) {
			t.Errorf("Close = %v, want %v", err, errDisk)
		}
		release()
		if got := s.replayed(); len(got) != 1 {
			t.Errorf("the log that is left speaks of %v, want a", got)
		}
	})
}

// D11: Fault fails the next sync with a commit of that object.
func TestD11SharedFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShared(t, func(o *durable.SharedOptions) {
			o.Fault = func(path string) error {
				if path == "/data/a" {
					return errDisk
				}
				return nil
			}
			o.Timeout = -1
		})
		a, b := s.enter("a"), s.enter("b")
		b.save("1")
		a.commit("1")
		synctest.Wait()
		time.Sleep(time.Hour)
		a.wantDead(errDisk)
		b.save("2")
		a.leave()
		b.leave()
		s.close()
	})
}
