package do_test

import (
	"context"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/durablego/do"
)

var manyObjects = flag.Int("objects", 0, "number of objects on disk of TestManyObjects; 0: leave it out")

// TestManyObjects measures a folder with many sleeping objects:
//
//	go test -run TestManyObjects -v -timeout 1h -objects 1000000 .
//
// TMPDIR says on which disk. It makes copies of one object's file under ids of their own.
func TestManyObjects(t *testing.T) {
	n := *manyObjects
	if n == 0 {
		t.Skip("-objects is 0")
	}
	o := boxesIn(filepath.Join(t.TempDir(), "data"))
	var rt *do.Runtime
	timed := func(what string, fn func() error) {
		t.Helper()
		began := time.Now()
		if err := fn(); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		t.Logf("%-44s %v", what, time.Since(began).Round(10*time.Microsecond))
	}
	open := func() (err error) { rt, err = do.Open(o); return err }
	shut := func() error { return rt.Close(context.Background()) }
	timed("open an empty folder", open)
	var ids []do.ID
	first := rt.Namespace("BOX").NewUniqueID()
	wantAdd(t, rt.Namespace("BOX").Get(first), 1, 1)
	for range n - 1 {
		ids = append(ids, rt.Namespace("BOX").NewUniqueID())
	}
	wantNil(t, shut())
	folder := filepath.Join(o.Dir, "main.BOX")
	file, err := os.ReadFile(filepath.Join(folder, first.String()+".sqlite"))
	wantNil(t, err)
	timed("make the files", func() error {
		for _, id := range ids {
			if err := os.WriteFile(filepath.Join(folder, id.String()+".sqlite"), file, 0o644); err != nil {
				return err
			}
		}
		return nil
	})
	slices.SortFunc(ids, func(a, b do.ID) int { return strings.Compare(a.String(), b.String()) })
	wantNil(t, os.Remove(filepath.Join(folder, "metadata.sqlite")))
	timed("open, the index is lost", open)
	timed("close", shut)
	timed("open after a clean stop", open)
	page := func(after do.ID, limit int) func() error {
		return func() error {
			listed := 0
			for _, err := range rt.Namespace("BOX").Objects(t.Context(), do.ObjectsOptions{StartAfter: after, Limit: limit}) {
				if err != nil {
					return err
				}
				listed++
			}
			if limit == 0 && listed != n {
				t.Errorf("%d objects, want %d", listed, n)
			}
			return nil
		}
	}
	for range 2 {
		timed("list the first 100", page(do.ID{}, 100))
		timed("list 100 in the middle", page(ids[len(ids)/2], 100))
		timed("list the last 100", page(ids[max(0, len(ids)-101)], 100))
	}
	timed("list all", page(do.ID{}, 0))
	timed("wake one", func() error { wantTotal(t, rt.Namespace("BOX").Get(ids[0]), 1); return nil })
	timed("delete one", func() error { return rt.Namespace("BOX").Delete(t.Context(), ids[1]) })
	n--
	timed("close", shut)
	wantNil(t, os.WriteFile(filepath.Join(o.Dir, "UNCLEAN"), []byte("*-wal\n.\n"), 0o644)) // as a Relaxed runtime leaves it
	timed("open after an unclean stop, none was open", open)
	timed("list all", page(do.ID{}, 0))
	timed("backup", func() error { return rt.Backup(t.Context(), o.Dir+"-copy") })
	timed("close", shut)
	var objects, index int64
	wantNil(t, filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		info, ierr := d.Info()
		if err != nil || ierr != nil || d.IsDir() {
			return err
		}
		if strings.HasPrefix(d.Name(), "metadata") {
			index += info.Size()
		} else {
			objects += info.Size()
		}
		return nil
	}))
	t.Logf("per object: %d bytes in its file, %.1f in the index", objects/int64(n), float64(index)/float64(n))
	if status, err := os.ReadFile("/proc/self/status"); err == nil && runtime.GOOS == "linux" {
		for line := range strings.Lines(string(status)) {
			if strings.HasPrefix(line, "VmHWM") {
				t.Log("most memory of the process: ", strings.TrimSpace(line))
			}
		}
	}
}
