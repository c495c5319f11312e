package ecosystem_test

import (
	"context"
	"database/sql"
	"errors"
	"testing"
	"time"

	"github.com/durablego/do"
	"github.com/jmoiron/sqlx"
)

// sqlx: named arguments, structs, slices in IN.
func TestSqlx(t *testing.T) {
	open := func(db *sql.DB) *sqlx.DB { return sqlx.NewDb(db, "sqlite3") }
	const insert = "INSERT INTO books(author_id, title, pages, added) VALUES(:author, :title, :pages, :added)"
	values := func(author int64, title string, pages int) map[string]any {
		return map[string]any{"author": author, "title": title, "pages": pages, "added": added}
	}
	exercise(t, tool{
		migrate: func(ctx context.Context, state *do.State, _ *sql.DB) error {
			return state.SQL().MigrateFS(ctx, migrations(t))
		},
		author: func(ctx context.Context, db *sql.DB, name string, born time.Time) (id int64, err error) {
			statement, err := open(db).PrepareNamedContext(ctx, "INSERT INTO authors(name, born) VALUES(:name, :born) RETURNING id")
			if err != nil {
				return 0, err
			}
			defer statement.Close()
			err = statement.GetContext(ctx, &id, struct {
				Name string
				Born time.Time
			}{name, born})
			return id, err
		},
		add: func(ctx context.Context, db *sql.DB, author int64, title string, pages int) (int64, error) {
			r, err := open(db).NamedExecContext(ctx, insert, values(author, title, pages))
			if err != nil {
				return 0, err
			}
			return r.RowsAffected()
		},
		join: func(ctx context.Context, db *sql.DB, author string) (books []book, err error) {
			x := open(db)
			if err := x.Select(&books, "SELECT title FROM books"); !errors.Is(err, do.ErrOutsideTurn) {
				t.Errorf("Select without a ctx = %v", err)
			}
			query, args, err := sqlx.In(`SELECT title, authors.name AS author, added, born
				FROM books JOIN authors ON authors.id = author_id WHERE name IN (?) ORDER BY title`, []string{author, "nobody"})
			if err != nil {
				return nil, err
			}
			return books, x.SelectContext(ctx, &books, x.Rebind(query), args...)
		},
		inTx: func(ctx context.Context, db *sql.DB, author int64, title string, fail error) error {
			tx, err := open(db).BeginTxx(ctx, nil)
			if err != nil {
				return err
			}
			defer tx.Rollback()
			if _, err := tx.NamedExecContext(ctx, insert, values(author, title, 1)); err != nil {
				return err
			}
			if fail != nil {
				return fail
			}
			return tx.Commit()
		},
	})
}
