package sqlstorage_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/durable"
	"github.com/durablego/do/internal/engine"
	"github.com/durablego/do/sqlstorage"
)

// drained runs a text and gives its rows, and its error wherever it comes from.
func (o *object) drained(ctx context.Context, query string) (rows []string, err error) {
	c, err := o.Exec(ctx, query)
	if err != nil {
		return nil, err
	}
	for row, err := range c.Rows() {
		if err != nil {
			return rows, err
		}
		rows = append(rows, fmt.Sprint(row...))
	}
	return rows, nil
}

// dump gives what is in the database, as far as SQL of users shows it.
func (o *object) dump() []string {
	return append(o.rows("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY name"), o.rows("SELECT * FROM main.t ORDER BY rowid")...)
}

// sort of failure, for comparison.
func failure(err error) string {
	for _, known := range []error{sqlstorage.ErrParameters, sqlstorage.ErrNoStatement, sqlstorage.ErrNotAuthorized, sqlstorage.ErrInvalidValue} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	return code(err)
}

// FuzzSplit: a text of two is run as the one and then the other are (S1 to S4), whatever quotes, comments and semicolons they hold; and
// every error is one that is documented.
func FuzzSplit(f *testing.F) {
	for _, s := range [][2]string{
		{"INSERT INTO t VALUES (2)", "SELECT * FROM t"},
		{"SELECT ';'", "SELECT 1 -- ;"},
		{"SELECT 1; -- ; '\n", "SELECT \"x\" FROM t; "},
		{";;", "SELECT 1"},
		{"SELECT 1;", ""},
		{"SELECT 1", "SELECT ?"},
		{"SELECT ?", "SELECT 1"},
		{"CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT 1; SELECT ';'; END", "INSERT INTO t VALUES (5) RETURNING x"},
		{"CREATE TABLE [a;b](x)", "INSERT INTO `a;b` VALUES ('--')"},
		{"INSERT INTO t VALUES (3)", "INSERT INTO t VALUES (3), (NULL), (1, 2)"},
		{"DELETE FROM t", "SELECT 1;;"},
		{"\ufeffSELECT 1", "\ufeffSELECT 2"},
		{"SELECT 1", "SELECT 2 /* ;"},
		{"SELECT 1\x00", "SELECT 2"},
		{"SELECT 'a\x00;b'", "SELECT 2"},
	} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, one, two string) {
		lower := strings.ToLower(one + two)
		for _, word := range []string{"random", "now", "date", "time", "julian", "epoch", "with", "data_version", "optimize", "analyze"} {
			if strings.Contains(lower, word) { // not the same twice, or endless
				t.Skip()
			}
		}
		if len(lower) > 2000 {
			t.Skip()
		}
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		inMemory := func(o *engine.Options) {
			o.FS = disk.Mem()
			o.Folder = durable.NewFolder(o.FS, filepath.Dir(o.Path))
		}
		apart, joined := newObject(t, inMemory), newObject(t, inMemory)
		for _, o := range []*object{apart, joined} {
			o.exec("CREATE TABLE t(x); INSERT INTO t VALUES (1)")
		}
		if _, err := apart.drained(ctx, one); err != nil {
			if failure(err) == "" {
				t.Errorf("Exec(%q) = %T %v", one, err, err)
			}
			if !errors.Is(err, sqlstorage.ErrNoStatement) {
				return
			}
		}
		if strings.Contains(one, "/*") {
			return // a comment may go on into what follows
		}
		want, wantErr := apart.drained(ctx, two)
		got, err := joined.drained(ctx, one+"\n;"+two)
		if !slices.Equal(got, want) || failure(err) != failure(wantErr) || (err == nil) != (wantErr == nil) {
			t.Fatalf("Exec(%q) and then %q = %q, %v, but of both in one text %q, %v", one, two, want, wantErr, got, err)
		}
		if err != nil && failure(err) == "" {
			t.Errorf("Exec(%q) = %T %v", two, err, err)
		}
		if slices.ContainsFunc([]string{"drop", "rename"}, func(word string) bool { return strings.Contains(lower, word) }) || err != nil && failure(err) == "" {
			return // there may be no table
		}
		if got, want := joined.dump(), apart.dump(); !slices.Equal(got, want) {
			t.Errorf("%q and then %q leave %q, but both in one text %q", one, two, want, got)
		}
	})
}
