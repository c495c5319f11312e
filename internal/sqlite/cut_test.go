package sqlite_test

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"

	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/disk/disktest"
	"github.com/durablego/do/internal/sqlite"
)

// T15: frames beyond the cut are gone for good, whatever they held.
func TestCutWAL(t *testing.T) {
	for cut := range 7 {
		t.Run(fmt.Sprint(cut), func(t *testing.T) {
			path := newDB(t)
			fs, taken := logged(disk.OS())
			d := open(t, path, sqlite.Options{FS: fs, WAL: true})
			for i := range 5 {
				d.exec("INSERT INTO _do_kv VALUES ('key%d', randomblob(100))", i)
			}
			d.exec("BEGIN; INSERT INTO _do_kv VALUES ('open', 1)") // a transaction that hangs over
			taken()
			if err := d.CutWAL(cut); err != nil {
				t.Fatal(err)
			}
			kept, want := min(cut, 5), "truncate wal, sync wal"
			if got := taken(); got != want {
				t.Errorf("CutWAL: %s, want %s", got, want)
			}
			wantSize := int64(32 + cut*frameSize) // 6 reaches into the room ahead
			if kept == 0 {
				wantSize = 0
			}
			if got := size(t, path+"-wal"); got != wantSize {
				t.Errorf("log of %d bytes, want %d", got, wantSize)
			}
			// Nothing may follow the cut, neither a commit nor a checkpoint.
			if err := d.Exec("COMMIT"); err == nil {
				t.Error("COMMIT after CutWAL = nil")
			}
			if err := d.Checkpoint(); err == nil && cut > 0 {
				t.Error("Checkpoint after CutWAL = nil")
			}
			d.close()
			if got := size(t, path+"-wal"); got != wantSize {
				t.Errorf("log of %d bytes after Close, want %d", got, wantSize)
			}
			d = openWAL(t, path)
			d.quickCheck()
			if got := d.value("SELECT count(*) FROM _do_kv"); got != fmt.Sprint(kept) || d.Frames() != kept {
				t.Errorf("%s rows, %d frames, want %d", got, d.Frames(), kept)
			}
			d.exec("INSERT INTO _do_kv VALUES ('new', 1)")
			if d.Frames() != kept+1 {
				t.Errorf("Frames = %d after a commit, want %d", d.Frames(), kept+1)
			}
		})
	}
}

func TestCutWALWithoutLog(t *testing.T) {
	path := newDB(t)
	d := openWAL(t, path)
	if err := d.CutWAL(0); err != nil {
		t.Error(err)
	}
	wantCode(t, "a commit after CutWAL", d.Exec("INSERT INTO _do_kv VALUES ('a', 1)"), "SQLITE_IOERR_WRITE")
	d.close()
	if _, err := os.Stat(path + "-wal"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Stat of the log = %v", err)
	}
}

// A cut that fails is typed and can be repeated.
func TestCutWALFails(t *testing.T) {
	for op, code := range map[disktest.Op]string{
		disktest.Stat: "SQLITE_IOERR_FSTAT", disktest.Read: "SQLITE_IOERR_READ",
		disktest.Truncate: "SQLITE_IOERR_TRUNCATE", disktest.Sync: "SQLITE_IOERR_FSYNC",
	} {
		path := newDB(t)
		f := disktest.NewFaulty(disk.OS())
		d := open(t, path, sqlite.Options{FS: f, WAL: true})
		d.exec("INSERT INTO _do_kv VALUES ('a', 1)")
		d.exec("INSERT INTO _do_kv VALUES ('b', 1)")
		f.Fail(disktest.Fault{Op: op})
		err := d.CutWAL(1)
		wantCode(t, op.String()+" fails", err, code)
		if !errors.Is(err, syscall.EIO) {
			t.Errorf("%v is not EIO", err)
		}
		if err := d.CutWAL(1); err != nil {
			t.Errorf("CutWAL again: %v", err)
		}
		d.close()
		if got := openWAL(t, path).value("SELECT group_concat(key) FROM _do_kv"); got != "a" {
			t.Errorf("%v fails: keys = %s, want a", op, got)
		}
	}
}

// T15, T16: the sync of the cleared header fails, the log is cut, and a power cut brings
// the header back. Frames of the old state that were left behind it would count again.
func TestCutWALAfterCheckpoint(t *testing.T) {
	path := newDB(t)
	f := disktest.NewFaulty(disk.OS())
	d := open(t, path, sqlite.Options{FS: f, WAL: true})
	const commits = 400
	for i := range commits {
		d.exec("INSERT INTO _do_kv VALUES ('key%d', randomblob(100))", i)
	}
	if err := d.SyncWAL(); err != nil {
		t.Fatal(err)
	}
	header := read(t, path+"-wal")[:32]
	frames := d.Frames()
	f.Fail(disktest.Fault{Op: disktest.Sync, Match: func(name string) bool { return name == path+"-wal" }})
	wantCode(t, "Checkpoint", d.Checkpoint(), "SQLITE_IOERR_FSYNC")
	if err := d.CutWAL(frames); err != nil {
		t.Fatal(err)
	}
	d.close()
	log := read(t, path+"-wal")
	if len(log) > 0 {
		copy(log, header)
		if err := os.WriteFile(path+"-wal", log, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	d = openWAL(t, path)
	d.quickCheck()
	if got := d.value("SELECT count(*) FROM _do_kv"); got != fmt.Sprint(commits) {
		t.Errorf("%s rows, want %d; a log of %d bytes was left", got, commits, len(log))
	}
}
