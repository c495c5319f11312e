package commitlog_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/durablego/do/internal/commitlog"
)

// TestDamage: what is missing or wrong before good batches is told, wherever it is, and
// nothing is touched (invariant 4).
func TestDamage(t *testing.T) {
	const segments, batches = 3, 4
	f := newFolder(t)
	ends := [segments + 1][]int64{}
	for s := 1; s <= segments; s++ {
		for b := range batches {
			f.add(func(x *batch) { x.Write("a", int64(b), []byte{byte('0' + s)}, 0) })
			ends[s] = append(ends[s], f.log.Size())
		}
		f.log.Rotate()
	}
	path := func(s int) string { return filepath.Join(f.dir(), strconv.Itoa(s)+".log") }
	good := map[int][]byte{}
	for s := 1; s <= segments; s++ {
		var err error
		if good[s], err = os.ReadFile(path(s)); err != nil {
			t.Fatal(err)
		}
	}
	overwrite := func(s int, from, to int64) {
		content := bytes.Clone(good[s])
		for at := from; at < to; at++ {
			content[at] = 0xa5
		}
		if err := os.WriteFile(path(s), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name     string
		spoil    func()
		segment  int // with the damage; 0: there is none
		at       int64
		contents string
	}{
		{"nothing", func() {}, 0, 0, "3333"},
		{"all but the last batch of a segment", func() { overwrite(3, 4096, ends[3][2]) }, 3, 4096, ""},
		{"the end of a segment that is not the last", func() { overwrite(2, ends[2][2], ends[2][3]) }, 2, ends[2][2], ""},
		{"the end of the last segment", func() { overwrite(3, ends[3][1], ends[3][3]) }, 0, 0, "3322"},
		{"a header in the middle", func() { overwrite(2, 0, 64) }, 1, ends[1][3], ""},
		{"the oldest segment, which may be dropped", func() { overwrite(1, 0, 64) }, 0, 0, "3333"},
		{"a file in the middle", func() { _ = os.Remove(path(2)) }, 1, ends[1][3], ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			for s := range good {
				overwrite(s, 0, 0)
			}
			c.spoil()
			f.write("a", "main")
			_, err := commitlog.Replay(f.fs, f.root, f.dir())
			if c.segment == 0 {
				if err != nil {
					t.Fatal(err)
				}
				f.want("a", c.contents)
				return
			}
			var damage *commitlog.DamageError
			if !errors.As(err, &damage) || damage.Path != path(c.segment) || damage.At != c.at {
				t.Errorf("Replay = %v, want damage at %d of %d.log", err, c.at, c.segment)
			}
			f.want("a", "main")
		})
	}
}

// TestLikeBatches: an object may store what looks like batches. They are none, and the search
// for good ones comes to an end.
func TestLikeBatches(t *testing.T) {
	f := newFolder(t)
	f.write("a", "main")
	f.add(func(b *batch) { b.Write("a", 0, []byte("first"), 0) })
	torn := f.log.Size()
	var fakes []byte
	for range 50_000 {
		fakes = binary.LittleEndian.AppendUint64(fakes, 400_000)
		fakes = binary.LittleEndian.AppendUint64(fakes, 3)
	}
	f.add(func(b *batch) { b.Write("a", 0, fakes, 0) })
	log, err := os.OpenFile(filepath.Join(f.dir(), "1.log"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	if _, err := log.WriteAt(make([]byte, 16), torn); err != nil {
		t.Fatal(err)
	}
	f.replay()
	f.want("a", "first")
}

// TestCutBehindMany: what Cut leaves is no damage, also when a power cut meets it.
func TestCutBehindMany(t *testing.T) {
	f := newFolder(t)
	f.write("a", "main")
	end := f.log.End()
	for i := range 4 {
		f.add(func(b *batch) { b.Write("a", int64(i), []byte{'x'}, 0) })
		if i == 0 {
			end = f.log.End()
		}
	}
	if err := commitlog.Cut(f.fs, f.dir(), end); err != nil {
		t.Fatal(err)
	}
	f.replay()
	f.want("a", "xain")
}
