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
	forget func() error

	source durable.Source // nil when closed
	log    durable.Log
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

func (j *journal) Done(string)          { j.call("done") }
func (j *journal) Syncing(string) error { j.call("syncing"); return nil }
func (j *journal) Doubt(string, error)  { j.call("doubt") }
func (j *journal) Closed(string)        { j.source = nil }
func (j *journal) Enter(string) error   { j.inside++; return nil }
func (j *journal) Leave(string)         { j.inside-- }

func (j *journal) Open(t durable.Target, g *gate.Gate, failed func(error)) durable.Log {
	j.source = t.(durable.Source)
	j.log = j.Opener.Open(t, g, failed)
	return j.log
}

// writeBack has what is durable written to the main file.
func (j *journal) writeBack() error { return j.source.WriteBack(j.log.Durable) }

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

// T15, T16: with a journal a checkpoint syncs nothing and has nothing to tell. After one that
// failed what the journal has is made durable in the main file, and it hears how that went: a sync
// that failed casts doubt on the files of all, a full disk does not.
func TestT16CheckpointTellsTheJournal(t *testing.T) {
	o, j := newJournaled(t)
	o.save("a", "1")
	if err := o.Checkpoint(ctx); err != nil {
		t.Fatal(err)
	}
	o.want("a", "1")
	value := strings.Repeat("2", 9000)
	o.save("a", value)
	main := func(name string) bool { return filepath.Base(name) == "a.sqlite" }
	o.disk.Fail(disktest.Fault{Op: disktest.Write, Count: -1, Err: syscall.ENOSPC, Match: main})
	syncs := o.disk.Count(disktest.Sync) + o.disk.Count(disktest.SyncDir)
	if err := o.Checkpoint(ctx); err == nil {
		t.Fatal("Checkpoint on a full disk succeeded")
	}
	if n := o.disk.Count(disktest.Sync) + o.disk.Count(disktest.SyncDir) - syncs; n > 0 {
		t.Errorf("%d syncs", n)
	}
	j.want(t, "")
	if err := o.DB.Recover(ctx); !engine.IsIO(err) {
		t.Errorf("Recover on a full disk = %v", err)
	}
	j.want(t, "syncing done")
	o.disk.Clear()
	o.disk.Fail(disktest.Fault{Op: disktest.Sync, Match: main})
	if err := o.DB.Recover(ctx); !engine.IsIO(err) {
		t.Errorf("Recover with a sync that fails = %v", err)
	}
	j.want(t, "syncing doubt")
	o.recover()
	j.want(t, "syncing forget")
	o.want("a", value)
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

// While the disk hangs the memory that copies of commits take is bounded: beyond that the journal
// reads them where they are, and replays the same.
func TestHungJournalMemory(t *testing.T) {
	o, j := newJournaled(t)
	var b durable.Batch
	j.Opener = sourced{j.Opener, func(s durable.Source) { s.Take(&b, "a.sqlite") }}
	o.save("a", "1")
	held := b.Held()
	if held == 0 {
		t.Fatal("a commit was not taken")
	}
	b.Write("other", 0, bytes.Repeat([]byte{1}, engine.MaxHeld), 0) // zeros would not be held
	held = b.Held()
	for i := range 3 {
		o.save("a", strings.Repeat(strconv.Itoa(i), 50_000))
	}
	if more := b.Held() - held; more > 1000 {
		t.Errorf("%d bytes more are in memory", more)
	}
	commits := filepath.Join(o.dir, "commits")
	log := commitlog.New(o.disk, commits)
	if err := log.Append(&b, false); err != nil {
		t.Fatal(err)
	}
	replayed := t.TempDir()
	if err := os.WriteFile(filepath.Join(replayed, "other"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := commitlog.Replay(o.disk, replayed, commits); err != nil {
		t.Fatal(err)
	}
	o.close()
	want, err := os.ReadFile(o.path)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(replayed, "a.sqlite"))
	if err != nil || !bytes.Equal(want, got) || len(got) < 50_000 {
		t.Errorf("replayed %d bytes, %v, want the %d of the main file", len(got), err, len(want))
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
