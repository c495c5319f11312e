package commitlog_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/durablego/do/internal/commitlog"
	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/disk/disktest"
)

// Whatever a power cut leaves of a log that is being removed, its replay undoes nothing
// (invariant 3).
func TestPowerCutInRemove(t *testing.T) {
	root := t.TempDir()
	record, err := disktest.NewRecorder(disk.OS(), root)
	if err != nil {
		t.Fatal(err)
	}
	faulty := disktest.NewFaulty(record)
	f := &folder{t: t, fs: faulty, root: root}
	f.log = commitlog.New(f.fs, f.dir())
	f.add(func(b *batch) { b.Made("a", []byte("image")); b.Write("a", 0, []byte("one"), 0) })
	first := f.log.Rotate()
	f.add(func(b *batch) { b.Write("a", 3, []byte("xx two"), 9) })
	second := f.log.Rotate()
	f.replay()
	f.add(func(b *batch) { b.Settled("a"); b.Write("a", 0, []byte("three"), 0) })
	if err := f.log.Close(first, second); err != nil {
		t.Fatal(err)
	}
	f.replay()
	f.want("a", "three two")

	var left []string
	rng := rand.New(rand.NewPCG(1, 1))
	cut := func(disktest.Op, string) error {
		for range 8 {
			dst := filepath.Join(t.TempDir(), "left")
			if err := record.PowerCut(rng, dst); err != nil {
				return err
			}
			left = append(left, dst)
		}
		return nil
	}
	faulty.Hook(cut)
	if err := commitlog.Remove(f.fs, f.dir()); err != nil {
		t.Fatal(err)
	}
	faulty.Hook(nil)
	if err := cut(0, ""); err != nil {
		t.Fatal(err)
	}
	for i, dir := range left {
		if _, err := commitlog.Replay(disk.OS(), dir, filepath.Join(dir, "commits")); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(dir, "a"))
		if err != nil || string(got) != "three two" {
			t.Fatalf("power cut %d: the file holds %q, %v", i, got, err)
		}
	}
}
