package engine_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"

	"github.com/durablego/do/internal/engine"
)

// snapshot takes one that must be there.
func (o *object) snapshot() *engine.Snapshot {
	o.t.Helper()
	s, err := o.DB.Snapshot(ctx)
	if err != nil || s == nil {
		o.t.Fatalf("Snapshot = %v, %v", s, err)
	}
	return s
}

// A snapshot is a file by itself, with what was committed at its beginning, however the
// database goes on; nothing rewrites the main file before it is closed.
func TestSnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newObject(t, func(o *engine.Options) { o.CheckpointBytes = 1 }).auto()
		o.save("a", "1")
		s := o.snapshot()
		o.save("a", "2")
		if o.WantsCheckpoint() {
			t.Error("a checkpoint is wanted beside a snapshot")
		}
		if err := o.DB.Checkpoint(ctx); err != nil { // it does nothing
			t.Fatal(err)
		}
		gone, cancel := context.WithCancel(ctx)
		cancel()
		if err := o.DB.Close(gone); !errors.Is(err, context.Canceled) {
			t.Errorf("Close beside a snapshot = %v, want ctx's error", err)
		}
		if _, err := o.DB.Snapshot(gone); !errors.Is(err, context.Canceled) {
			t.Errorf("a second Snapshot = %v, want ctx's error", err)
		}
		if err := o.DB.Destroy(gone); !errors.Is(err, context.Canceled) {
			t.Errorf("Destroy beside a snapshot = %v, want ctx's error", err)
		}
		closed := make(chan error)
		go func() { closed <- o.DB.Close(ctx) }()
		synctest.Wait()
		var plain bytes.Buffer
		if err := s.WriteTo(ctx, &plain); err != nil || int64(plain.Len()) != s.Size() {
			t.Errorf("WriteTo = %v, %d bytes of %d", err, plain.Len(), s.Size())
		}
		if err := s.WriteTo(gone, &plain); !errors.Is(err, context.Canceled) {
			t.Errorf("WriteTo without time = %v", err)
		}
		for range 2 {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
		if err := <-closed; err != nil {
			t.Error(err)
		}
		o.want("a", "2")
		path := filepath.Join(t.TempDir(), "copy.sqlite")
		if err := os.WriteFile(path, plain.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		if h := plain.Bytes(); h[18] != 1 || h[19] != 1 {
			t.Errorf("journal mode %d, %d, want that of a plain file", h[18], h[19])
		}
	})
}

// What is closed cleanly is copied as it is, without opening it; what has no data is none.
func TestSnapshotOfAClosedDatabase(t *testing.T) {
	o := newObject(t).auto()
	none := func(what string) {
		t.Helper()
		if s, err := o.DB.Snapshot(ctx); s != nil || err != nil {
			t.Errorf("%s: Snapshot = %v, %v, want none", what, s, err)
		}
	}
	none("no file")
	o.save("a", "1")
	o.put("a", "2")
	if _, err := o.DB.Snapshot(ctx); err == nil {
		t.Error("Snapshot in a transaction")
	}
	o.close()
	s := o.snapshot()
	if o.IsOpen() {
		t.Error("the snapshot opened the database")
	}
	o.want("a", "1")
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := o.DeleteAll(ctx); err != nil {
		t.Fatal(err)
	}
	o.commit()
	none("without data")
	o.save("b", "1")
	o.DB.Abandon()
	o.reopen()
	if err := o.snapshot().Close(); err != nil { // with a log that a crash left
		t.Error(err)
	}
	o.want("b", "1")
}

// Info tells what there is, without a look where that would wait.
func TestInfo(t *testing.T) {
	o := newObject(t).auto()
	check := func(want engine.Info, try bool) {
		t.Helper()
		got, err := o.Info(ctx)
		if err != nil || got != want {
			t.Errorf("Info = %+v, %v, want %+v", got, err, want)
		}
		if got, ok := o.TryInfo(); ok != try || ok && got != want {
			t.Errorf("TryInfo = %+v, %v, want %v", got, ok, try)
		}
	}
	check(engine.Info{}, false)
	o.SetName("n")
	o.save("a", "1")
	empty := int64(3 * 4096)
	check(engine.Info{Exists: true, Size: empty, Name: "n"}, true)
	o.put("a", "2")
	if _, ok := o.TryInfo(); ok {
		t.Error("TryInfo beside a transaction")
	}
	o.close()
	check(engine.Info{Exists: true, Size: empty, Name: "n"}, false)
	if err := o.DeleteAll(ctx); err != nil {
		t.Fatal(err)
	}
	o.commit()
	check(engine.Info{Exists: true, Empty: true, Size: empty, Name: "n"}, true)
	o.close()
	check(engine.Info{Name: "n"}, false)
}
