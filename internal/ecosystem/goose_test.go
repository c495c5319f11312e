package ecosystem_test

import (
	"context"
	"database/sql"
	"testing"
	"testing/fstest"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
	"github.com/pressly/goose/v3"
)

// goose as a library, with its own version table. A trigger's body is one of its hard cases.
func TestGoose(t *testing.T) {
	exercise(t, sqlcTool(func(ctx context.Context, _ *do.State, db *sql.DB) error {
		p, err := goose.NewProvider(goose.DialectSQLite3, db, migrations(t))
		if err != nil {
			return err
		}
		_, err = p.Up(ctx)
		return err
	}))
}

// goose goes down and up again, and undoes a migration that fails in the middle.
func TestGooseDownAndFailure(t *testing.T) {
	script := do.NewScript("main")
	do.RegisterIn(script, do.Class[*shelf]{Binding: "SHELF", New: func(_ context.Context, state *do.State, _ *do.Env) (*shelf, error) {
		return &shelf{state}, nil
	}})
	env := dotest.New(t, dotest.Options{Runtime: do.Options{Scripts: []*do.Script{script}}})
	stub := env.Namespace("SHELF").GetByName("main")
	in := func(fsys fstest.MapFS, fn func(ctx context.Context, p *goose.Provider) error) error {
		return dotest.RunInObject(env, stub, func(ctx context.Context, _ *shelf, state *do.State) error {
			p, err := goose.NewProvider(goose.DialectSQLite3, state.SQL().Std(), fsys)
			if err != nil {
				return err
			}
			return fn(ctx, p)
		})
	}
	wantVersion := func(p *goose.Provider, ctx context.Context, want int64) {
		t.Helper()
		if got, err := p.GetDBVersion(ctx); got != want || err != nil {
			t.Errorf("version %d, %v, want %d", got, err, want)
		}
	}
	fsys := fstest.MapFS{
		"1_a.sql": {Data: []byte("-- +goose Up\nCREATE TABLE a(x);\n-- +goose Down\nDROP TABLE a;\n")},
		"2_b.sql": {Data: []byte("-- +goose NO TRANSACTION\n-- +goose Up\nCREATE TABLE b(x);\n-- +goose Down\nDROP TABLE b;\n")},
	}
	if err := in(fsys, func(ctx context.Context, p *goose.Provider) error {
		if _, err := p.Up(ctx); err != nil {
			return err
		}
		wantVersion(p, ctx, 2)
		if _, err := p.DownTo(ctx, 0); err != nil {
			return err
		}
		wantVersion(p, ctx, 0)
		_, err := p.Up(ctx)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	fsys["3_c.sql"] = &fstest.MapFile{Data: []byte("-- +goose Up\nCREATE TABLE c(x);\nINSERT INTO nowhere VALUES(1);\n")}
	if err := in(fsys, func(ctx context.Context, p *goose.Provider) error {
		if _, err := p.Up(ctx); err == nil {
			t.Error("a migration that fails did not")
		}
		wantVersion(p, ctx, 2)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	env.Crash()
	stub = env.Namespace("SHELF").GetByName("main")
	delete(fsys, "3_c.sql")
	if err := in(fsys, func(ctx context.Context, p *goose.Provider) error {
		wantVersion(p, ctx, 2)
		_, err := p.Up(ctx)
		return err
	}); err != nil {
		t.Fatal(err)
	}
}
