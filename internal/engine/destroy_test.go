package engine_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/disk/disktest"
	"github.com/durablego/do/internal/durable"
	"github.com/durablego/do/internal/engine"
	"github.com/durablego/do/internal/gate"
)

// L15: a destroyed database leaves no file, whatever there was, and the next use finds nothing.
func TestL15Destroy(t *testing.T) {
	for what, prepare := range map[string]func(o *object){
		"nothing": func(*object) {},
		"open":    func(o *object) { o.save("a", "1") },
		"closed":  func(o *object) { o.save("a", "1"); o.close() },
		"checkpointed": func(o *object) {
			o.save("a", "1")
			if err := o.DB.Checkpoint(ctx); err != nil {
				o.t.Fatal(err)
			}
			o.save("a", "2")
		},
		"uncommitted": func(o *object) { o.save("a", "1"); o.put("a", "2") },
		"a log that a crash left": func(o *object) {
			o.save("a", "1")
			o.DB.Abandon()
			o.reopen()
		},
		"no database": func(o *object) {
			for _, suffix := range []string{"", "-wal"} {
				if err := os.WriteFile(o.path+suffix, make([]byte, 9000), 0o644); err != nil {
					o.t.Fatal(err)
				}
			}
		},
	} {
		t.Run(what, func(t *testing.T) {
			o := newObject(t).auto()
			o.SetName("n")
			prepare(o)
			if err := o.DB.Destroy(ctx); err != nil {
				t.Fatal(err)
			}
			o.wantFiles()
			if name, err := o.Name(); name != "" || err != nil {
				t.Errorf("Name = %q, %v, want none", name, err)
			}
			if i, err := o.Info(ctx); err != nil || i != (engine.Info{}) {
				t.Errorf("Info = %+v, %v", i, err)
			}
			o.want()
			o.save("b", "2")
			o.want("b", "2")
		})
	}
}

// reopen is a new process: another DB on the same files.
func (o *object) reopen() {
	o.DB = engine.New(engine.Options{
		FS: o.disk, Path: o.path, Folder: durable.NewFolder(o.disk, o.dir), Opener: o.manual, Gate: o.gate,
	})
	o.Session = o.DB.Session(nil)
}

// L15: a failure of the disk is told, and a second attempt is as good as the first, also
// when only the sync of the folder had failed, in another DB.
func TestL15DestroyFails(t *testing.T) {
	for op, broken := range map[disktest.Op]bool{disktest.Remove: false, disktest.SyncDir: false, disktest.Write: true} {
		o := newObject(t).auto()
		o.save("a", "1")
		o.save("a", "2")
		o.disk.Fail(disktest.Fault{Op: op, Err: errDisk})
		if err := o.DB.Destroy(ctx); !errors.Is(err, errDisk) || (o.Broken() != nil) != broken {
			t.Errorf("%v: Destroy = %v, broken %v", op, err, o.Broken())
		}
		if broken {
			o.recover()
			o.want("a", "2")
		}
		syncs := o.disk.Count(disktest.SyncDir)
		o.reopen()
		if err := o.DB.Destroy(ctx); err != nil || o.disk.Count(disktest.SyncDir) == syncs {
			t.Errorf("%v: second Destroy = %v, %d syncs of the folder", op, err, o.disk.Count(disktest.SyncDir)-syncs)
		}
		o.wantFiles()
	}
}

// L15, T34.13: a power cut leaves a database that is being destroyed as it was, or nothing of
// it; one that was destroyed never comes back. A snapshot has the state of its beginning.
func TestL15PowerCut(t *testing.T) {
	for _, faults := range []bool{false, true} {
		t.Run(fmt.Sprintf("faults=%v", faults), func(t *testing.T) {
			histories(t, func(t *testing.T, rng *rand.Rand) {
				h := newHistory(t, rng, historyOptions{midway: 4, faults: faults})
				for range 30 {
					h.step()
					switch rng.IntN(4) {
					case 0:
						h.destroy()
					case 1:
						h.snapshot()
					}
				}
				h.finish()
			})
		})
	}
}

// destroy destroys the database, in as many attempts as it takes.
func (h *history) destroy() {
	for try := 1; ; try++ {
		h.maybe = &state{data: map[string]string{}}
		_ = h.manual.Release()
		err := h.db.Destroy(ctx)
		h.note("destroy: %v", err)
		if err == nil {
			break
		}
		if try == 10 {
			h.faulty.Clear()
		}
		h.after()
		for h.db.Broken() != nil { // then nothing was removed
			h.recover()
			h.after()
		}
	}
	h.maybe = nil
	h.states = append(h.states, state{h.gate.Newest(), map[string]string{}})
	h.after()
}

// snapshot takes one, goes on, and compares the copy with what was there at its beginning.
func (h *history) snapshot() {
	_ = h.manual.Release()
	s, err := h.db.Snapshot(ctx)
	h.note("snapshot: %v", err)
	want := maps.Clone(h.last().data)
	if err == nil && s != nil {
		for range 3 {
			if h.db.Broken() == nil {
				h.turn()
				_ = h.manual.Release()
				_ = h.db.Checkpoint(ctx)
				h.after()
			}
		}
		path := filepath.Join(h.t.TempDir(), "copy.sqlite")
		h.compare(path, s.CopyTo(ctx, create(h.t, path)), want)
		if err := s.Close(); err != nil && h.faulty.Fired() == 0 {
			h.fatalf("close: %v", err)
		}
	} else if err == nil && len(want) > 0 {
		h.fatalf("no snapshot although there are data: %v", keys(want))
	}
	for h.db.Broken() != nil {
		h.recover()
		h.after()
	}
}

func (h *history) compare(path string, err error, want map[string]string) {
	if err != nil {
		if h.faulty.Fired() == 0 {
			h.fatalf("copy: %v", err)
		}
		return
	}
	db := engine.New(engine.Options{
		FS: lazy{disk.OS()}, Path: path, Folder: durable.NewFolder(lazy{disk.OS()}, filepath.Dir(path)),
		Opener: durable.Relaxed(), Gate: new(gate.Gate),
	})
	got, err := h.content(db.Session(nil))
	if err != nil || !maps.Equal(got, want) {
		h.fatalf("the copy has %v, %v, want %v", keys(got), err, keys(want))
	}
	if err := errors.Join(db.Close(ctx), quickCheck(path)); err != nil {
		h.fatalf("the copy: %v", err)
	}
}

// create makes a file.
func create(t *testing.T, path string) disk.File {
	t.Helper()
	f, err := disk.OS().Open(path, os.O_RDWR|os.O_CREATE|os.O_EXCL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}
