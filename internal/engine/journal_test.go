package engine_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/durablego/do/internal/commitlog"
	"github.com/durablego/do/internal/disk/disktest"
	"github.com/durablego/do/internal/durable"
	"github.com/durablego/do/internal/engine"
	"github.com/durablego/do/internal/gate"
)

// journal notes what an engine tells a durable.Journal.
type journal struct {
	durable.Opener
	calls  []string
	inside int // Enters without Leave
	kept   bool
	forget func() error
}

func (j *journal) call(what string) { j.calls = append(j.calls, what) }

func (j *journal) Settled(string) { j.call("settled") }

func (j *journal) Forget(context.Context, string) error {
	j.call("forget")
	if j.forget != nil {
		return j.forget()
	}
	return nil
}

func (j *journal) Removed(string) error { j.call("removed"); return nil }
func (j *journal) Touched(context.Context, string) error {
	j.call("touched")
	return nil
}

func (j *journal) Done(string)                { j.call("done") }
func (j *journal) Syncing(string, bool) error { j.call("syncing"); return nil }
func (j *journal) Doubt(string, error)        { j.call("doubt") }

func (j *journal) Enter(string) (bool, error) {
	j.inside++
	kept := j.kept
	j.kept = false
	return kept, nil
}

func (j *journal) Leave(_ string, keep bool) {
	j.inside--
	j.kept = keep
}

// want checks what was told since the last call.
func (j *journal) want(t *testing.T, want string) {
	t.Helper()
	if got := strings.Join(j.calls, " "); got != want {
		t.Errorf("the journal was told %q, want %q", got, want)
	}
	j.calls = nil
}

func newJournaled(t *testing.T) (*object, *journal) {
	j := &journal{}
	o := newObject(t, func(o *engine.Options) {
		j.Opener = o.Opener
		o.Opener = j
	})
	o.manual.Auto(true)
	t.Cleanup(func() {
		if err := o.DB.Close(ctx); err != nil || j.inside != 0 {
			t.Errorf("Close = %v, with the files in use %d times", err, j.inside)
		}
	})
	return o, j
}

// T15, T16: the journal hears how a checkpoint ended: a sync that failed casts doubt on the
// files of all, a full disk does not.
func TestT16CheckpointTellsTheJournal(t *testing.T) {
	o, j := newJournaled(t)
	o.save("a", "1")
	if err := o.Checkpoint(ctx); err != nil {
		t.Fatal(err)
	}
	j.want(t, "syncing settled")
	for i, c := range []struct {
		fault disktest.Fault
		want  string
	}{
		{disktest.Fault{Op: disktest.Write, Err: syscall.ENOSPC}, "syncing done"},
		{disktest.Fault{Op: disktest.Sync}, "syncing doubt"},
	} {
		value := strings.Repeat(strconv.Itoa(i), 9000)
		o.save("a", value)
		c.fault.Match = func(name string) bool { return filepath.Base(name) == "a.sqlite" }
		o.disk.Fail(c.fault)
		if err := o.Checkpoint(ctx); err == nil {
			t.Fatalf("Checkpoint with %+v succeeded", c.fault)
		}
		j.want(t, c.want)
		o.disk.Clear()
		o.recover()
		j.want(t, "syncing forget")
		o.want("a", value)
		j.calls = nil // the opening
	}
}

// L15: a removal is in the journal before it happens, and done when it did. Its record does
// not depend on how long the caller has time.
func TestL15DestroyTellsTheJournal(t *testing.T) {
	o, j := newJournaled(t)
	o.save("a", "1")
	o.disk.Hook(func(op disktest.Op, name string) error {
		if op == disktest.Remove && !slices.Contains(j.calls, "removed") {
			t.Errorf("%s was removed before the journal was told", name)
		}
		return nil
	})
	if err := o.Destroy(ctx); err != nil {
		t.Fatal(err)
	}
	o.disk.Hook(nil)
	j.want(t, "removed done")
	o.save("a", "1")
	o.disk.Fail(disktest.Fault{Op: disktest.Remove})
	if err := o.Destroy(ctx); err == nil {
		t.Fatal("Destroy succeeded without a removal")
	}
	j.want(t, "removed doubt")
	if err := o.Destroy(ctx); err != nil {
		t.Fatal(err)
	}
	j.want(t, "removed done")
	o.want()
}

// A replay of what was there before an import does not remove what was imported: the
// journal has forgotten the object, durably, when the file comes.
func TestTakeTellsTheJournal(t *testing.T) {
	o, j := newJournaled(t)
	from := filepath.Join(o.dir, "new")
	if err := os.WriteFile(from, exported(t), 0o644); err != nil {
		t.Fatal(err)
	}
	j.forget = func() error { return errDisk }
	if err := o.Take(ctx, from); !errors.Is(err, errDisk) {
		t.Fatalf("Take with a journal that fails = %v", err)
	}
	if _, err := os.Stat(from); err != nil {
		t.Errorf("after a failed Take: %v", err)
	}
	j.want(t, "removed done forget")
	j.forget = func() error {
		if _, err := os.Stat(o.path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the journal forgets when there is a file: %v", err)
		}
		return nil
	}
	if err := o.Take(ctx, from); err != nil {
		t.Fatal(err)
	}
	j.want(t, "removed done forget")
	if data, err := o.HasData(ctx); !data || err != nil {
		t.Errorf("HasData = %v, %v", data, err)
	}
}

// While the disk hangs the memory that commits take is bounded: beyond that the journal
// reads them from the write-ahead log, and replays the same.
func TestHungJournalMemory(t *testing.T) {
	o, j := newJournaled(t)
	var b durable.Batch
	j.Opener = sourced{j.Opener, func(s durable.Source) { s.Take(&b, "a.sqlite") }}
	o.save("a", "1")
	held := b.Held()
	if held == 0 {
		t.Fatal("a commit was not taken")
	}
	b.Write("other", 0, bytes.Repeat([]byte{1}, engine.MaxHeld)) // zeros would not be held
	held = b.Held()
	for i := range 3 {
		o.save("a", strings.Repeat(strconv.Itoa(i), 50_000))
	}
	if more := b.Held() - held; more > 1000 {
		t.Errorf("%d bytes more are in memory", more)
	}
	commits := filepath.Join(o.dir, "commits")
	log := commitlog.New(o.disk, commits)
	if err := log.Append(&b); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(o.path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	replayed := t.TempDir()
	if err := os.WriteFile(filepath.Join(replayed, "other"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := commitlog.Replay(o.disk, replayed, commits); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(replayed, "a.sqlite-wal"))
	if err != nil || !bytes.HasPrefix(want, got) || len(got) < 150_000 {
		t.Errorf("replayed %d bytes of %d, %v, or other ones", len(got), len(want), err)
	}
	if err := log.Close(); err != nil {
		t.Error(err)
	}
}

// sourced gives each commit's Source to take.
type sourced struct {
	durable.Opener
	take func(durable.Source)
}

type sourcedLog struct {
	durable.Log
	take func()
}

func (s sourced) Open(t durable.Target, g *gate.Gate, failed func(error)) durable.Log {
	return sourcedLog{s.Opener.Open(t, g, failed), func() { s.take(t.(durable.Source)) }}
}

func (l sourcedLog) Commit(c durable.Commit) {
	l.take()
	l.Log.Commit(c)
}

// A look at the files of a closed object is one of those that a replay waits for.
func TestHasDataEnters(t *testing.T) {
	o, j := newJournaled(t)
	o.save("a", "1")
	o.close()
	if !j.kept {
		t.Error("a short write-ahead log was not left to the journal")
	}
	o.disk.Hook(func(op disktest.Op, name string) error {
		if j.inside == 0 {
			t.Errorf("%v of %s by nobody who entered", op, name)
		}
		return nil
	})
	if data, err := o.HasData(ctx); !data || err != nil {
		t.Errorf("HasData = %v, %v", data, err)
	}
	o.disk.Hook(nil)
	j.want(t, "")
}
