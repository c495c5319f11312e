package engine_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/durablego/do/internal/commitlog"
	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/disk/disktest"
	"github.com/durablego/do/internal/durable"
	"github.com/durablego/do/internal/engine"
	"github.com/durablego/do/internal/gate"
)

// alone gives what is in a main file without its write-ahead log.
func (o *object) alone() *object {
	o.t.Helper()
	p, err := os.ReadFile(o.path)
	if err != nil {
		o.t.Fatal(err)
	}
	c := newObject(o.t)
	if err := os.WriteFile(c.path, p, 0o644); err != nil {
		o.t.Fatal(err)
	}
	return c
}

// T15: only what is durable is written back to the main file, also beside a commit that is not;
// and only that is there after the log has failed.
func TestT15OnlyWhatIsDurable(t *testing.T) {
	o, j := newJournaled(t)
	o.save("a", "1")
	o.manual.Auto(false)
	o.save("b", "pending")
	o.put("c", "open")
	for range 2 {
		if err := j.writeBack(); err != nil {
			t.Fatal(err)
		}
		o.alone().want("a", "1")
	}
	o.commit()
	o.release()
	if err := j.writeBack(); err != nil {
		t.Fatal(err)
	}
	o.alone().want("a", "1", "b", "pending", "c", "open")
	o.save("a", "refused")
	o.manual.Begin().Fail(errDisk)
	j.calls = nil
	o.recover()
	j.want(t, "syncing forget")
	o.alone().want("a", "1", "b", "pending", "c", "open")
	o.manual.Auto(true)
	o.want("a", "1", "b", "pending", "c", "open")
}

// An opening, a checkpoint and a close leave nothing for a write-back to do, nor does it undo
// them.
func TestWriteBackBesideCheckpoints(t *testing.T) {
	o, j := newJournaled(t)
	for i := range 30 {
		o.save(fmt.Sprint("key", i%4), strings.Repeat(fmt.Sprint(i), 3000))
		if i%3 == 0 {
			if err := j.writeBack(); err != nil {
				t.Fatal(err)
			}
		}
		if i%7 == 0 {
			if err := o.Checkpoint(ctx); err != nil {
				t.Fatal(err)
			}
		}
		want, err := dump(o.Session, engine.Range{})
		if err != nil {
			t.Fatal(err)
		}
		if err := j.writeBack(); err != nil {
			t.Fatal(err)
		}
		o.alone().want(want...)
		if i%5 == 0 {
			source := j.source
			o.close()
			if j.source != nil {
				t.Error("the journal was not told of the close")
			}
			o.wantFiles("main")
			if err := source.WriteBack(func() durable.Commit { panic("of a database that is closed") }); err != nil {
				t.Error(err)
			}
			o.alone().want(want...)
		}
	}
}

// Segments are given up while commits go on, checkpoints take place and the object is closed:
// all are kept. With the race detector it shows that nothing is used by two at once.
func TestWriteBackConcurrent(t *testing.T) {
	dir := t.TempDir()
	fs := lazy{disk.OS()}
	log := durable.NewShared(durable.SharedOptions{FS: fs, Root: dir, Dir: filepath.Join(dir, "commits"), SegmentBytes: 20 << 10})
	var wg sync.WaitGroup
	for n := range 3 {
		wg.Go(func() {
			path := filepath.Join(dir, fmt.Sprint(n, ".sqlite"))
			db := engine.New(engine.Options{
				FS: fs, Path: path, Folder: durable.NewFolder(fs, dir), Opener: log, Gate: new(gate.Gate),
				LogMemory: func() int64 { return 100 << 10 },
			})
			s := db.Session(nil)
			fail := func(err error) {
				if err != nil {
					t.Error(err)
				}
			}
			for i := range 400 {
				fail(s.Put(ctx, fmt.Sprint("key", i%20), []byte(fmt.Sprint(i, strings.Repeat(".", i*37%9000)))))
				_, _, err := s.Commit()
				fail(err)
				if db.WantsCheckpoint() {
					fail(db.Checkpoint(ctx))
				}
				if i%90 == 0 {
					fail(db.Close(ctx))
				}
			}
			fail(db.Close(ctx))
			for i := 380; i < 400; i++ {
				v, _, err := s.Get(ctx, fmt.Sprint("key", i%20))
				if fail(err); !strings.HasPrefix(string(v), fmt.Sprint(i, ".")) {
					t.Errorf("key%d = %.10q, want that of %d", i%20, v, i)
				}
			}
			fail(db.Close(ctx))
			fail(quickCheck(path))
		})
	}
	wg.Wait()
	if err := log.Close(); err != nil {
		t.Error(err)
	}
}

// A commit larger than what is kept in memory goes through a file that has no name, and is
// replayed like any other.
func TestLargeCommitInMemory(t *testing.T) {
	dir := t.TempDir()
	rec, err := disktest.NewRecorder(lazy{disk.OS()}, dir)
	if err != nil {
		t.Fatal(err)
	}
	commits := filepath.Join(dir, "commits")
	log := durable.NewShared(durable.SharedOptions{FS: rec, Root: dir, Dir: commits, SegmentBytes: 1 << 30})
	db := engine.New(engine.Options{
		FS: rec, Path: filepath.Join(dir, "a.sqlite"), Folder: durable.NewFolder(rec, dir), Opener: log, Gate: new(gate.Gate),
	})
	s := db.Session(nil)
	large := strings.Repeat("0123456789abcdef", 100_000)
	for i := range 14 {
		if err := s.Put(ctx, fmt.Sprint("key", i), []byte(fmt.Sprint(i, large))); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := s.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := db.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	names, err := os.ReadDir(dir)
	if err != nil || len(names) != 2 {
		t.Errorf("in the folder are %v, %v, want the main file and the log", names, err)
	}
	left := filepath.Join(t.TempDir(), "left")
	if err := rec.Crash(left); err != nil {
		t.Fatal(err)
	}
	for i := range 3 { // read back from where it is, replaced and copied
		if v, _, err := s.Get(ctx, fmt.Sprint("key", i)); string(v) != fmt.Sprint(i, large) || err != nil {
			t.Errorf("key%d has %d bytes, %v", i, len(v), err)
		}
		if err := s.Put(ctx, fmt.Sprint("key", i), []byte("new")); err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if err := log.Close(); err != nil {
		t.Error(err)
	}
	if err := quickCheck(filepath.Join(dir, "a.sqlite")); err != nil {
		t.Error(err)
	}
	if v, _, err := s.Get(ctx, "key13"); string(v) != fmt.Sprint(13, large) || err != nil {
		t.Errorf("key13 has %d bytes, %v", len(v), err)
	}
	if err := db.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := commitlog.Replay(lazy{disk.OS()}, left, filepath.Join(left, "commits")); err != nil {
		t.Fatal(err)
	}
	o := newObject(t, func(o *engine.Options) { o.FS, o.Path = lazy{disk.OS()}, filepath.Join(left, "a.sqlite") })
	if v, _, err := o.Get(ctx, "key13"); string(v) != fmt.Sprint(13, large) || err != nil {
		t.Errorf("after a power cut key13 has %d bytes, %v", len(v), err)
	}
}

// What a runtime without journal left in a write-ahead log is taken over by one that has a
// journal, whenever the power is cut; then it cannot come back over what was committed since.
func TestAbsorbedLog(t *testing.T) {
	for seed := range uint64(12) {
		dir := t.TempDir()
		path := filepath.Join(dir, "a.sqlite")
		old := newObject(t, func(o *engine.Options) { o.Path, o.Opener = path, durable.Relaxed() })
		old.save("a", "1")
		old.save("b", strings.Repeat("1", 9000))
		old.DB.Abandon()
		if _, err := os.Stat(path + "-wal"); err != nil {
			t.Fatal(err)
		}
		rec, err := disktest.NewRecorder(lazy{disk.OS()}, dir)
		if err != nil {
			t.Fatal(err)
		}
		faulty := disktest.NewFaulty(rec)
		var mu sync.Mutex
		rng := rand.New(rand.NewPCG(seed, 0))
		answered := "1"
		type cut struct{ dir, least string }
		var cuts []cut
		faulty.Hook(func(op disktest.Op, _ string) error {
			if op == disktest.Read || op == disktest.Stat || op == disktest.Open {
				return nil
			}
			mu.Lock()
			defer mu.Unlock()
			c := cut{filepath.Join(t.TempDir(), "left"), answered}
			cuts = append(cuts, c)
			return rec.PowerCut(rng, c.dir)
		})
		log := durable.NewShared(durable.SharedOptions{FS: faulty, Root: dir, Dir: filepath.Join(dir, "commits"), SegmentBytes: 9 << 10})
		o := newObject(t, func(o *engine.Options) { o.FS, o.Path, o.Opener = faulty, path, log })
		for i := range 5 {
			o.want("a", answered, "b", strings.Repeat(answered, 9000))
			value := fmt.Sprint(i + 2)
			o.put("a", value)
			o.put("b", strings.Repeat(value, 9000))
			o.commit()
			if err := o.DB.Flush(ctx); err != nil {
				t.Fatal(err)
			}
			mu.Lock()
			answered = value
			mu.Unlock()
		}
		o.close()
		if err := log.Close(); err != nil {
			t.Error(err)
		}
		faulty.Hook(nil)
		for i, c := range cuts {
			if _, err := commitlog.Replay(lazy{disk.OS()}, c.dir, filepath.Join(c.dir, "commits")); err != nil {
				t.Fatal(err)
			}
			o := newObject(t, func(o *engine.Options) { o.FS, o.Path = lazy{disk.OS()}, filepath.Join(c.dir, "a.sqlite") })
			got, err := dump(o.Session, engine.Range{})
			if err != nil || len(got) != 4 || got[1] < c.least || got[3] != strings.Repeat(got[1], 9000) {
				t.Fatalf("seed %d, power cut %d: %.20q, %v; a was %s", seed, i, got, err, c.least)
			}
			o.close()
		}
	}
}

// T15: when a part of a log in memory cannot be read back from its file, the journal has it: all is
// there when that has been replayed.
func TestT15UnreadableLog(t *testing.T) {
	o := newObject(t, func(o *engine.Options) {
		dir := filepath.Dir(o.Path)
		o.Opener = durable.NewShared(durable.SharedOptions{FS: o.FS, Root: dir, Dir: filepath.Join(dir, "commits"), SegmentBytes: 1 << 30})
	})
	large := strings.Repeat("0123456789abcdef", 100_000)
	for i := range 14 {
		o.put(fmt.Sprint("key", i), fmt.Sprint(i, large))
	}
	o.commit()
	if err := o.DB.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	o.disk.Fail(disktest.Fault{Op: disktest.Read, Count: -1, Match: func(name string) bool { return strings.HasSuffix(name, "-overflow") }})
	if err := o.Put(ctx, "b", []byte("refused")); !engine.IsIO(err) { // it has to read what was committed
		t.Fatalf("Put = %v", err)
	}
	if err := o.DB.Recover(ctx); !engine.IsIO(err) {
		t.Errorf("Recover with a log that cannot be read = %v", err)
	}
	o.recover()
	for i := range 14 {
		if v, _, err := o.Get(ctx, fmt.Sprint("key", i)); string(v) != fmt.Sprint(i, large) || err != nil {
			t.Errorf("key%d has %d bytes, %v", i, len(v), err)
		}
	}
	if v, ok, err := o.Get(ctx, "b"); ok || err != nil {
		t.Errorf("what was refused: %q, %v", v, err)
	}
}
