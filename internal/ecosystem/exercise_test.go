package ecosystem_test

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"io/fs"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
)

//go:embed migrations
var files embed.FS

// migrations are written for goose, and read by sqlc and MigrateFS too.
func migrations(t *testing.T) fs.FS {
	t.Helper()
	sub, err := fs.Sub(files, "migrations")
	if err != nil {
		t.Fatal(err)
	}
	return sub
}

// book is a book as a join gives it.
type book struct {
	Title, Author string
	Added         time.Time
	Born          *time.Time
}

var ( // to the microsecond: bun writes no more
	added = time.Date(2026, 3, 1, 12, 30, 15, 123456000, time.UTC)
	born  = time.Date(1882, 1, 25, 0, 0, 0, 0, time.UTC)
)

// tool does with a library of books what is to be shown, in its own way.
type tool struct {
	migrate func(ctx context.Context, state *do.State, db *sql.DB) error
	author  func(ctx context.Context, db *sql.DB, name string, born time.Time) (id int64, err error)
	add     func(ctx context.Context, db *sql.DB, author int64, title string, pages int) (rows int64, err error)
	join    func(ctx context.Context, db *sql.DB, author string) ([]book, error)
	// inTx adds a book in a transaction, and then returns err from it, or commits.
	inTx func(ctx context.Context, db *sql.DB, author int64, title string, err error) error
	// nested adds outer in a transaction and inner in one within, which it rolls back. Nil: the
	// tool has no such thing.
	nested func(ctx context.Context, db *sql.DB, author int64, outer, inner string) error
}

// shelf is the object.
type shelf struct{ state *do.State }

func (s *shelf) Fetch(context.Context, *http.Request) (*http.Response, error) {
	return do.Text(http.StatusOK, ""), nil
}

var errBoom = errors.New("boom")

// exercise has a tool do everything inside an object, and looks at it after a crash.
func exercise(t *testing.T, tool tool) {
	t.Helper()
	script := do.NewScript("main")
	do.RegisterIn(script, do.Class[*shelf]{Binding: "SHELF", New: func(ctx context.Context, state *do.State, _ *do.Env) (*shelf, error) {
		return &shelf{state}, tool.migrate(ctx, state, state.SQL().Std())
	}})
	env := dotest.New(t, dotest.Options{Runtime: do.Options{Scripts: []*do.Script{script}}})
	in := func(fn func(ctx context.Context, db *sql.DB) error) {
		t.Helper()
		stub := env.Namespace("SHELF").GetByName("main")
		if err := dotest.RunInObject(env, stub, func(ctx context.Context, _ *shelf, state *do.State) error {
			return fn(ctx, state.SQL().Std())
		}); err != nil {
			t.Fatal(err)
		}
	}
	var want []string
	check := func(ctx context.Context, db *sql.DB) error {
		t.Helper()
		books, err := tool.join(ctx, db, "Woolf")
		if err != nil {
			return err
		}
		var titles []string
		for _, b := range books {
			titles = append(titles, b.Title)
			if b.Author != "Woolf" || !b.Added.Equal(added) || b.Born == nil || !b.Born.Equal(born) {
				t.Errorf("book %+v", b)
			}
		}
		if !slices.Equal(titles, want) {
			t.Errorf("titles %q, want %q", titles, want)
		}
		return nil
	}
	var author int64
	in(func(ctx context.Context, db *sql.DB) (err error) {
		if author, err = tool.author(ctx, db, "Woolf", born); err != nil {
			return err
		}
		if _, err := tool.author(ctx, db, "Eliot", born); err != nil {
			return err
		}
		for _, title := range []string{"Flush", "Orlando"} {
			rows, err := tool.add(ctx, db, author, title, 300)
			if err != nil || rows != 1 {
				t.Errorf("adding %s: %d rows, %v", title, rows, err)
			}
			want = append(want, title)
		}
		return check(ctx, db)
	})
	in(func(ctx context.Context, db *sql.DB) error {
		if err := tool.inTx(ctx, db, author, "Lost", errBoom); !errors.Is(err, errBoom) {
			t.Errorf("a transaction that fails = %v", err)
		}
		want = append(want, "The Waves")
		if err := tool.inTx(ctx, db, author, "The Waves", nil); err != nil {
			return err
		}
		if tool.nested == nil {
			return check(ctx, db)
		}
		want = append(want, "The Years")
		if err := tool.nested(ctx, db, author, "The Years", "Lost"); err != nil {
			return err
		}
		return check(ctx, db)
	})
	env.Crash() // and the constructor migrates what is there
	in(check)
	if err := env.Evict(env.Namespace("SHELF").GetByName("main")); err != nil {
		t.Error(err)
	}
	in(check)
}
