package engine_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/disk/disktest"
	"github.com/durablego/do/internal/durable"
	"github.com/durablego/do/internal/durable/durabletest"
	"github.com/durablego/do/internal/engine"
	"github.com/durablego/do/internal/gate"
	"github.com/durablego/do/internal/sqlite"
)

var (
	ctx     = context.Background()
	errDisk = errors.New("disk on fire")
)

// object is a database in a folder of the test, with everything around it in reach.
type object struct {
	*engine.DB
	*engine.Session
	t      testing.TB
	dir    string
	path   string
	disk   *disktest.Faulty
	manual *durabletest.Manual // the opener, unless setup replaced it
	gate   *gate.Gate

	mu   sync.Mutex // guards told
	told []error    // what Failed was told
}

// newObject returns an object without files. setup may change the options.
func newObject(t testing.TB, setup ...func(*engine.Options)) *object {
	dir := t.TempDir()
	o := &object{
		t: t, dir: dir, path: filepath.Join(dir, "a.sqlite"), disk: disktest.NewFaulty(disk.OS()),
		manual: new(durabletest.Manual), gate: new(gate.Gate),
	}
	options := engine.Options{
		FS: o.disk, Path: o.path, Opener: o.manual, Gate: o.gate,
		Failed: func(err error) {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.told = append(o.told, err)
		},
	}
	for _, f := range setup {
		f(&options)
	}
	options.Folder = durable.NewFolder(options.FS, dir)
	o.DB = engine.New(options)
	o.Session = o.DB.Session(nil)
	t.Cleanup(func() {
		o.disk.Clear()
		o.disk.Hook(nil)
		o.manual.Auto(true)
		_ = o.manual.Release()
		if o.DB.Broken() != nil {
			if err := o.DB.Recover(ctx); err != nil {
				t.Error(err)
			}
		}
		if err := o.DB.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return o
}

// auto makes every commit durable at once, on the goroutine of the test.
func (o *object) auto() *object {
	o.manual.Auto(true)
	return o
}

func (o *object) failures() []error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.told)
}

func (o *object) put(key, value string) {
	o.t.Helper()
	if err := o.Put(ctx, key, []byte(value)); err != nil {
		o.t.Fatalf("Put(%q): %v", key, err)
	}
}

func (o *object) commit() uint64 {
	o.t.Helper()
	ticket, _, err := o.Commit()
	if err != nil {
		o.t.Fatalf("Commit: %v", err)
	}
	return ticket
}

// save puts and commits.
func (o *object) save(key, value string) uint64 {
	o.t.Helper()
	o.put(key, value)
	return o.commit()
}

func (o *object) release() {
	o.t.Helper()
	if err := o.manual.Release(); err != nil {
		o.t.Fatal(err)
	}
}

func (o *object) close() {
	o.t.Helper()
	if err := o.DB.Close(ctx); err != nil {
		o.t.Fatalf("Close: %v", err)
	}
}

// recover recovers and begins a new session.
func (o *object) recover() {
	o.t.Helper()
	if err := o.DB.Recover(ctx); err != nil {
		o.t.Fatalf("Recover: %v", err)
	}
	if err := o.Broken(); err != nil {
		o.t.Fatalf("broken after Recover: %v", err)
	}
	o.Session = o.DB.Session(nil)
}

// want checks the whole content: pairs of key and value.
func (o *object) want(pairs ...string) {
	o.t.Helper()
	got, err := dump(o.Session, engine.Range{})
	if err != nil {
		o.t.Fatalf("scan: %v", err)
	}
	if !slices.Equal(got, pairs) {
		o.t.Errorf("content %q, want %q", got, pairs)
	}
}

// dump gives the keys and values of a range.
func dump(s *engine.Session, r engine.Range) (pairs []string, err error) {
	scan := s.Scan(ctx, r)
	defer scan.Close()
	for {
		e, ok, err := scan.Next(ctx)
		if err != nil || !ok {
			return pairs, err
		}
		pairs = append(pairs, e.Key, string(e.Value))
	}
}

// wantFiles checks which files there are, by their suffix.
func (o *object) wantFiles(want ...string) {
	o.t.Helper()
	var got []string
	for _, suffix := range []string{"", "-wal"} {
		if _, err := os.Stat(o.path + suffix); err == nil {
			got = append(got, "main"+suffix)
		} else if !errors.Is(err, fs.ErrNotExist) {
			o.t.Fatal(err)
		}
	}
	if !slices.Equal(got, want) {
		o.t.Errorf("files %q, want %q", got, want)
	}
}

// quickCheck asks SQLite whether a database that nobody has open is sound.
func quickCheck(path string) error {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	conn, err := sqlite.Open(path, sqlite.Options{FS: lazy{disk.OS()}, WAL: true})
	if err != nil {
		return fmt.Errorf("quick_check: %w", err)
	}
	st, _, err := conn.Prepare("PRAGMA quick_check")
	if err != nil {
		return errors.Join(fmt.Errorf("quick_check: %w", err), conn.Close())
	}
	if row, serr := st.Step(); serr != nil || !row || st.ColumnText(0) != "ok" {
		err = fmt.Errorf("quick_check: %q, %w", st.ColumnText(0), serr)
	}
	return errors.Join(err, conn.Close())
}
