package sqlstorage_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/durable"
	"github.com/durablego/do/internal/engine"
	"github.com/durablego/do/internal/gate"
	"github.com/durablego/do/sqlstorage"
)

var ctx = context.Background()

// object is a DB over the database of one object in a folder of its own.
type object struct {
	*sqlstorage.DB
	t       testing.TB
	path    string
	db      *engine.DB
	session *engine.Session
	over    bool // the turn has ended
}

func newObject(t testing.TB, setup ...func(*engine.Options)) *object {
	t.Helper()
	dir := t.TempDir()
	o := &object{t: t, path: filepath.Join(dir, "object.sqlite")}
	options := engine.Options{
		FS: disk.OS(), Path: o.path, Folder: durable.NewFolder(disk.OS(), dir), Opener: durable.Relaxed(), Gate: &gate.Gate{},
	}
	for _, f := range setup {
		f(&options)
	}
	o.db = engine.New(options)
	o.instance()
	t.Cleanup(func() {
		if err := o.db.Close(ctx); err != nil {
			t.Errorf("Close = %v", err)
		}
	})
	return o
}

// instance begins a new instance of the object.
func (o *object) instance() {
	o.session = o.db.Session(func(context.Context) error {
		if o.over {
			return sqlstorage.ErrOutsideTurn
		}
		return nil
	})
	o.DB = sqlstorage.New(o.session, sqlstorage.Limits{})
}

func (o *object) ok(err error) {
	o.t.Helper()
	if err != nil {
		o.t.Fatal(err)
	}
}

// exec runs SQL and drops its rows.
func (o *object) exec(query string, args ...any) *sqlstorage.Cursor {
	o.t.Helper()
	c, err := o.Exec(ctx, query, args...)
	if err != nil {
		o.t.Fatalf("Exec(%.80q) = %v", query, err)
	}
	return c
}

// rows gives all rows of a query as text.
func (o *object) rows(query string, args ...any) (all []string) {
	o.t.Helper()
	for row, err := range o.exec(query, args...).Rows() {
		o.ok(err)
		all = append(all, fmt.Sprint(row...))
	}
	return all
}

func (o *object) want(query string, want ...string) {
	o.t.Helper()
	if got := o.rows(query); !slices.Equal(got, want) {
		o.t.Errorf("%s = %q, want %q", query, got, want)
	}
}

// fails checks the error of a query, wherever it comes from.
func (o *object) fails(target error, query string, args ...any) {
	o.t.Helper()
	c, err := o.Exec(ctx, query, args...)
	if err == nil {
		for c.Next() {
		}
		err = c.Err()
	}
	if !errors.Is(err, target) {
		o.t.Errorf("Exec(%.80q) = %v, want %v", query, err, target)
	}
}

func (o *object) commit() {
	o.t.Helper()
	if _, _, err := o.session.Commit(); err != nil {
		o.t.Fatal(err)
	}
}

// close closes the database; the next use opens it again.
func (o *object) close() {
	o.t.Helper()
	o.commit()
	o.ok(o.db.Close(ctx))
}

func (o *object) wantNoFile() {
	o.t.Helper()
	if _, err := os.Stat(o.path); !errors.Is(err, fs.ErrNotExist) {
		o.t.Errorf("there is a file: %v", err)
	}
}

// code gives SQLite's extended code of an error.
func code(err error) string {
	if e, ok := errors.AsType[*sqlstorage.Error](err); ok {
		return e.Extended
	}
	return ""
}

func (o *object) failsWith(extended, query string, args ...any) error {
	o.t.Helper()
	_, err := o.Exec(ctx, query, args...)
	if code(err) != extended {
		o.t.Errorf("Exec(%.80q) = %v, want %s", query, err, extended)
	}
	return err
}
