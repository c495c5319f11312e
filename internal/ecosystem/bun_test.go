package ecosystem_test

import (
	"context"
	"database/sql"
	"errors"
	"testing"
	"time"

	"github.com/durablego/do"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"
)

type bunAuthor struct {
	bun.BaseModel `bun:"table:authors"`

	ID   int64      `bun:",pk,autoincrement"`
	Name string     `bun:",notnull,unique"`
	Born *time.Time `bun:"type:date"`
}

type bunBook struct {
	bun.BaseModel `bun:"table:books"`

	ID       int64 `bun:",pk,autoincrement"`
	AuthorID int64
	Author   *bunAuthor `bun:"rel:belongs-to,join:author_id=id"`
	Title    string
	Pages    int
	Added    time.Time
}

// bun: tables made of models, relations, and transactions in transactions by savepoints.
func TestBun(t *testing.T) {
	open := func(db *sql.DB) *bun.DB { return bun.NewDB(db, sqlitedialect.New()) }
	add := func(ctx context.Context, db bun.IDB, author int64, title string, pages int) (int64, error) {
		r, err := db.NewInsert().Model(&bunBook{AuthorID: author, Title: title, Pages: pages, Added: added}).Exec(ctx)
		if err != nil {
			return 0, err
		}
		return r.RowsAffected()
	}
	exercise(t, tool{
		migrate: func(ctx context.Context, _ *do.State, db *sql.DB) error {
			for _, model := range []any{(*bunAuthor)(nil), (*bunBook)(nil)} {
				if _, err := open(db).NewCreateTable().Model(model).IfNotExists().Exec(ctx); err != nil {
					return err
				}
			}
			return nil
		},
		author: func(ctx context.Context, db *sql.DB, name string, born time.Time) (int64, error) {
			a := &bunAuthor{Name: name, Born: &born}
			_, err := open(db).NewInsert().Model(a).Exec(ctx)
			return a.ID, err
		},
		add: func(ctx context.Context, db *sql.DB, author int64, title string, pages int) (int64, error) {
			return add(ctx, open(db), author, title, pages)
		},
		join: func(ctx context.Context, db *sql.DB, author string) (books []book, err error) {
			var rows []bunBook
			if err := open(db).NewSelect().Model(&rows).Relation("Author").Where("author.name = ?", author).Order("title").Scan(ctx); err != nil {
				return nil, err
			}
			for _, r := range rows {
				books = append(books, book{r.Title, r.Author.Name, r.Added, r.Author.Born})
			}
			return books, nil
		},
		inTx: func(ctx context.Context, db *sql.DB, author int64, title string, fail error) error {
			return open(db).RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
				_, err := add(ctx, tx, author, title, 1)
				return errors.Join(err, fail)
			})
		},
		nested: func(ctx context.Context, db *sql.DB, author int64, outer, inner string) error {
			return open(db).RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
				if _, err := add(ctx, tx, author, outer, 1); err != nil {
					return err
				}
				err := tx.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
					_, err := add(ctx, tx, author, inner, 1)
					return errors.Join(err, errBoom)
				})
				if !errors.Is(err, errBoom) {
					t.Errorf("the inner transaction = %v", err)
				}
				return tx.RunInTx(ctx, nil, func(context.Context, bun.Tx) error { return nil })
			})
		},
	})
}
