package do_test

import (
	"bytes"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/durablego/do"
	"github.com/durablego/do/internal/bridge"
	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/disk/disktest"
)

// TestL28Refused: nothing of an Import that gave an error is there, nor after a power cut.
func TestL28Refused(t *testing.T) {
	env := newBoxes(t)
	wantAdd(t, named(env, "x"), 1, 1)
	file := export(t, env.Namespace("BOX"), "x")
	root := t.TempDir()
	record, err := disktest.NewRecorder(disktest.NoSync(disk.OS()), root)
	wantNil(t, err)
	faulty := disktest.NewFaulty(record)
	o := boxesIn(filepath.Join(root, "data"))
	o.Logger = slog.New(slog.DiscardHandler)
	rt, _, err := bridge.Open(o, bridge.Config{FS: faulty})
	wantNil(t, err)
	ns := rt.(*do.Runtime).Namespace("BOX")
	wantAdd(t, ns.GetByName("y"), 1, 1)
	renamed := false
	faulty.Hook(func(op disktest.Op, name string) error {
		if op == disktest.Rename && strings.Contains(name, "import-") {
			renamed = true
		} else if op == disktest.SyncDir && renamed && strings.Contains(name, "main.") {
			renamed = false
			return syscall.EIO
		}
		return nil
	})
	err = ns.Import(t.Context(), ns.IDFromName("x"), bytes.NewReader(file))
	if err == nil {
		t.Fatal("it does not fail")
	}
	faulty.Hook(nil)
	if total, err := do.Call0(t.Context(), ns.GetByName("x"), (*box).Total); total != 0 || err != nil {
		t.Errorf("after the error: %d, %v", total, err)
	}
	for seed := range uint64(50) {
		after := t.TempDir()
		wantNil(t, record.PowerCut(rand.New(rand.NewPCG(seed, 1)), after))
		o := boxesIn(filepath.Join(after, "data"))
		o.Logger = slog.New(slog.DiscardHandler)
		rt, _, err := bridge.Open(o, bridge.Config{FS: disktest.NoSync(disk.OS())})
		wantNil(t, err)
		n := rt.(*do.Runtime).Namespace("BOX")
		if total, err := do.Call0(t.Context(), n.GetByName("x"), (*box).Total); total != 0 || err != nil {
			t.Errorf("after power cut %d x has %d, %v, listed %v", seed, total, err, inIndex(t, rt.(*do.Runtime)))
		}
		wantNil(t, rt.(*do.Runtime).Close(t.Context()))
	}
	wantNil(t, rt.(*do.Runtime).Close(t.Context()))
}

// TestL28Unread: an Import whose data are in place gives no error, though nothing can be read of them.
func TestL28Unread(t *testing.T) {
	env := newBoxes(t)
	wantAdd(t, named(env, "x"), 1, 1)
	file := export(t, env.Namespace("BOX"), "x")
	faulty := disktest.NewFaulty(disktest.NoSync(disk.OS()))
	rt := openOn(t, boxesIn(filepath.Join(t.TempDir(), "data")), faulty)
	ns := rt.Namespace("BOX")
	wantAdd(t, ns.GetByName("y"), 1, 1)
	renamed := false
	faulty.Hook(func(op disktest.Op, name string) error {
		if op == disktest.Rename && strings.Contains(name, "import-") {
			renamed = true
		} else if op == disktest.Stat && renamed && strings.HasSuffix(name, ".sqlite") {
			renamed = false
			return syscall.EIO
		}
		return nil
	})
	err := ns.Import(t.Context(), ns.IDFromName("x"), bytes.NewReader(file))
	faulty.Hook(nil)
	if total, terr := do.Call0(t.Context(), ns.GetByName("x"), (*box).Total); err != nil && total != 0 || terr != nil {
		t.Errorf("Import = %v, and there is %d, %v", err, total, terr)
	}
	closeNow(t, rt)
}
