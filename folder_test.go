package do_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/durablego/do"
	"github.com/durablego/do/internal/bridge"
	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/disk/disktest"
)

// TestT14NewDataFolder cuts the power after the first answer of a new data folder: the
// folder's own name is durable too, and those of the folders made for it, also where an
// Open that made them came no further.
func TestT14NewDataFolder(t *testing.T) {
	for _, before := range []bool{false, true} {
		root := t.TempDir()
		record, err := disktest.NewRecorder(disk.OS(), root)
		if err != nil {
			t.Fatal(err)
		}
		o := boxes(class(nil))
		o.Dir = filepath.Join(root, "a", "b")
		if before {
			o.Dir = filepath.Join(root, "a")
			wantNil(t, record.MkdirAll(o.Dir))
		}
		rt, _, err := bridge.Open(o, bridge.Config{FS: record})
		if err != nil {
			t.Fatal(err)
		}
		wantAdd(t, rt.(*do.Runtime).Namespace("BOX").GetByName("x"), 5, 5)
		after := t.TempDir()
		wantNil(t, record.Crash(after))
		closeNow(t, rt.(*do.Runtime))

		dir, err := filepath.Rel(root, o.Dir)
		wantNil(t, err)
		o.Dir = filepath.Join(after, dir)
		if _, err := os.Stat(o.Dir); err != nil {
			t.Errorf("made before: %v: the data folder is gone: %v", before, err)
		}
		again, _ := openBoxes(t, boxesIn(o.Dir))
		wantTotal(t, again.Namespace("BOX").GetByName("x"), 5)
	}
}

func boxesIn(dir string) do.Options {
	o := boxes(class(nil))
	o.Dir = dir
	return o
}
