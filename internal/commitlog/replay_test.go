package commitlog_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/durablego/do/internal/commitlog"
)

type batch = commitlog.Batch

func TestReplay(t *testing.T) {
	image := strings.Repeat("\x00", 100) + "page" + strings.Repeat("\x00", 5000) + "end" + strings.Repeat("\x00", 30)
	for _, c := range []struct {
		name     string
		before   map[string]string
		log      []func(b *batch)
		want     map[string]string
		notThere []string
	}{
		{
			name: "a made file and its writes",
			log: []func(b *batch){
				func(b *batch) { b.Made("ns/a", []byte(image)); b.Write("ns/a", 0, []byte("head"), 0) },
				func(b *batch) { b.Write("ns/a", 4, []byte("tail"), int64(len(image))) },
			},
			want: map[string]string{"ns/a": "headtail" + image[8:]},
		},
		{
			name:   "what a file held before it was made is gone",
			before: map[string]string{"ns/a": image + "older and longer", "ns/a-wal": "older log"},
			log:    []func(b *batch){func(b *batch) { b.Made("ns/a", []byte(image)); b.Write("ns/a", 0, []byte("new"), 0) }},
			want:   map[string]string{"ns/a": "new" + image[3:], "ns/a-wal": "-"},
		},
		{
			name:   "later writes win, and what the log does not speak of stays",
			before: map[string]string{"ns/a": "0123456789"},
			log: []func(b *batch){
				func(b *batch) { b.Write("ns/a", 2, []byte("xxx"), 10); b.Write("ns/a", 4, []byte("yy"), 10) },
				func(b *batch) { b.Write("ns/a", 7, []byte("?"), 10); b.Write("ns/a", 2, []byte("zz"), 0) },
				func(b *batch) { b.Write("ns/a", 7, []byte("!!"), 10) },
			},
			want: map[string]string{"ns/a": "01zzyy6!!9"},
		},
		{
			name:   "a file that grew and shrank",
			before: map[string]string{"ns/a": "0123456789"},
			log: []func(b *batch){
				func(b *batch) { b.Write("ns/a", 10, []byte("abcdef"), 16) },
				func(b *batch) { b.Write("ns/a", 0, []byte("x"), 5) },
				func(b *batch) { b.Write("ns/a", 6, []byte("y"), 0) },
				func(b *batch) { b.Write("ns/a", 1, []byte("z"), 12) },
			},
			want: map[string]string{"ns/a": "xz2345y789ab"},
		},
		{
			name:   "nothing from before a barrier",
			before: map[string]string{"ns/a": "checkpointed"},
			log: []func(b *batch){
				func(b *batch) { b.Made("ns/a", []byte(image)); b.Write("ns/a", 0, []byte("lost"), 0) },
				func(b *batch) { b.Settled("ns/a") },
				func(b *batch) { b.Write("ns/a", 1, []byte("H"), 0) },
			},
			want: map[string]string{"ns/a": "cHeckpointed"},
		},
		{
			name:   "a removed object",
			before: map[string]string{"ns/a": "main", "ns/a-wal": "wal", "ns/b": "other"},
			log: []func(b *batch){
				func(b *batch) { b.Write("ns/a", 0, []byte("w"), 0); b.Removed("ns/a") },
			},
			want: map[string]string{"ns/a": "-", "ns/a-wal": "-", "ns/b": "other"},
		},
		{
			name:   "removed and made again",
			before: map[string]string{"ns/a": "main", "ns/a-wal": "wal"},
			log: []func(b *batch){
				func(b *batch) { b.Removed("ns/a") },
				func(b *batch) { b.Made("ns/a", []byte("second")); b.Write("ns/a", 0, []byte("S"), 0) },
			},
			want: map[string]string{"ns/a": "Second", "ns/a-wal": "-"},
		},
		{
			name:   "an object that is only named",
			before: map[string]string{"ns/a": "main", "ns/a-wal": "wal"},
			log: []func(b *batch){
				func(b *batch) { b.Touched("ns/a") },
			},
			want: map[string]string{"ns/a": "main", "ns/a-wal": "wal"},
		},
		{
			name:   "an object that is named in between, and a log that is back",
			before: map[string]string{"ns/a": "main", "ns/a-wal": "wal"},
			log: []func(b *batch){
				func(b *batch) { b.Write("ns/a", 0, []byte("M"), 4) },
				func(b *batch) { b.Touched("ns/a"); b.Write("ns/a", 2, []byte("I"), 4) },
			},
			want: map[string]string{"ns/a": "MaIn", "ns/a-wal": "-"},
		},
		{
			name:     "a main file that somebody took away",
			log:      []func(b *batch){func(b *batch) { b.Write("ns/a", 0, []byte("w"), 0) }},
			want:     map[string]string{"ns/a": "-", "ns/a-wal": "-"},
			notThere: []string{"ns/a"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFolder(t)
			for name, content := range c.before {
				f.write(name, content)
			}
			for i, fill := range c.log {
				f.add(fill)
				if i == 0 { // segments make no difference
					f.log.Rotate()
				}
			}
			for range 2 { // a replay that was cut short is done again
				found := f.replay()
				if !slices.Equal(found.Names, []string{"ns/a"}) || !slices.Equal(found.Lost, c.notThere) {
					t.Errorf("found %v, lost %v, want ns/a and %v", found.Names, found.Lost, c.notThere)
				}
				for name, content := range c.want {
					f.want(name, content)
				}
			}
		})
	}
}

// A batch counts as a whole or not at all, whatever byte of it is wrong (invariant 1). If
// there is a good one behind it nothing is touched (invariant 4).
func TestTornBatch(t *testing.T) {
	f := newFolder(t)
	sizes := []int64{}
	for _, text := range []string{"first", "second", "third"} {
		sizes = append(sizes, f.log.Size())
		f.add(func(b *batch) { b.Write("a", 0, []byte(text), int64(len(text))) })
	}
	sizes = append(sizes, f.log.Size())
	path := filepath.Join(f.dir(), "1.log")
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	replay := func(log []byte) (damage *commitlog.DamageError) {
		if err := os.WriteFile(path, log, 0o644); err != nil {
			t.Fatal(err)
		}
		f.write("a", "main")
		if _, err := commitlog.Replay(f.fs, f.root, f.dir()); err != nil && !errors.As(err, &damage) {
			t.Fatal(err)
		}
		return damage
	}
	for at := sizes[1]; at < sizes[3]; at++ {
		bad := slices.Clone(good)
		bad[at] ^= 0x40
		damage := replay(bad)
		want := "second"
		if at < sizes[2] {
			want = "main"
			if damage == nil || damage.Path != path || damage.At != sizes[1] {
				t.Errorf("Replay says %v, want damage at %d of %s", damage, sizes[1], path)
			}
		}
		f.want("a", want)
		if t.Failed() {
			t.Fatalf("with byte %d wrong", at)
		}
	}
	for size := sizes[1]; size < sizes[2]; size += 7 { // cut off
		if damage := replay(good[:size]); damage != nil {
			t.Fatalf("a log of %d bytes: %v", size, damage)
		}
		f.want("a", "first")
	}
}

// A segment that is used anew says nothing of its former life, although that is still in
// the file.
func TestSecondLife(t *testing.T) {
	f := newFolder(t)
	f.write("a", "main")
	long := strings.Repeat("x", 10_000)
	for range 3 {
		f.add(func(b *batch) { b.Write("a", 0, []byte(long), 0) })
	}
	if err := f.log.Drop(f.log.Rotate()); err != nil {
		t.Fatal(err)
	}
	if found := f.replay(); found.Names != nil {
		t.Errorf("a dropped segment speaks of %v", found.Names)
	}
	f.add(func(b *batch) { b.Write("a", 0, []byte(strings.Repeat("y", 10_000)), 0) })
	f.replay()
	f.want("a", strings.Repeat("y", 10_000))
	if names, err := f.fs.ReadDir(f.dir()); err != nil || len(names) != 1 {
		t.Errorf("files %v, %v, want the one that is used anew", names, err)
	}
}

// Bytes may come from another file, also very many.
func TestCopy(t *testing.T) {
	f := newFolder(t)
	f.write("a", "main")
	content := strings.Repeat("0123456789abcdef", 200_000)
	f.add(func(b *batch) {
		b.Write("a", 0, []byte("head"), 0)
		b.Copy("a", 4, int64(len(content)), strings.NewReader("..."+content), 3, 0)
		b.Write("a", 2, []byte("AD"), 0)
	})
	f.replay()
	f.want("a", "heAD"+content)

	gone := errors.New("gone")
	var b batch
	b.Copy("a", 0, 10, failing{gone}, 0, 0)
	if err := f.log.Append(&b, false); !errors.Is(err, gone) {
		t.Errorf("Append = %v, want the source's error", err)
	}
	if err := f.log.Append(&batch{}, false); !errors.Is(err, gone) {
		t.Errorf("Append after a failed one = %v, want its error (invariant 4)", err)
	}
}

type failing struct{ err error }

func (f failing) ReadAt([]byte, int64) (int, error) { return 0, f.err }

// Cut leaves out what was appended behind a position.
func TestCut(t *testing.T) {
	f := newFolder(t)
	f.write("a", "main")
	ends := []commitlog.End{f.log.End()}
	add := func(off int64, text string) {
		f.add(func(b *batch) { b.Write("a", off, []byte(text), 0) })
		f.add(func(b *batch) {}) // says nothing, and ends nothing
		ends = append(ends, f.log.End())
	}
	add(0, "1")
	add(1, "2")
	f.log.Rotate()
	add(2, "3")
	add(3, "4")
	f.log.Rotate()
	add(4, "5")
	for i, want := range slices.Backward([]string{"main", "1ain", "12in", "123n", "1234", "12345"}) {
		if err := commitlog.Cut(f.fs, f.dir(), ends[i]); err != nil {
			t.Fatal(err)
		}
		f.write("a", "main")
		f.replay()
		f.want("a", want)
	}
}

func TestRemove(t *testing.T) {
	f := newFolder(t)
	f.add(func(b *batch) { b.Removed("a") })
	f.log.Rotate()
	f.add(func(b *batch) { b.Removed("b") })
	if err := commitlog.Remove(f.fs, f.dir()); err != nil {
		t.Fatal(err)
	}
	if found := f.replay(); found.Names != nil {
		t.Errorf("a removed log speaks of %v", found.Names)
	}
	if err := commitlog.Remove(f.fs, filepath.Join(f.root, "nothing")); err != nil {
		t.Errorf("Remove of nothing = %v", err)
	}
}

// A log of a newer program is refused, and stays.
func TestNewerVersion(t *testing.T) {
	f := newFolder(t)
	f.add(func(b *batch) { b.Removed("a") })
	path := filepath.Join(f.dir(), "1.log")
	commitlog.SetVersion(t, path, 3)
	var newer *commitlog.VersionError
	if _, err := commitlog.Replay(f.fs, f.root, f.dir()); !errors.As(err, &newer) || newer.Version != 3 {
		t.Errorf("Replay = %v, want a VersionError", err)
	}
	if err := commitlog.Remove(f.fs, f.dir()); !errors.As(err, &newer) {
		t.Errorf("Remove = %v, want a VersionError", err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}
