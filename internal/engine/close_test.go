package engine_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/disk/disktest"
	"github.com/durablego/do/internal/doerr"
	"github.com/durablego/do/internal/durable"
	"github.com/durablego/do/internal/engine"
)

// L5, L18: Close waits for the tickets, checkpoints, and leaves the main file alone; the
// next use opens it again. The hooks see every opening.
func TestL5Close(t *testing.T) {
	var events []string
	o := newObject(t, func(o *engine.Options) {
		o.BeforeOpen = func() { events = append(events, "before") }
		o.OnOpen = func(bool) { events = append(events, "open") }
		o.OnClose = func() { events = append(events, "close") }
	})
	o.close() // nothing is open
	o.save("a", "1")
	limited, cancel := context.WithTimeout(ctx, time.Millisecond)
	defer cancel()
	if err := o.DB.Close(limited); !errors.Is(err, context.DeadlineExceeded) || o.Broken() != nil || !o.IsOpen() {
		t.Errorf("Close before the ticket opens = %v; broken: %v, open: %v", err, o.Broken(), o.IsOpen())
	}
	o.manual.Auto(true)
	o.release()
	o.put("a", "2") // nobody committed it
	o.close()
	o.close()
	o.wantFiles("main")
	if o.IsOpen() {
		t.Error("still open")
	}
	o.want("a", "1")
	if !o.IsOpen() {
		t.Error("not open after use")
	}
	o.close()
	if want := []string{"before", "open", "close", "before", "open", "close"}; !slices.Equal(events, want) {
		t.Errorf("hooks: %v, want %v", events, want)
	}
}

// N21, T16: past its size the log asks for a checkpoint, which begins by waiting for all
// tickets and empties it.
func TestN21Checkpoint(t *testing.T) {
	o := newObject(t, func(o *engine.Options) { o.CheckpointBytes = 20 << 10 })
	if err := o.DB.Checkpoint(ctx); err != nil {
		t.Fatal(err)
	}
	n := 0
	for ; !o.WantsCheckpoint(); n++ {
		o.save("a", fmt.Sprint(n))
	}
	if n != 5 { // frames of 4,120 bytes
		t.Errorf("a checkpoint is wanted after %d commits, want 5", n)
	}
	limited, cancel := context.WithTimeout(ctx, time.Millisecond)
	defer cancel()
	if err := o.DB.Checkpoint(limited); !errors.Is(err, context.DeadlineExceeded) || o.Broken() != nil {
		t.Errorf("Checkpoint before the tickets open = %v", err)
	}
	o.put("b", "1")
	if err := o.DB.Checkpoint(ctx); !errors.Is(err, doerr.ErrInTransaction) {
		t.Errorf("Checkpoint with a transaction open = %v", err)
	}
	o.commit()
	o.release()
	if err := o.DB.Checkpoint(ctx); err != nil {
		t.Fatal(err)
	}
	if log, err := os.ReadFile(o.path + "-wal"); err != nil || !bytes.Equal(log[:32], make([]byte, 32)) || o.WantsCheckpoint() {
		t.Errorf("after a checkpoint the log begins with % x (%v), wants one: %v", log[:min(32, len(log))], err, o.WantsCheckpoint())
	}
	o.want("a", fmt.Sprint(n-1), "b", "1")
}

// T16: a checkpoint that takes more than 30 s counts as failed.
func TestT16CheckpointTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newObject(t).auto()
		o.save("a", "1")
		o.disk.Hook(func(op disktest.Op, _ string) error {
			if op == disktest.Sync {
				time.Sleep(31 * time.Second)
			}
			return nil
		})
		if err := o.DB.Checkpoint(ctx); !engine.IsTimeout(err) {
			t.Errorf("Checkpoint = %v, want a time-out", err)
		}
		if got := o.failures(); len(got) != 1 || !engine.IsTimeout(got[0]) {
			t.Errorf("told %v, want the time-out", got)
		}
		o.disk.Hook(nil)
		o.recover()
		o.want("a", "1")
	})
}

// L16, K26: an object without data leaves nothing behind, whatever it had before; with
// any data, everything.
func TestK26ObjectWithoutData(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(o *object)
		want []string
	}{
		{"rolled back", func(o *object) { o.put("a", "1") }, nil},
		{"deleted at once", func(o *object) { o.put("a", "1"); _, _ = o.Delete(ctx, []string{"a"}); o.commit() }, nil},
		{"deleted later", func(o *object) { o.save("a", "1"); o.close(); _, _ = o.Delete(ctx, []string{"a"}); o.commit() }, nil},
		{"DeleteAll", func(o *object) { o.save("a", "1"); _ = o.DB.Checkpoint(ctx); _ = o.DeleteAll(ctx); o.commit() }, nil},
		{"a key", func(o *object) { o.save("", "") }, []string{"main"}},
		{"a table", func(o *object) { _ = o.Exec(ctx, "CREATE TABLE t(x)"); o.commit() }, []string{"main"}},
		{"a view", func(o *object) { _ = o.Exec(ctx, "CREATE VIEW v AS SELECT 1"); o.commit() }, []string{"main"}},
		{"meta", func(o *object) { _ = o.Exec(ctx, "INSERT INTO _do_meta VALUES('alarm', 1)"); o.commit() }, []string{"main"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := newObject(t).auto()
			o.SetName("name")
			c.do(o)
			o.close()
			o.wantFiles(c.want...)
			// It goes on with an empty store.
			o.save("again", "1")
			o.close()
			o.wantFiles("main")
		})
	}
}

// L15, L16: the log goes before the main file, and the folder is synced after both; the
// data is durably gone from the main file by then.
func TestL16OrderOfRemoval(t *testing.T) {
	o := newObject(t).auto()
	o.save("a", "1")
	o.close()
	_, _ = o.Delete(ctx, []string{"a"})
	o.commit()
	var ops []string
	o.disk.Hook(func(op disktest.Op, name string) error {
		if op != disktest.Read && op != disktest.Stat {
			ops = append(ops, strings.TrimSuffix(fmt.Sprint(op, " ", strings.TrimPrefix(strings.TrimPrefix(name, o.dir), "/a.sqlite")), " "))
		}
		return nil
	})
	o.close()
	tail := ops[max(0, len(ops)-5):]
	if want := []string{"write", "sync", "remove -wal", "remove", "syncdir"}; !slices.Equal(tail, want) {
		t.Errorf("operations %q, want the last to be %q", ops, want)
	}
}

// Invariant 9: while the removal of an older main file is not durable, no new one is
// made, whatever the power cut leaves.
func TestRemovalIsDurableBeforeTheNameIsUsedAgain(t *testing.T) {
	o := newObject(t).auto()
	o.save("a", "1")
	o.close()
	_, _ = o.Delete(ctx, []string{"a"})
	o.commit()
	o.disk.Fail(disktest.Fault{Op: disktest.SyncDir, Count: 2})
	if err := o.DB.Close(ctx); !engine.IsIO(err) || o.Broken() != nil {
		t.Fatalf("Close = %v, broken: %v; want the disk's error, and closed", err, o.Broken())
	}
	o.wantFiles()
	if err := o.Put(ctx, "b", nil); !engine.IsIO(err) || o.Broken() != nil {
		t.Errorf("Put = %v, broken: %v; want the disk's error, and not broken", err, o.Broken())
	}
	o.wantFiles()
	o.save("b", "1")
	o.want("b", "1")
}

// Invariant 5: what a dead process left in the log is durable before it is said, and
// survives any power cut from then on. T15: if the sync of it fails, the bytes are
// written anew before the next try.
func TestLogOfADeadProcess(t *testing.T) {
	for _, fails := range []int{0, 1, 3} {
		t.Run(fmt.Sprint(fails, " failing syncs"), func(t *testing.T) {
			first := newObject(t)
			first.save("a", strings.Repeat("1", 5000))
			first.save("b", "2")
			dir := t.TempDir()
			for _, name := range []string{"a.sqlite", "a.sqlite-wal"} { // as a killed process leaves them
				data, err := os.ReadFile(filepath.Join(first.dir, name))
				if err != nil {
					t.Fatal(err)
				}
				// A recorder counts what it finds as durable, but a page cache need not be.
				if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			faulty := disktest.NewFaulty(disk.OS())
			rec, err := disktest.NewRecorder(faulty, dir)
			if err != nil {
				t.Fatal(err)
			}
			db := engine.New(engine.Options{
				FS: rec, Path: filepath.Join(dir, "a.sqlite"), Folder: durable.NewFolder(rec, dir),
				Opener: durable.Relaxed(), Gate: first.gate,
			})
			s := db.Session(nil)
			writes := 0
			faulty.Hook(func(op disktest.Op, name string) error {
				if op == disktest.Write && walOnly(name) {
					writes++
				}
				return nil
			})
			faulty.Fail(disktest.Fault{Op: disktest.Sync, Count: fails, Match: walOnly})
			if fails == 0 { // the folder's turn, once
				faulty.Clear()
				faulty.Fail(disktest.Fault{Op: disktest.SyncDir})
			}
			for range max(fails, 1) {
				if _, _, err := s.Get(ctx, "a"); !engine.IsIO(err) {
					t.Errorf("Get = %v, want the disk's failure", err)
				}
			}
			if got, err := dump(s, engine.Range{}); err != nil || len(got) != 4 {
				t.Fatalf("%d strings, %v; want two entries", len(got), err)
			}
			if writes != fails+1 { // and its header is cleared
				t.Errorf("the log was written %d times, want once after each failed sync, %d, and once", writes, fails)
			}
			if n := faulty.Count(disktest.SyncDir); n < 2 {
				t.Errorf("the folder was synced %d times, want once at each try", n)
			}
			rng := rand.New(rand.NewPCG(1, 2))
			for i := range 20 {
				dst := filepath.Join(t.TempDir(), fmt.Sprint(i))
				if err := rec.PowerCut(rng, dst); err != nil {
					t.Fatal(err)
				}
				cut := engine.New(engine.Options{
					FS: disk.OS(), Path: filepath.Join(dst, "a.sqlite"), Folder: durable.NewFolder(disk.OS(), dst),
					Opener: durable.Relaxed(), Gate: first.gate,
				})
				if got, err := dump(cut.Session(nil), engine.Range{}); err != nil || len(got) != 4 {
					t.Errorf("after a power cut: %d strings, %v; want two entries", len(got), err)
				}
				if err := cut.Close(ctx); err != nil {
					t.Error(err)
				}
			}
			if err := db.Close(ctx); err != nil {
				t.Error(err)
			}
		})
	}
}
