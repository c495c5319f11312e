package kvstorage_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/durable"
	"github.com/durablego/do/internal/engine"
	"github.com/durablego/do/internal/gate"
	"github.com/durablego/do/kvstorage"
)

// object is a Store over the database of one object in a folder of its own. Between ended and
// begin the turn is over.
type object struct {
	*kvstorage.Store
	t       testing.TB
	path    string
	db      *engine.DB
	session *engine.Session
	over    bool
}

func newObject(t testing.TB, l kvstorage.Limits) *object {
	t.Helper()
	return newObjectWith(t, l, 0)
}

// newObjectWith takes the longest row the database accepts, 0 for the default.
func newObjectWith(t testing.TB, l kvstorage.Limits, maxRowBytes int) *object {
	t.Helper()
	dir := t.TempDir()
	o := &object{t: t, path: filepath.Join(dir, "object.sqlite")}
	o.db = engine.New(engine.Options{
		FS: disk.OS(), Path: o.path, Folder: durable.NewFolder(disk.OS(), dir), Opener: durable.Relaxed(), Gate: &gate.Gate{},
		MaxRowBytes: maxRowBytes,
	})
	o.session = o.db.Session(func(context.Context) error {
		if o.over {
			return kvstorage.ErrOutsideTurn
		}
		return nil
	})
	o.Store = kvstorage.New(o.session, l)
	t.Cleanup(func() {
		if err := o.db.Close(context.Background()); err != nil {
			t.Errorf("Close = %v, want no error", err)
		}
	})
	return o
}

// ok fails the test if err is not nil.
func (o *object) ok(err error) {
	o.t.Helper()
	if err != nil {
		o.t.Fatalf("got error %v, want none", err)
	}
}

func (o *object) put(entries map[string]any) {
	o.t.Helper()
	o.ok(o.PutMany(o.t.Context(), entries))
}

func (o *object) commit() {
	o.t.Helper()
	_, _, err := o.session.Commit()
	o.ok(err)
}

// keys lists the keys.
func (o *object) keys(l kvstorage.ListOptions) []string {
	o.t.Helper()
	keys := []string{}
	for e, err := range o.List(o.t.Context(), l) {
		o.ok(err)
		keys = append(keys, e.Key)
	}
	return keys
}

// noFile checks that the object left no file behind.
func (o *object) noFile(after string) {
	o.t.Helper()
	if _, err := os.Stat(o.path); !errors.Is(err, fs.ErrNotExist) {
		o.t.Errorf("after %s: Stat of the file = %v, want that there is none", after, err)
	}
}

func (o *object) want(what string, err, want error) {
	o.t.Helper()
	if !errors.Is(err, want) {
		o.t.Errorf("%s = %v, want %v", what, err, want)
	}
}
