package sqlite_test

import (
	"errors"
	"fmt"
	"strconv"
	"syscall"
	"testing"

	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/disk/disktest"
	"github.com/durablego/do/internal/sqlite"
)

// life is a short life of a database, which stops at the first error. Commit i sets the
// counter to i; done and tried are the last that worked and the last that was begun.
func life(path string, o sqlite.Options) (done, tried int, err error) {
	var c *sqlite.Conn
	defer func() {
		if c != nil {
			if cerr := c.Close(); err == nil {
				err = cerr
			}
		}
	}()
	commit := func(n int) func() error {
		return func() error {
			tried = n
			if err := c.Exec(fmt.Sprintf("BEGIN; UPDATE c SET n = %d; INSERT INTO t VALUES (%d, randomblob(2000)); COMMIT", n, n)); err != nil {
				return err
			}
			done = n
			return nil
		}
	}
	open := func() (err error) { c, err = sqlite.Open(path, o); return err }
	for _, step := range []func() error{
		open,
		commit(1),
		func() error { return c.SyncWAL() },
		commit(2),
		func() error { return c.SyncMain() },
		// A transaction that leaves the cache for the disk, and is undone.
		func() error { return c.Exec("PRAGMA cache_size=4; BEGIN") },
		func() error {
			return c.Exec("WITH RECURSIVE i(n) AS (SELECT 10 UNION ALL SELECT n+1 FROM i LIMIT 10) INSERT INTO t SELECT n, randomblob(3000) FROM i")
		},
		func() error { return c.Exec("UPDATE t SET x = randomblob(1000)") },
		func() error { return c.Exec("ROLLBACK") },
		commit(3),
		func() error { return checkpoint(c, o) },
		commit(4),
		func() error { err := c.Close(); c = nil; return err },
		open,
		func() error { return c.Exec("SELECT sum(length(x)) FROM t") },
		commit(5),
		func() error { return checkpoint(c, o) },
	} {
		if err := step(); err != nil {
			return done, tried, err
		}
	}
	return done, tried, nil
}

func checkpoint(c *sqlite.Conn, o sqlite.Options) error {
	if !o.WAL {
		return nil
	}
	return c.Checkpoint()
}

// The n-th operation of each kind fails, for n = 1, 2, … until a life is clean: each
// error is typed and names its cause, and what is then found is one of the two states
// that may be. (A sync that fails makes nothing doubtful here: no power is cut.)
func TestEveryFault(t *testing.T) {
	const tables = "CREATE TABLE c(n); INSERT INTO c VALUES (0); CREATE TABLE t(i INTEGER PRIMARY KEY, x)"
	for _, wal := range []bool{true, false} {
		for op := disktest.Open; op <= disktest.Stat; op++ {
			for _, fault := range []disktest.Fault{
				{Op: op, Err: syscall.EIO}, {Op: op, Err: syscall.ENOSPC, Short: true}, {Op: op, Err: syscall.EIO, Count: -1, Short: true},
			} {
				t.Run(fmt.Sprintf("wal=%v %v %v %d", wal, op, fault.Err, fault.Count), func(t *testing.T) {
					image := newImage(t, tables)
					if !wal {
						image[18], image[19] = 1, 1
					}
					stride := 1
					if raceEnabled {
						stride = 5 // or it takes minutes
					}
					for fault.N = 1; sweep(t, image, wal, fault); fault.N += stride {
						if fault.N > 1000 {
							t.Fatal("no end")
						}
					}
				})
			}
		}
	}
}

// sweep tells whether the fault was met.
func sweep(t *testing.T, image []byte, wal bool, fault disktest.Fault) bool {
	t.Helper()
	path := newFile(t, image)
	f := disktest.NewFaulty(disktest.NoSync(disk.OS()))
	o := sqlite.Options{FS: f, WAL: wal}
	f.Fail(fault)
	done, tried, err := life(path, o)
	met := f.Fired() > 0
	var e *sqlite.Error
	switch {
	case err == nil && !met && done != 5:
		t.Fatalf("%d: %d commits", fault.N, done)
	case err != nil && !met:
		t.Fatalf("%d: %v without a fault", fault.N, err)
	case err != nil && !errors.As(err, &e):
		t.Fatalf("%d: %T: %v", fault.N, err, err)
	case err != nil && !errors.Is(err, fault.Err):
		t.Errorf("%d: %v, does not name the cause", fault.N, err)
	}
	f.Clear()
	d := open(t, path, o)
	d.quickCheck()
	n, err := strconv.Atoi(d.value("SELECT n FROM c"))
	if err != nil || n < done || n > tried || d.value("SELECT max(i) FROM t WHERE i > 0") != map[bool]string{true: fmt.Sprint(n)}[n > 0] {
		t.Fatalf("%d: commit %d was found, want one from %d to %d, max(i) = %s", fault.N, n, done, tried, d.value("SELECT max(i) FROM t"))
	}
	d.exec("UPDATE c SET n = 100")
	d.close()
	return met
}

func TestDiskErrorIsNamed(t *testing.T) {
	path := newDB(t)
	f := disktest.NewFaulty(disk.OS())
	d := open(t, path, sqlite.Options{FS: f, WAL: true})
	s := d.prepare("INSERT INTO _do_kv VALUES ('a', 1)")
	f.Fail(disktest.Fault{Op: disktest.Write, Err: syscall.ENOSPC})
	_, err := s.Step()
	if e := wantCode(t, "a full disk", err, "SQLITE_FULL"); !errors.Is(e, syscall.ENOSPC) || d.InTransaction() {
		t.Errorf("error %v, in a transaction: %v", e, d.InTransaction())
	}
	if err := s.Reset(); err != nil {
		t.Error(err)
	}
	// A later error of another kind does not blame the disk for it.
	e := wantCode(t, "no table", d.Exec("SELECT * FROM missing"), "SQLITE_ERROR")
	if e.Err != nil {
		t.Errorf("%v blames the disk", e)
	}
	if _, err := s.Step(); err != nil {
		t.Errorf("with room again: %v", err)
	}
	f.Fail(disktest.Fault{Op: disktest.Sync})
	wantCode(t, "SyncWAL", d.SyncWAL(), "SQLITE_IOERR_FSYNC")
	f.Fail(disktest.Fault{Op: disktest.Sync})
	wantCode(t, "SyncMain", d.SyncMain(), "SQLITE_IOERR_FSYNC")
}
