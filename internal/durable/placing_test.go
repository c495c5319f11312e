package durable_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/durablego/do/internal/durable"
)

// A complete segment is given up when its objects' files are durable, and not before.
func TestSharedPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShared(t, short)
		a := s.enter("a")
		_, release := s.hold("sync a-wal")
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
		a.leave(false)
		s.close()
	})
}

// A sync of an object's own that failed while its segment was being given up keeps the
// segment: ours need not have heard of that (T15).
func TestT15DoubtMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShared(t, short)
		a := s.enter("a")
		_, release := s.hold("sync a-wal")
		a.save("1")
		synctest.Wait()
		if err := s.Syncing(s.path("a"), false); err != nil {
			t.Fatal(err)
		}
		release()
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
		a.leave(false)
		s.close()
	})
}

// If files cannot be synced, all Logs die; when everybody has left, the log is replayed,
// and then all is well. Who opened files before that and comes late is told, too.
func TestSharedRuin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShared(t, short)
		a, b := s.enter("a"), s.enter("b")
		if _, err := s.Enter(s.path("late")); err != nil {
			t.Fatal(err)
		}
		b.save("1")
		gone := s.enter("gone")
		gone.save("1")
		synctest.Wait()
		gone.leave(true)
		end, release := s.hold("sync a-wal")
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
		s.write("b-wal", "1?")
		late := &member{shared: s, name: "late", gate: b.gate, told: make(chan error, 1)}
		late.log = s.Open(late, late.gate, func(err error) { late.told <- err })
		synctest.Wait()
		late.wantDead(errDisk)
		s.write("a-wal", "?") // what a failed sync made of it
		entered := make(chan struct{})
		go func() {
			a = s.enter("a")
			close(entered)
		}()
		a.leave(false)
		b.leave(true)
		synctest.Wait()
		select {
		case <-entered:
			t.Error("Enter did not wait for those who have files open")
		default:
		}
		late.leave(false)
		<-entered
		s.want("a-wal", "1")
		s.want("b-wal", "1?")
		s.want("gone-wal", "1") // its main file may be older than it was left
		a.text, a.was = "1", 1
		a.save("2")
		if b = s.enter("b"); b.kept {
			t.Error("files are as they were left, before a replay")
		}
		a.leave(false)
		b.leave(false)
		s.close()
	})
}

// An object that left keeps its write-ahead log until its files are durable; who comes
// back before finds it, who comes while it is being removed waits, and who removes the
// object, too.
func TestSharedLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShared(t)
		a := s.enter("a")
		a.save("1")
		a.leave(true)
		s.want("a-wal", "1")
		a = s.enter("a")
		if !a.kept {
			t.Error("the write-ahead log was not kept")
		}
		a.leave(true)
		s.close()
		s.want("a-wal", "-")
		s.want("a", "main")
	})
	for _, next := range []string{"enter", "remove"} {
		t.Run(next, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newShared(t, short)
				a, b := s.enter("a"), s.enter("b")
				a.save("1")
				synctest.Wait()
				a.leave(true)
				_, release := s.hold("remove a-wal")
				b.save("1") // a's segment becomes complete
				synctest.Wait()
				done := make(chan struct{})
				go func() {
					defer close(done)
					if next == "remove" {
						if err := s.Removed(s.path("a")); err != nil {
							t.Error(err)
						}
						s.Done(s.path("a"))
						return
					}
					if a = s.enter("a"); a.kept {
						t.Error("a write-ahead log was kept that is being removed")
					}
					a.leave(false)
				}()
				synctest.Wait()
				select {
				case <-done:
					t.Error("it did not wait for the removal")
				default:
				}
				release()
				<-done
				s.want("a-wal", "-")
				b.leave(false)
				s.close()
			})
		})
	}
}

// L15: a removal that the log promised is not forgotten before the files are gone.
func TestL15RemovedIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShared(t, short)
		a, b := s.enter("a"), s.enter("b")
		a.save("1")
		a.leave(false)
		if err := s.Removed(s.path("a")); err != nil {
			t.Fatal(err)
		}
		b.save("1")
		synctest.Wait()
		s.replayed()
		s.want("a", "-")
		s.want("a-wal", "-")
		s.Done(s.path("a"))
		synctest.Wait()
		if got := s.replayed(); got != nil {
			t.Errorf("the log still speaks of %v", got)
		}
		b.leave(false)
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
		a.text, a.was = "", 0
		s.write("a-wal", "NEW")
		a.save("n")
		s.write("a-wal", "NEW")
		s.replayed()
		s.want("a-wal", "nEW") // no old
		b.save("1")
		if err := s.Forget(context.Background(), s.path("b")); err != nil {
			t.Fatal(err)
		}
		s.write("b-wal", "?")
		s.replayed()
		s.want("b-wal", "?")
		a.leave(false)
		b.leave(false)
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
		a.leave(false)
		b.leave(false)
		s.close()
	})
}

// A Close that cannot make files durable leaves the log for a replay.
func TestSharedCloseFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShared(t)
		a := s.enter("a")
		a.save("1")
		a.leave(true)
		_, release := s.hold("sync a-wal")
		closed := make(chan error, 1)
		go func() { closed <- s.Close() }()
		synctest.Wait()
		s.mu.Lock()
		end := s.holds["sync a-wal"]
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
		a.leave(false)
		b.leave(false)
		s.close()
	})
}
