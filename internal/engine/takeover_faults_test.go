package engine_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/disk/disktest"
	"github.com/durablego/do/internal/doerr"
	"github.com/durablego/do/internal/durable"
	"github.com/durablego/do/internal/engine"
	"github.com/durablego/do/internal/gate"
)

// checkFolder checks one state that a crash or a power cut has left: the object is as it was, and
// the original is whole as long as the object's file is not converted, or beside it.
func checkFolder(t *testing.T, what, root string) {
	t.Helper()
	path := filepath.Join(root, "ns", "a.sqlite")
	foreign, err := engine.IsForeign(disk.OS(), path)
	if err != nil {
		t.Fatal(err)
	}
	if !foreign {
		original, err := os.ReadFile(path + ".orig")
		if err != nil || !bytes.HasPrefix(original, []byte("SQLite format 3\x00")) {
			t.Fatalf("%s: converted, and no original: %v", what, err)
		}
		other := filepath.Join(t.TempDir(), "o.sqlite")
		if err := os.WriteFile(other, original, 0o600); err != nil {
			t.Fatal(err)
		}
		openTaken(t, what+": original", other, disk.OS(), t.TempDir()).wantTakenOver()
	}
	o := openTaken(t, what, path, disk.OS(), t.TempDir())
	o.wantTakenOver()
	o.save("d", "4")
	o.close()
	if err := quickCheck(path); err != nil {
		t.Errorf("%s: %v", what, err)
	}
	if t.Failed() {
		t.Fatalf("%s", what)
	}
}

// openTaken gives a database that takes over the file, if it is the reference's.
func openTaken(t *testing.T, what, path string, fsys disk.FS, temp string) *object {
	o := &object{t: t, path: path, gate: new(gate.Gate)}
	options := engine.Options{
		FS: fsys, Path: path, Opener: durable.Relaxed(), Gate: o.gate,
		Folder: durable.NewFolder(fsys, filepath.Dir(path)),
	}
	takingOver(temp, nil)(&options)
	o.DB = engine.New(options)
	o.Session = o.DB.Session(nil)
	t.Cleanup(func() {
		if err := o.DB.Close(ctx); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	})
	return o
}

// takeoverOn is a folder ns with an object of the reference's, on a disk that fails and is recorded.
func takeoverOn(t *testing.T) (o *object, recorder *disktest.Recorder, faulty *disktest.Faulty) {
	t.Helper()
	root := t.TempDir()
	path := filepath.Join(root, "ns", "a.sqlite")
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	writeForeign(t, path, foreignSchema, foreignRows(""))
	recorder, err := disktest.NewRecorder(disk.OS(), root)
	if err != nil {
		t.Fatal(err)
	}
	faulty = disktest.NewFaulty(recorder)
	return openTaken(t, "", path, faulty, root), recorder, faulty
}

// TestIssue5Part6PowerCutOfTakeover cuts the power before every operation of the disk, with
// all that may be left of what was not synced.
func TestIssue5Part6PowerCutOfTakeover(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	rounds := 5
	if testing.Short() {
		rounds = 1
	}
	for round := range rounds {
		o, recorder, faulty := takeoverOn(t)
		step := 0
		cut := func() {
			step++
			dst := t.TempDir()
			leave := func() error { return recorder.PowerCut(rng, dst) }
			if round == 0 {
				leave = func() error { return recorder.Crash(dst) }
			}
			if err := leave(); err != nil {
				t.Fatal(err)
			}
			checkFolder(t, fmt.Sprintf("round %d, step %d", round, step), dst)
		}
		faulty.Hook(func(op disktest.Op, name string) error {
			if op != disktest.Read && op != disktest.Stat && op != disktest.Open {
				cut()
			}
			return nil
		})
		o.wantTakenOver()
		faulty.Hook(nil)
		cut() // it is durable before it was read
		o.close()
		if step < 15 {
			t.Errorf("only %d steps", step)
		}
	}
}

// stride leaves out most of the reads: there are many that are alike. A short run, which looks for
// data races, takes some of all.
func stride(op disktest.Op) (step int) {
	step = 1
	if op == disktest.Read || op == disktest.Stat {
		step = 7
	}
	if testing.Short() {
		step *= 5
	}
	return step
}

// TestIssue5Part6EveryFaultOfTakeover has the n-th operation of each kind fail, or all from
// there on; then the power goes, or the disk is well again.
func TestIssue5Part6EveryFaultOfTakeover(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for op := disktest.Open; op <= disktest.Rename; op++ {
		for _, count := range []int{1, -1} {
			for n := 1; ; n += stride(op) {
				o, recorder, faulty := takeoverOn(t)
				faulty.Fail(disktest.Fault{Op: op, N: n, Count: count})
				_, _, err := o.Get(ctx, "a")
				fired := faulty.Fired()
				what := fmt.Sprintf("%s %d, %d times: %v", op, n, count, err)
				if err != nil && (!engine.IsIO(err) || errors.Is(err, doerr.ErrUnconvertible)) {
					t.Fatalf("%s: not for the disk's fault", what)
				}
				dst := t.TempDir()
				if err := recorder.PowerCut(rng, dst); err != nil {
					t.Fatal(err)
				}
				checkFolder(t, what, dst)
				faulty.Clear()
				o.wantTakenOver()
				dst = t.TempDir()
				if err := recorder.Crash(dst); err != nil {
					t.Fatal(err)
				}
				if foreign, err := engine.IsForeign(disk.OS(), filepath.Join(dst, "ns", "a.sqlite")); foreign || err != nil {
					t.Fatalf("%s: in use, and its name is not durable: %v", what, err)
				}
				o.close()
				if t.Failed() {
					t.Fatal(what)
				}
				if fired == 0 {
					if n < 2 && op != disktest.Truncate {
						t.Errorf("no %s at all", op)
					}
					break
				}
			}
		}
	}
}
