package sqlite_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/disk/disktest"
	"github.com/durablego/do/internal/sqlite"
)

// replica is a copy of a main file that is kept up to date with what TakeCommits gives.
type replica struct {
	d      *db
	all    []byte         // also what a commit that made the file shorter has left behind
	file   []byte         // all but that
	frames []sqlite.Frame // since the last checkpoint
}

func (r *replica) take() {
	r.d.tb.Helper()
	old := len(r.frames)
	var err error
	if r.frames, err = r.d.TakeCommits(r.frames); err != nil {
		r.d.tb.Fatal(err)
	}
	for _, f := range r.frames[old:] {
		p := r.d.View(f.At)
		if p == nil {
			p = make([]byte, pageSize)
			if _, err := r.d.Log().ReadAt(p, f.At); err != nil {
				r.d.tb.Fatal(err)
			}
		}
		if f.Was > 0 {
			was := make([]byte, pageSize)
			if _, err := r.d.Log().ReadAt(was, f.Was); err != nil || !bytes.Equal(was, r.all[f.Off:f.Off+pageSize]) {
				r.d.tb.Errorf("what the page at %d held before is not where it is said to be, %v", f.Off, err)
			}
		}
		if need := int(f.Off) + pageSize; need > len(r.all) {
			r.all = append(r.all, make([]byte, need-len(r.all))...)
		}
		copy(r.all[f.Off:], p)
		if f.Size > 0 {
			r.file = r.all[:f.Size]
		}
	}
	if n := r.d.Frames(); n != len(r.frames) {
		r.d.tb.Errorf("%d frames in commits, took %d", n, len(r.frames))
	}
}

const everything = "SELECT count(*) || ' ' || total(i) || ' ' || total(n) || ' ' || total(length(x)) FROM t"

// Of a log in memory TakeCommits gives all that a commit has changed and nothing else, whatever
// became of what was not committed; the main file has the same after a checkpoint, and at any
// time after a write-back. It works the same when most of the log is in a file.
func TestLogInMemory(t *testing.T) {
	seeds := uint64(4)
	if testing.Short() {
		seeds = 1
	}
	for _, v := range []struct {
		name, pragma string
		frames       int // in memory
	}{
		{"in memory", "", 1 << 20},
		{"in a file", "", 7},
		{"shrinking", "PRAGMA auto_vacuum=FULL;", 7},
	} {
		t.Run(v.name, func(t *testing.T) {
			defer sqlite.SetMaxInMemory(v.frames)()
			for seed := range seeds {
				rng := rand.New(rand.NewPCG(seed, 3))
				path := newFile(t, newImage(t, v.pragma+"CREATE TABLE t(i INTEGER PRIMARY KEY, n, x)"))
				d := open(t, path, sqlite.Options{WAL: true, LogInMemory: true})
				r := &replica{d: d, all: read(t, path)}
				r.file = r.all
				d.exec("PRAGMA cache_size=10") // so that transactions spill
				written := 0
				for i := range 120 {
					d.exec("BEGIN")
					for range rng.IntN(12) {
						d.exec("INSERT OR REPLACE INTO t VALUES (%d, %d, randomblob(%d))", rng.IntN(200), i, rng.IntN(9000))
						if rng.IntN(6) == 0 {
							d.exec("SAVEPOINT s; UPDATE t SET x = randomblob(3000) WHERE i %% 3 = %d; ROLLBACK TO s", rng.IntN(3))
						}
						if rng.IntN(9) == 0 {
							d.exec("DELETE FROM t WHERE i > %d", rng.IntN(200))
						}
					}
					d.exec("%s", []string{"COMMIT", "COMMIT", "COMMIT", "ROLLBACK"}[rng.IntN(4)])
					r.take()
					switch rng.IntN(8) {
					case 0:
						to := written + rng.IntN(len(r.frames)-written+1)
						if err := d.WriteBack(written, to, func(int64, int) error { return nil }); err != nil {
							t.Fatal(err)
						}
						written = to
					case 1:
						d.checkpoint()
						if d.Frames() != 0 || d.WALSize() != 0 {
							t.Errorf("%d frames, %d bytes after a checkpoint", d.Frames(), d.WALSize())
						}
						if !bytes.Equal(read(t, path), r.file) {
							t.Fatalf("seed %d, step %d: the main file is not what was committed", seed, i)
						}
						r.frames, written = r.frames[:0], 0
					case 2:
						c := openWAL(t, newFile(t, r.file))
						c.quickCheck()
						if got, want := c.value(everything), d.value(everything); got != want {
							t.Fatalf("seed %d, step %d: what was committed has %s, want %s", seed, i, got, want)
						}
						c.close()
					}
					if names, err := os.ReadDir(filepath.Dir(path)); err != nil || len(names) != 1 {
						t.Fatalf("files %v, %v, want the main one", names, err)
					}
				}
				d.quickCheck()
				if err := d.WriteBack(written, len(r.frames), func(int64, int) error { return nil }); err != nil {
					t.Fatal(err)
				}
				if got := read(t, path); len(got) < len(r.file) || !bytes.Equal(got[:len(r.file)], r.file) {
					t.Errorf("seed %d: after a write-back the main file is not what was committed", seed)
				}
				want := d.value(everything)
				d.close()
				d = openWAL(t, path)
				d.quickCheck()
				if got := d.value(everything); got != want {
					t.Errorf("seed %d: after Close it has %s, want %s", seed, got, want)
				}
				d.close()
			}
		})
	}
}

// Commits reach no file at all, and neither they nor a checkpoint sync anything.
func TestLogInMemoryWritesNothing(t *testing.T) {
	path := newDB(t)
	fs, taken := logged(disk.OS())
	d := open(t, path, sqlite.Options{FS: fs, WAL: true, LogInMemory: true})
	taken()
	d.exec("BEGIN; INSERT INTO _do_kv VALUES ('a', 1); INSERT INTO _do_meta VALUES ('a', 1); COMMIT")
	d.exec("INSERT INTO _do_kv VALUES ('big', randomblob(100000))")
	if got := taken(); got != "" {
		t.Errorf("commits: %s", got)
	}
	d.checkpoint()
	if got := taken(); got != "write main" {
		t.Errorf("checkpoint: %s, want write main", got)
	}
	d.close()
	if got := taken(); got != "" {
		t.Errorf("close: %s", got)
	}
}

// Where there is no room for the rest of a log in memory the transaction fails, and the
// connection goes on with the next.
func TestLogInMemoryFull(t *testing.T) {
	defer sqlite.SetMaxInMemory(10)()
	path := newDB(t)
	for _, op := range []disktest.Op{disktest.Open, disktest.Write} {
		f := disktest.NewFaulty(disk.OS())
		d := open(t, path, sqlite.Options{FS: f, WAL: true, LogInMemory: true})
		d.exec("INSERT OR REPLACE INTO _do_kv VALUES ('a', 1)")
		f.Fail(disktest.Fault{Op: op, Err: syscall.ENOSPC, Match: func(name string) bool { return strings.HasSuffix(name, "-overflow") }})
		wantCode(t, "a large commit", d.Exec("INSERT INTO _do_kv VALUES ('big', zeroblob(200000))"), "SQLITE_FULL")
		d.exec("INSERT OR REPLACE INTO _do_kv VALUES ('b', 2)")
		d.exec("INSERT OR REPLACE INTO _do_kv VALUES ('big', zeroblob(200000))")
		if got := d.value("SELECT group_concat(key || length(value)) FROM _do_kv"); got != "a1,b1,big200000" {
			t.Errorf("%v: it has %s", op, got)
		}
		d.checkpoint()
		d.exec("DELETE FROM _do_kv")
		d.checkpoint()
		d.close()
	}
}

// WriteBack runs in another goroutine while the connection is used; what is about to change is
// told before, and an error of that ends it.
func TestWriteBackBesideUse(t *testing.T) {
	defer sqlite.SetMaxInMemory(30)()
	path := newDB(t)
	d := open(t, path, sqlite.Options{WAL: true, LogInMemory: true})
	var frames atomic.Int64
	stop, stopped := make(chan struct{}), make(chan struct{})
	boom := errors.New("boom")
	go func() {
		defer close(stopped)
		written := 0
		for {
			select {
			case <-stop:
				return
			default:
			}
			to := int(frames.Load())
			if to > written {
				if err := d.WriteBack(written, to, func(int64, int) error { return boom }); err != boom {
					t.Errorf("WriteBack = %v, want what it was told", err)
				}
			}
			var told atomic.Int64
			if err := d.WriteBack(written, to, func(off int64, n int) error { told.Add(1); return nil }); err != nil {
				t.Error(err)
			}
			if to > written && told.Load() == 0 {
				t.Error("it did not tell what changes")
			}
			written = to
		}
	}()
	for i := range 500 {
		d.exec("INSERT OR REPLACE INTO _do_kv VALUES ('key%d', randomblob(%d))", i%10, i*17%6000)
		frames.Store(int64(d.Frames()))
		if i%10 == 0 && d.value(fmt.Sprintf("SELECT length(value) FROM _do_kv WHERE key = 'key%d'", i%10)) == "" {
			t.Error("it is gone")
		}
	}
	close(stop)
	<-stopped
	d.quickCheck()
	d.checkpoint()
	d.close()
	d = openWAL(t, path)
	d.quickCheck()
	if got := d.value("SELECT count(*) FROM _do_kv"); got != "10" {
		t.Errorf("%s keys, want 10", got)
	}
	d.close()
}
