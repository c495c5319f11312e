package ecosystem_test

import (
	"context"
	"database/sql"
	"testing"
	"time"

	"github.com/durablego/do"
	"github.com/durablego/do/internal/ecosystem/library"
)

//go:generate sqlc generate

// sqlcTool is the code that sqlc has made of queries.sql.
func sqlcTool(migrate func(ctx context.Context, state *do.State, db *sql.DB) error) tool {
	add := func(ctx context.Context, q *library.Queries, author int64, title string) (sql.Result, error) {
		return q.AddBook(ctx, library.AddBookParams{AuthorID: author, Title: title, Pages: 300, Added: added})
	}
	return tool{
		migrate: migrate,
		author: func(ctx context.Context, db *sql.DB, name string, born time.Time) (int64, error) {
			a, err := library.New(db).CreateAuthor(ctx, library.CreateAuthorParams{Name: name, Born: sql.NullTime{Time: born, Valid: true}})
			return a.ID, err
		},
		add: func(ctx context.Context, db *sql.DB, author int64, title string, _ int) (int64, error) {
			r, err := add(ctx, library.New(db), author, title)
			if err != nil {
				return 0, err
			}
			return r.RowsAffected()
		},
		join: func(ctx context.Context, db *sql.DB, author string) (books []book, err error) {
			rows, err := library.New(db).BooksOf(ctx, author)
			for _, r := range rows {
				books = append(books, book{r.Title, r.Author, r.Added, &r.Born.Time})
			}
			return books, err
		},
		inTx: func(ctx context.Context, db *sql.DB, author int64, title string, fail error) error {
			tx, err := db.BeginTx(ctx, nil)
			if err != nil {
				return err
			}
			defer tx.Rollback()
			if _, err := add(ctx, library.New(db).WithTx(tx), author, title); err != nil || fail != nil {
				return fail
			}
			return tx.Commit()
		},
		nested: func(ctx context.Context, db *sql.DB, author int64, outer, inner string) error { // of database/sql
			tx, err := db.BeginTx(ctx, nil)
			if err != nil {
				return err
			}
			defer tx.Rollback()
			q := library.New(db)
			if _, err := add(ctx, q.WithTx(tx), author, outer); err != nil {
				return err
			}
			within, err := db.BeginTx(ctx, nil)
			if err != nil {
				return err
			}
			if _, err := add(ctx, q.WithTx(within), author, inner); err != nil {
				return err
			}
			if err := within.Rollback(); err != nil {
				return err
			}
			return tx.Commit()
		},
	}
}

// sqlc's code, with MigrateFS for its tables.
func TestSqlc(t *testing.T) {
	exercise(t, sqlcTool(func(ctx context.Context, state *do.State, _ *sql.DB) error {
		return state.SQL().MigrateFS(ctx, migrations(t))
	}))
}
