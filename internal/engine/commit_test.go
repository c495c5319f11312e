package engine_test

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/disk/disktest"
	"github.com/durablego/do/internal/doerr"
	"github.com/durablego/do/internal/durable"
	"github.com/durablego/do/internal/engine"
)

// T11, T13: a commit that writes nothing takes no ticket; others take 1, 2, …
func TestT13Tickets(t *testing.T) {
	o := newObject(t)
	commit := func(wantTicket uint64, wantWrote bool) {
		t.Helper()
		if ticket, wrote, err := o.Commit(); ticket != wantTicket || wrote != wantWrote || err != nil {
			t.Errorf("Commit = %d, %v, %v; want %d, %v", ticket, wrote, err, wantTicket, wantWrote)
		}
	}
	commit(0, false)
	o.put("a", "1")
	o.put("b", "1")
	commit(1, true)
	commit(1, false)
	o.want("a", "1", "b", "1")
	commit(1, false)
	o.put("a", "1") // as it was
	commit(1, false)
	o.put("a", "2")
	commit(2, true)
	if err := o.Exec(ctx, "UPDATE _do_kv SET value = 'x' WHERE key = 'none'"); err != nil {
		t.Fatal(err)
	}
	commit(2, false)
	if got := o.gate.Opened(); got != 0 {
		t.Errorf("ticket %d is open without a sync", got)
	}
	o.release()
	if got := o.gate.Opened(); got != 2 {
		t.Errorf("opened up to %d, want 2", got)
	}
}

// T12: Rollback undoes what was written since the last commit point only.
func TestT12Rollback(t *testing.T) {
	o := newObject(t).auto()
	o.save("a", "1")
	o.put("a", "2")
	o.put("b", "2")
	if err := o.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := o.Rollback(); err != nil {
		t.Fatal(err)
	}
	o.want("a", "1")
	if _, wrote, err := o.Commit(); wrote || err != nil {
		t.Errorf("Commit after Rollback = %v, %v", wrote, err)
	}
	o.close()
	o.want("a", "1")
}

// goroutine names the running goroutine.
func goroutine() string {
	stack := make([]byte, 64)
	stack = stack[:runtime.Stack(stack, false)]
	return string(bytes.Fields(stack)[1])
}

// T13, T16: no fsync of any kind happens on the goroutine that writes and commits, from
// the first write of the object on; all of them happen elsewhere.
func TestNoSyncOnTheCallersGoroutine(t *testing.T) {
	o := newObject(t, func(o *engine.Options) { o.Opener = durable.Fsync(durable.FsyncOptions{}) })
	me := goroutine()
	var mu sync.Mutex
	mine, others := 0, map[string]int{}
	o.disk.Hook(func(op disktest.Op, name string) error {
		if op != disktest.Sync && op != disktest.SyncDir {
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		if goroutine() == me {
			mine++
		}
		others[fmt.Sprint(op, strings.TrimPrefix(name, o.dir))]++
		return nil
	})
	for i := range 50 {
		o.put("a", fmt.Sprint(i))
		o.commit()
		if i%10 == 0 {
			if err := o.gate.Wait(ctx, o.gate.Newest()); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := o.gate.Wait(ctx, o.gate.Newest()); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if mine != 0 {
		t.Errorf("%d syncs on the goroutine of the turn", mine)
	}
	if others["sync/a.sqlite"] != 1 || others["syncdir"] != 1 || others["sync/a.sqlite-wal"] < 5 {
		t.Errorf("syncs elsewhere: %v; want the main file and the folder once, the log for each wait", others)
	}
}

// T13: while an fsync runs, turns go on, and the next fsync covers them all.
func TestT13TurnsGoOnDuringASync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newObject(t, func(o *engine.Options) { o.Opener = durable.Fsync(durable.FsyncOptions{}) })
		o.save("a", "0")
		if err := o.DB.Flush(ctx); err != nil {
			t.Fatal(err)
		}
		o.disk.Hook(func(op disktest.Op, _ string) error {
			if op == disktest.Sync {
				time.Sleep(10 * time.Second)
			}
			return nil
		})
		before := o.disk.Count(disktest.Sync)
		o.save("a", "first")
		synctest.Wait() // the sync runs
		start := time.Now()
		for i := range 100 {
			o.save("a", fmt.Sprint(i))
		}
		if d := time.Since(start); d > 0 {
			t.Errorf("100 turns took %v of waiting", d)
		}
		if err := o.DB.Flush(ctx); err != nil {
			t.Fatal(err)
		}
		if d, n := time.Since(start), o.disk.Count(disktest.Sync)-before; d != 20*time.Second || n != 2 {
			t.Errorf("%v and %d syncs, want 20s and 2", d, n)
		}
	})
}

// T33: a deferred key that is violated at the commit undoes the turn and breaks the
// database; it is the user's failure.
func TestT33DeferredKey(t *testing.T) {
	o := newObject(t).auto()
	if err := o.Exec(ctx, `CREATE TABLE p(id PRIMARY KEY); CREATE TABLE c(p REFERENCES p DEFERRABLE INITIALLY DEFERRED)`); err != nil {
		t.Fatal(err)
	}
	o.save("a", "1")
	o.put("a", "2")
	if err := o.Exec(ctx, "INSERT INTO c VALUES(7)"); err != nil {
		t.Fatal(err)
	}
	_, wrote, err := o.Commit()
	if wrote || !errors.Is(err, doerr.ErrReset) || engine.IsIO(err) || o.Broken() == nil {
		t.Fatalf("Commit = %v, %v; broken: %v", wrote, err, o.Broken())
	}
	o.recover()
	o.want("a", "1")
	if !o.IsOpen() {
		t.Error("the connection was closed although it is sound")
	}
	o.save("a", "3")
}

// T34.7: a commit that fails by I/O is undone, older ones are kept and become durable,
// and the failed one never comes back. Here the fault comes before the disk is asked.
func TestT34_7CommitFault(t *testing.T) {
	fail := false
	o := newObject(t, func(o *engine.Options) {
		o.CommitFault = func() error {
			if fail {
				return errDisk
			}
			return nil
		}
	})
	old := o.save("a", "1")
	fail = true
	o.put("a", "2")
	_, wrote, err := o.Commit()
	if wrote || !errors.Is(err, doerr.ErrReset) || !errors.Is(err, errDisk) || !engine.IsIO(err) {
		t.Fatalf("Commit = %v, %v", wrote, err)
	}
	fail = false
	o.manual.Auto(true)
	o.release()
	o.recover()
	if err := o.gate.Wait(ctx, old); err != nil {
		t.Errorf("the older commit: %v", err)
	}
	o.want("a", "1")
}

// liar is a disk whose writes may fail although they were done, as far as anyone can
// tell afterwards.
type liar struct {
	disk.FS
	lie bool
}

type liarFile struct {
	disk.File
	fs *liar
}

func (l *liar) Open(name string, flag int) (disk.File, error) {
	f, err := l.FS.Open(name, flag)
	return &liarFile{f, l}, err
}

func (f *liarFile) WriteAt(p []byte, off int64) (int, error) {
	n, err := f.File.WriteAt(p, off)
	if err == nil && f.fs.lie {
		err = errDisk
	}
	return n, err
}

// T34.7: a refused commit whose frames are all in the log, its commit mark included, is
// cut off, so that no later opening finds it.
func TestT34_7RefusedCommitDoesNotComeBack(t *testing.T) {
	fs := &liar{FS: disk.OS()}
	o := newObject(t, func(o *engine.Options) { o.FS = fs })
	old := o.save("a", "1")
	fs.lie = true
	o.put("a", "2")
	if _, _, err := o.Commit(); !engine.IsIO(err) {
		t.Fatalf("Commit = %v, want the disk's failure", err)
	}
	fs.lie = false
	o.manual.Auto(true)
	o.release()
	o.recover()
	o.want("a", "1")
	if err := o.gate.Wait(ctx, old); err != nil {
		t.Errorf("the older commit: %v", err)
	}
	o.save("b", "3")
	o.want("a", "1", "b", "3")
}

// T16: a commit that takes longer than 30 s counts as failed, while it still hangs and
// when it is through; it is cut off, older ones stay.
func TestT16CommitTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newObject(t)
		old := o.save("a", "1")
		o.disk.Hook(func(op disktest.Op, _ string) error {
			if op == disktest.Write {
				time.Sleep(40 * time.Second)
			}
			return nil
		})
		o.put("a", "2")
		done := make(chan error, 1)
		go func() {
			_, _, err := o.Commit()
			done <- err
		}()
		time.Sleep(30*time.Second - 1)
		synctest.Wait()
		if got := o.failures(); len(got) != 0 {
			t.Fatalf("told %v before the limit", got)
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if got := o.failures(); len(got) != 1 || !engine.IsTimeout(got[0]) || !engine.IsIO(got[0]) || !errors.Is(got[0], doerr.ErrReset) {
			t.Fatalf("told %v, want a time-out", got)
		}
		if err := <-done; !engine.IsTimeout(err) {
			t.Errorf("Commit = %v, want a time-out", err)
		}
		o.disk.Hook(nil)
		o.manual.Auto(true)
		o.release()
		o.recover()
		o.want("a", "1")
		if err := o.gate.Wait(ctx, old); err != nil || o.gate.Newest() != old {
			t.Errorf("the older commit: %v; newest ticket %d, want %d", err, o.gate.Newest(), old)
		}
	})
}

// I13: the name is stored with the next commit that writes, known after eviction, and
// never makes a file by itself.
func TestI13Name(t *testing.T) {
	o := newObject(t).auto()
	o.SetName("")
	o.SetName("alice")
	if _, wrote, err := o.Commit(); wrote || err != nil {
		t.Fatal(wrote, err)
	}
	o.wantFiles()
	o.put("a", "1")
	if err := o.Rollback(); err != nil {
		t.Fatal(err)
	}
	o.save("a", "1")
	// Once stored it is not written again: what is there stays.
	if err := o.Exec(ctx, "UPDATE _do_meta SET value = 'alice in other words' WHERE key = 'name'"); err != nil {
		t.Fatal(err)
	}
	o.save("a", "2")
	const stored = "SELECT value FROM _do_meta WHERE key = 'name'"
	if got, err := o.Query(ctx, stored); err != nil || !slices.Equal(got, []string{"alice in other words"}) {
		t.Errorf("the name after a second commit: %q, %v", got, err)
	}
	if err := o.Exec(ctx, "UPDATE _do_meta SET value = 'alice' WHERE key = 'name'"); err != nil {
		t.Fatal(err)
	}
	o.commit()
	o.close()
	next := engine.New(engine.Options{
		FS: o.disk, Path: o.path, Folder: durable.NewFolder(o.disk, o.dir), Opener: o.manual, Gate: o.gate,
	})
	if name, err := next.Name(); name != "alice" || err != nil {
		t.Errorf("Name() = %q, %v; want alice", name, err)
	}
	next.SetName("alice")
	s := next.Session(nil)
	if err := s.Put(ctx, "a", []byte("2")); err != nil {
		t.Fatal(err)
	}
	if _, wrote, err := s.Commit(); wrote || err != nil {
		t.Errorf("Commit wrote a name that was stored: %v, %v", wrote, err)
	}
	if err := s.DeleteAll(ctx); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Query(ctx, stored); err != nil || !slices.Equal(got, []string{"alice"}) {
		t.Errorf("the name after DeleteAll: %q, %v", got, err)
	}
	if _, _, err := s.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := next.Close(ctx); err != nil {
		t.Fatal(err)
	}
	o.wantFiles() // a name is no data (K26)
}
