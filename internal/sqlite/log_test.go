package sqlite_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/disk/disktest"
	"github.com/durablego/do/internal/sqlite"
)

const (
	pageSize  = 4096
	frameSize = 24 + pageSize
)

// logged is a disk that notes what is done to it: "write wal", "sync main" and so on.
// What only reads is left out.
func logged(fs disk.FS) (faulty *disktest.Faulty, taken func() string) {
	var mu sync.Mutex
	var ops []string
	f := disktest.NewFaulty(fs)
	f.Hook(func(op disktest.Op, name string) error {
		mu.Lock()
		defer mu.Unlock()
		what := "main"
		switch {
		case strings.HasSuffix(name, "-wal"):
			what = "wal"
		case strings.HasSuffix(name, "-journal"):
			what = "journal"
		}
		switch op {
		case disktest.Read, disktest.Stat:
		case disktest.SyncDir:
			ops = append(ops, "syncdir")
		default:
			ops = append(ops, op.String()+" "+what)
		}
		return nil
	})
	return f, func() string {
		mu.Lock()
		defer mu.Unlock()
		s := strings.Join(slices.Compact(ops), ", ")
		ops = nil
		return s
	}
}

func size(t *testing.T, path string) int64 {
	t.Helper()
	n, err := disk.OS().Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// T16: the order in which a checkpoint reaches the disk, and that commits sync nothing.
func TestCheckpointOrder(t *testing.T) {
	path := newDB(t)
	fs, taken := logged(disk.OS())
	d := open(t, path, sqlite.Options{FS: fs, WAL: true})
	step := func(what, want string) {
		t.Helper()
		if got := taken(); got != want {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
	}
	step("open", "open main")
	d.exec("BEGIN; INSERT INTO _do_kv VALUES ('a', 1); INSERT INTO _do_meta VALUES ('a', 1); COMMIT")
	step("first commit", "open wal, write wal")
	d.exec("INSERT INTO _do_kv VALUES ('b', 1)")
	step("second commit", "write wal")
	if err := d.SyncWAL(); err != nil {
		t.Error(err)
	}
	step("SyncWAL", "sync wal")
	d.checkpoint()
	step("checkpoint of a synced log", "write main, sync main, write wal, sync wal")
	d.checkpoint()
	step("a checkpoint of nothing", "")
	d.exec("INSERT INTO _do_kv VALUES ('c', 1)")
	taken()
	if err := d.Backfill(); err != nil {
		t.Error(err)
	}
	step("Backfill", "sync wal, write main, sync main")
	d.exec("INSERT INTO _do_kv VALUES ('big', randomblob(100000))")
	step("a commit after the checkpoint", "write wal")
	if err := d.SyncMain(); err != nil {
		t.Error(err)
	}
	step("SyncMain", "sync main")
	d.checkpoint()
	step("a checkpoint that lengthens the file", "sync wal, write main, sync main, write wal, sync wal")
	d.exec("DELETE FROM _do_kv; VACUUM")
	taken()
	d.checkpoint()
	step("a checkpoint that shortens the file", "sync wal, write main, truncate main, sync main, write wal, sync wal")
	d.exec("INSERT INTO _do_kv VALUES ('d', 1)")
	taken()
	d.close()
	step("close", "")
}

// The log that one large transaction left does not stay as long as it was.
func TestCheckpointOfALongLog(t *testing.T) {
	path := newDB(t)
	fs, taken := logged(disk.OS())
	d := open(t, path, sqlite.Options{FS: fs, WAL: true})
	d.exec("INSERT INTO _do_kv VALUES ('big', zeroblob(17 << 20)); DELETE FROM _do_kv")
	if err := d.SyncWAL(); err != nil {
		t.Fatal(err)
	}
	taken()
	d.checkpoint()
	if got, want := taken(), "write main, truncate main, sync main, truncate wal, sync wal"; got != want && got != "write main, sync main, truncate wal, sync wal" {
		t.Errorf("checkpoint: %s, want %s", got, want)
	}
	if got := size(t, path+"-wal"); got != 0 || d.WALSize() != 0 {
		t.Errorf("log of %d bytes, WALSize %d after the checkpoint", got, d.WALSize())
	}
	for i := range 5 {
		d.exec("INSERT INTO _do_kv VALUES ('key%d', randomblob(100))", i)
	}
	if got := size(t, path+"-wal"); got <= 32+5*frameSize || got > 1<<20 {
		t.Errorf("log of %d bytes: no room ahead, or too much", got)
	}
	d.close()
	d = openWAL(t, path)
	d.quickCheck()
	if got := d.value("SELECT count(*) FROM _do_kv"); got != "5" || d.Frames() != 5 {
		t.Errorf("%s rows, %d frames, want 5", got, d.Frames())
	}
}

func TestCommitIsWrittenFrameByFrame(t *testing.T) {
	path := newDB(t)
	f := disktest.NewFaulty(disk.OS())
	d := open(t, path, sqlite.Options{FS: f, WAL: true})
	written := int64(0)
	commit := func(frames, writes int, sql string) {
		t.Helper()
		before := f.Count(disktest.Write)
		d.exec("%s", sql)
		if got := f.Count(disktest.Write) - before; got != writes {
			t.Errorf("%d writes, want %d", got, writes)
		}
		if written == 0 {
			written = 32
		}
		written += int64(frames) * frameSize
		// All of it is in the file when COMMIT has returned.
		if got := size(t, path+"-wal"); got < written || d.WALSize() != written {
			t.Errorf("log of %d bytes, WALSize %d, want %d", got, d.WALSize(), written)
		}
		if got, want := d.Frames(), int(written/frameSize); got != want {
			t.Errorf("Frames = %d, want %d", got, want)
		}
	}
	commit(1, 1, "INSERT INTO _do_kv VALUES ('a', 1)") // header, frame header and page in one
	commit(1, 1, "INSERT INTO _do_kv VALUES ('b', 1)")
	commit(2, 3, "BEGIN; INSERT INTO _do_kv VALUES ('c', 1); INSERT INTO _do_meta VALUES ('c', 1); COMMIT") // and room for what comes
	commit(1, 1, "INSERT INTO _do_kv VALUES ('d', 1)")
	if got := size(t, path+"-wal"); got <= written {
		t.Errorf("log of %d bytes has no room ahead", got)
	}
}

// A transaction larger than the page cache goes to the log before its end, and its
// frames are rewritten there: their headers, too, must be in the file at COMMIT.
func TestSpilledTransaction(t *testing.T) {
	path := newDB(t)
	d := openWAL(t, path)
	d.exec("CREATE TABLE t(i INTEGER PRIMARY KEY, x); PRAGMA cache_size=10; BEGIN")
	for i := range 300 {
		d.exec("INSERT INTO t VALUES (%d, zeroblob(3000))", i)
		d.exec("UPDATE t SET x = randomblob(3000) WHERE i = %d", i*7%(i+1))
	}
	if d.Frames() != 2 || d.WALSize() < 250*frameSize {
		t.Errorf("Frames = %d, WALSize = %d: not spilled", d.Frames(), d.WALSize())
	}
	d.exec("SAVEPOINT s; UPDATE t SET x = 'gone'; ROLLBACK TO s; COMMIT")
	copied := newFile(t, read(t, path))
	if err := os.WriteFile(copied+"-wal", read(t, path+"-wal"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, d := range []*db{d, openWAL(t, copied)} {
		d.quickCheck()
		if got := d.value("SELECT count(*) || ' ' || sum(length(x)) FROM t"); got != "300 900000" {
			t.Errorf("count and sum = %s", got)
		}
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A log left by a crash is recovered, and its frames are counted.
func TestRecovery(t *testing.T) {
	path := newDB(t)
	d := openWAL(t, path)
	for i := range 5 {
		d.exec("INSERT INTO _do_kv VALUES ('key%d', %d)", i, i)
	}
	main, log := read(t, path), read(t, path+"-wal")
	for _, v := range []struct {
		name   string
		log    []byte
		frames int
	}{
		{"whole", log, 5},
		{"no log", nil, 0},
		{"only the header", log[:32], 0},
		{"a torn frame", log[:32+3*frameSize+100], 3},
		{"garbage behind", append(slices.Clone(log[:32+4*frameSize]), make([]byte, 2*frameSize)...), 4},
		{"a changed bit", flip(log, 32+2*frameSize+1000), 2},
		{"a changed header", flip(log, 9), 0},
	} {
		t.Run(v.name, func(t *testing.T) {
			path := newFile(t, main)
			if err := os.WriteFile(path+"-wal", v.log, 0o644); err != nil {
				t.Fatal(err)
			}
			d := openWAL(t, path)
			check := func(rows int) {
				t.Helper()
				d.quickCheck()
				if got := d.value("SELECT count(*) FROM _do_kv"); got != fmt.Sprint(rows) {
					t.Errorf("%s rows, want %d", got, rows)
				}
			}
			if d.Frames() != v.frames || d.WALCreated() != 0 {
				t.Errorf("Frames = %d, WALCreated = %d, want %d, 0", d.Frames(), d.WALCreated(), v.frames)
			}
			check(v.frames)
			d.exec("INSERT INTO _do_kv VALUES ('new', 1)")
			if d.Frames() != v.frames+1 {
				t.Errorf("Frames = %d after a commit, want %d", d.Frames(), v.frames+1)
			}
			d.close()
			d = openWAL(t, path)
			check(v.frames + 1)
			d.checkpoint()
			if d.Frames() != 0 || d.WALSize() != 0 || !allZero(read(t, path+"-wal")[:32]) {
				t.Errorf("after a checkpoint: Frames = %d, WALSize = %d", d.Frames(), d.WALSize())
			}
			d.close()
			if err := os.Remove(path + "-wal"); err != nil {
				t.Fatal(err)
			}
			d = openWAL(t, path)
			check(v.frames + 1)
		})
	}
}

func allZero(b []byte) bool { return len(bytes.Trim(b, "\x00")) == 0 }

func flip(b []byte, at int) []byte {
	b = slices.Clone(b)
	b[at] ^= 1
	return b
}

func TestCloseKeepsTheLog(t *testing.T) {
	path := newDB(t)
	main := read(t, path)
	d := openWAL(t, path)
	d.exec("INSERT INTO _do_kv VALUES ('a', 1)")
	d.close()
	if got := size(t, path+"-wal"); got != 32+frameSize {
		t.Errorf("log of %d bytes", got)
	}
	if string(read(t, path)) != string(main) {
		t.Error("Close has written to the main file")
	}
	if names, err := disk.OS().ReadDir(filepath.Dir(path)); err != nil || len(names) != 2 {
		t.Errorf("files: %q, %v", names, err)
	}
}

func TestWALCreated(t *testing.T) {
	path := newDB(t)
	for _, want := range []uint64{1, 0, 1} {
		if want == 1 {
			_ = os.Remove(path + "-wal")
		}
		d := openWAL(t, path)
		d.exec("INSERT OR REPLACE INTO _do_kv VALUES ('a', 1)")
		d.checkpoint()
		d.exec("INSERT OR REPLACE INTO _do_kv VALUES ('a', 2)")
		if d.WALCreated() != want {
			t.Errorf("WALCreated = %d, want %d", d.WALCreated(), want)
		}
		d.checkpoint()
		d.close()
	}
}

// Syncs run in another goroutine while the connection is used.
func TestSyncBesideUse(t *testing.T) {
	path := newDB(t)
	d := openWAL(t, path)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for _, sync := range []func() error{d.SyncWAL, d.SyncMain, func() error { d.Interrupt(); d.WALCreated(); return nil }} {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					if err := sync(); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	for i := range 200 {
		err := d.Exec(fmt.Sprintf("INSERT OR REPLACE INTO _do_kv VALUES ('a', %d)", i))
		if err != nil {
			wantCode(t, "a commit", err, "SQLITE_INTERRUPT")
		}
		if i%50 == 0 {
			if err := d.Checkpoint(); err != nil {
				wantCode(t, "a checkpoint", err, "SQLITE_INTERRUPT")
			}
		}
	}
	close(stop)
	wg.Wait()
	d.close()
}
