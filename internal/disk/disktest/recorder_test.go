package disktest_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/disk/disktest"
)

// recording is a Recorder around a Faulty around a folder.
type recording struct {
	*disktest.Recorder
	faulty *disktest.Faulty
	root   string
	t      *testing.T
}

func newRecording(t *testing.T) *recording {
	t.Helper()
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "old"), []byte("old content"), 0o644); err != nil {
		t.Fatal(err)
	}
	f := disktest.NewFaulty(disktest.NoSync(disk.OS()))
	r, err := disktest.NewRecorder(f, root)
	if err != nil {
		t.Fatal(err)
	}
	return &recording{r, f, root, t}
}

func (r *recording) open(name string) disk.File {
	r.t.Helper()
	f, err := r.Open(filepath.Join(r.root, name), os.O_RDWR|os.O_CREATE)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { f.Close() })
	return f
}

func (r *recording) do(errs ...error) {
	r.t.Helper()
	for _, err := range errs {
		if err != nil {
			r.t.Fatal(err)
		}
	}
}

func write(f disk.File, s string, off int64) error {
	_, err := f.WriteAt([]byte(s), off)
	return err
}

// missing is what content gives for no file.
const missing = "(missing)"

func content(dir, name string) string {
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return missing
	}
	return string(b)
}

// after gives the content of a file after Crash, and all that it has after power cuts.
func (r *recording) after(name string) (crash string, cuts []string) {
	r.t.Helper()
	dst := r.t.TempDir()
	r.do(r.Crash(dst))
	crash = content(dst, name)
	for seed := range uint64(50) {
		dst := filepath.Join(dst, "cut")
		r.do(r.PowerCut(rand.New(rand.NewPCG(seed, 1)), dst))
		cuts = append(cuts, content(dst, name))
		r.do(os.RemoveAll(dst))
	}
	slices.Sort(cuts)
	return crash, slices.Compact(cuts)
}

func (r *recording) expect(name, crash string, cuts ...string) {
	r.t.Helper()
	gotCrash, gotCuts := r.after(name)
	slices.Sort(cuts)
	if gotCrash != crash || !slices.Equal(gotCuts, cuts) {
		r.t.Errorf("%s: after a crash %q, want %q; after power cuts %q, want %q", name, gotCrash, crash, gotCuts, cuts)
	}
}

func TestRecorderWrites(t *testing.T) {
	r := newRecording(t)
	r.expect("old", "old content", "old content")
	f := r.open("old")
	r.do(write(f, "NEW", 0))
	r.expect("old", "old content", "old content", "NEW content")
	r.do(f.Sync())
	r.expect("old", "NEW content", "NEW content")
	r.do(write(f, "1", 0), write(f, "2", 1))
	r.expect("old", "NEW content", "NEW content", "1EW content", "N2W content", "12W content")
}

func TestRecorderTruncate(t *testing.T) {
	r := newRecording(t)
	f := r.open("old")
	r.do(f.Truncate(3))
	r.expect("old", "old content", "old content", "old")
	r.do(write(f, "!", 3))
	r.expect("old", "old content", "old content", "old!content", "old", "old!")
	r.do(f.Sync())
	r.expect("old", "old!", "old!")
}

func TestRecorderNames(t *testing.T) {
	r := newRecording(t)
	f := r.open("new")
	r.do(write(f, "x", 0), f.Sync())
	r.expect("new", missing, missing, "x")
	r.do(r.SyncDir(r.root))
	r.expect("new", "x", "x")
	r.do(r.Remove(filepath.Join(r.root, "new")))
	r.expect("new", "x", "x", missing)
	g := r.open("new") // another file of that name
	r.do(write(g, "y", 0), g.Sync())
	r.expect("new", "x", "x", missing, "y")
	r.do(r.SyncDir(r.root))
	r.expect("new", "y", "y")
}

func TestRecorderFolders(t *testing.T) {
	r := newRecording(t)
	sub := filepath.Join(r.root, "sub")
	r.do(r.MkdirAll(sub))
	f := r.open("sub/a")
	r.do(write(f, "x", 0), f.Sync(), r.SyncDir(sub))
	r.expect("sub/a", missing, missing, "x") // the folder itself is not durable
	r.do(r.SyncDir(r.root))
	r.expect("sub/a", "x", "x")
}

func TestRecorderFailedSyncIsNeverTrusted(t *testing.T) {
	r := newRecording(t)
	f := r.open("old")
	r.do(write(f, "NEW", 0))
	r.faulty.Fail(disktest.Fault{Op: disktest.Sync})
	if f.Sync() == nil {
		t.Fatal("Sync did not fail")
	}
	r.do(write(f, "!", 3), f.Sync())
	r.expect("old", "old!content", "old!content", "NEW!content")
	r.do(f.Truncate(0), f.Sync())
	r.expect("old", "", "")
	r.do(write(f, "again", 0), f.Sync())
	r.expect("old", "again", "again")
}

func TestRecorderSyncCoversWhatCameBefore(t *testing.T) {
	r := newRecording(t)
	f := r.open("old")
	r.do(write(f, "1", 0))
	r.faulty.Hook(func(op disktest.Op, name string) error {
		if op == disktest.Sync { // a write while the sync runs
			return write(f, "2", 1)
		}
		return nil
	})
	r.do(f.Sync())
	r.expect("old", "1ld content", "1ld content", "12d content")
}

func TestRecorderTearsAtSectors(t *testing.T) {
	r := newRecording(t)
	f := r.open("old")
	r.do(f.Truncate(0), f.Sync())
	const start = 300
	r.do(write(f, string(bytes.Repeat([]byte{'x'}, 2000)), start))
	seen := map[string]bool{}
	_, cuts := r.after("old")
	for _, c := range cuts {
		shape := ""
		for off := 0; off < len(c); {
			end := min(len(c), off-off%512+512)
			part := bytes.TrimLeft([]byte(c[max(off, start):end]), "x")
			switch {
			case len(part) == 0:
				shape += "x"
			case len(bytes.Trim(part, "\x00")) == 0 && len(part) == end-max(off, start):
				shape += "0"
			default:
				t.Fatalf("a torn sector at %d", off)
			}
			off = end
		}
		seen[shape] = true
	}
	if len(seen) < 10 || !seen[""] || !seen["xxxxx"] {
		t.Errorf("states seen: %v", seen)
	}
}

func TestRecorderSameSeedSameState(t *testing.T) {
	r := newRecording(t)
	f := r.open("new")
	for i := range 20 {
		r.do(write(f, "abc", int64(i)*600))
	}
	state := func() string {
		dst := t.TempDir()
		r.do(r.PowerCut(rand.New(rand.NewPCG(4, 2)), dst))
		return content(dst, "new")
	}
	if a, b := state(), state(); a != b {
		t.Error("two states of one seed differ")
	}
}
