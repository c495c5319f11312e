package sqlite_test

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/disk/disktest"
	"github.com/durablego/do/internal/sqlite"
)

// history is a database on a recorded disk. Commit i sets the counter to i and rewrites
// some of the rows, each of which holds the commit that wrote it.
type history struct {
	*db
	t       *testing.T
	rec     *disktest.Recorder
	fs      *disktest.Faulty // rec, to look in between
	rng     *rand.Rand
	path    string
	wal     bool
	count   int // commits made
	durable int // commits that must survive
	walSeen uint64
	cuts    []powerCut
}

// powerCut is what a power cut has left, and what it may be.
type powerCut struct {
	dir      string
	min, max int // commits
}

func newHistory(t *testing.T, seed uint64, wal bool) *history {
	h := &history{t: t, rng: rand.New(rand.NewPCG(seed, 0)), wal: wal}
	root := t.TempDir()
	h.path = filepath.Join(root, "a.sqlite")
	rec, err := disktest.NewRecorder(disktest.NoSync(disk.OS()), root)
	h.must(err)
	h.rec, h.fs = rec, disktest.NewFaulty(rec)
	f, err := rec.Open(h.path, os.O_RDWR|os.O_CREATE|os.O_EXCL)
	h.must(err)
	const tables = "CREATE TABLE c(n); INSERT INTO c VALUES (0); CREATE TABLE t(i INTEGER PRIMARY KEY, n, pad)"
	if wal {
		_, err = f.WriteAt(newImage(t, tables), 0)
		h.must(err)
	}
	h.must(f.Sync())
	h.must(f.Close())
	h.must(rec.SyncDir(root))
	h.reopen()
	if !wal {
		h.exec(tables)
	}
	h.fs.Hook(func(op disktest.Op, name string) error { // also in the middle of commits and checkpoints
		if op != disktest.Read && op != disktest.Stat && h.rng.IntN(8) == 0 {
			h.cut(h.count + 1)
		}
		return nil
	})
	return h
}

func (h *history) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *history) reopen() {
	if h.db != nil {
		h.must(h.Close())
	}
	h.db = open(h.t, h.path, sqlite.Options{FS: h.fs, WAL: h.wal})
	h.walSeen = 0
}

func (h *history) commit() {
	h.exec("BEGIN")
	for range h.rng.IntN(5) {
		h.exec("INSERT OR REPLACE INTO t VALUES (%d, %d, zeroblob(%d))", h.rng.IntN(20), h.count+1, h.rng.IntN(3000))
	}
	h.exec("UPDATE c SET n = %d; COMMIT", h.count+1)
	h.count++
	if !h.wal {
		h.durable = h.count
	}
}

// sync does what has to be done before an answer may leave.
func (h *history) sync() {
	h.must(h.SyncWAL())
	if n := h.WALCreated(); n != h.walSeen {
		h.must(h.fs.SyncDir(filepath.Dir(h.path)))
		h.walSeen = n
	}
	h.durable = h.count
}

func (h *history) step() {
	switch k := h.rng.IntN(10); {
	case !h.wal && k == 0:
		h.reopen()
	case !h.wal || k < 5:
		h.commit()
	case k < 7:
		h.sync()
	case k < 9:
		h.sync() // a checkpoint begins with one
		h.checkpoint()
		if h.rng.IntN(3) == 0 {
			h.must(h.Close())
			if err := h.fs.Remove(h.path + "-wal"); !errors.Is(err, fs.ErrNotExist) {
				h.must(err)
			}
			h.reopen()
		}
	default:
		h.sync()
		h.reopen()
		h.walSeen = h.WALCreated()
	}
}

// cut notes what a power cut would leave now.
func (h *history) cut(most int) {
	h.t.Helper()
	dir := filepath.Join(h.t.TempDir(), "cut")
	h.must(h.rec.PowerCut(h.rng, dir))
	h.cuts = append(h.cuts, powerCut{dir, h.durable, most})
}

// check looks at what the power cuts have left.
func (h *history) check() {
	h.t.Helper()
	for _, c := range h.cuts {
		d := open(h.t, filepath.Join(c.dir, filepath.Base(h.path)), sqlite.Options{FS: disktest.NoSync(disk.OS()), WAL: h.wal})
		d.quickCheck()
		n, err := strconv.Atoi(d.value("SELECT n FROM c"))
		h.must(err)
		if n < c.min || n > c.max {
			h.t.Fatalf("commit %d was found, want one from %d to %d", n, c.min, c.max)
		}
		if got := d.value("SELECT count(*) FROM t, c WHERE t.n > c.n"); got != "0" {
			h.t.Fatalf("%s rows of later commits than %d", got, n)
		}
		d.exec("UPDATE c SET n = n + 1")
		d.close()
		h.must(os.RemoveAll(c.dir))
	}
	h.cuts = nil
}

// T15, T16: whatever the syncs made so far allow a power cut to leave is a state from
// the newest synced commit on.
func TestPowerCut(t *testing.T) {
	for _, wal := range []bool{true, false} {
		t.Run(fmt.Sprint("wal=", wal), func(t *testing.T) {
			seeds := uint64(8)
			if raceEnabled {
				seeds = 1
			}
			for seed := range seeds {
				h := newHistory(t, seed, wal)
				for range 25 {
					h.step()
					h.cut(h.count)
					h.check()
				}
				h.close()
			}
		})
	}
}
