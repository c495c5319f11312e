package ecosystem_test

import (
	"context"
	"database/sql"
	"errors"
	"testing"
	"time"

	sq "github.com/Masterminds/squirrel"
	"github.com/durablego/do"
)

// squirrel: statements that are built, with RunWith.
func TestSquirrel(t *testing.T) {
	add := func(ctx context.Context, db sq.BaseRunner, author int64, title string, pages int) (int64, error) {
		r, err := sq.Insert("books").Columns("author_id", "title", "pages", "added").Values(author, title, pages, added).RunWith(db).ExecContext(ctx)
		if err != nil {
			return 0, err
		}
		return r.RowsAffected()
	}
	exercise(t, tool{
		migrate: func(ctx context.Context, state *do.State, _ *sql.DB) error {
			return state.SQL().MigrateFS(ctx, migrations(t))
		},
		author: func(ctx context.Context, db *sql.DB, name string, born time.Time) (int64, error) {
			r, err := sq.Insert("authors").SetMap(sq.Eq{"name": name, "born": born}).RunWith(db).ExecContext(ctx)
			if err != nil {
				return 0, err
			}
			return r.LastInsertId()
		},
		add: func(ctx context.Context, db *sql.DB, author int64, title string, pages int) (int64, error) {
			return add(ctx, db, author, title, pages)
		},
		join: func(ctx context.Context, db *sql.DB, author string) (books []book, err error) {
			if _, err := sq.Select("title").From("books").RunWith(db).Query(); !errors.Is(err, do.ErrOutsideTurn) {
				t.Errorf("Query without a ctx = %v", err)
			}
			rows, err := sq.Select("title", "name", "added", "born").From("books").Join("authors ON authors.id = author_id").
				Where(sq.Eq{"name": author}).OrderBy("title").RunWith(db).QueryContext(ctx)
			if err != nil {
				return nil, err
			}
			defer rows.Close()
			for rows.Next() {
				var b book
				if err := rows.Scan(&b.Title, &b.Author, &b.Added, &b.Born); err != nil {
					return nil, err
				}
				books = append(books, b)
			}
			return books, rows.Err()
		},
		inTx: func(ctx context.Context, db *sql.DB, author int64, title string, fail error) error {
			tx, err := db.BeginTx(ctx, nil)
			if err != nil {
				return err
			}
			defer tx.Rollback()
			if _, err := add(ctx, tx, author, title, 1); err != nil {
				return err
			}
			if fail != nil {
				return fail
			}
			return tx.Commit()
		},
	})
}
