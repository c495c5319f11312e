package ecosystem_test

import (
	"context"
	"database/sql"
	"errors"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/durablego/do"
	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/callbacks"
	"gorm.io/gorm/logger"
)

// objectDialector is gorm's SQLite dialect without its look at sqlite_version, which has no
// turn's ctx and is refused to objects (S55, S60).
type objectDialector struct{ sqlite.Dialector }

func (d objectDialector) Initialize(db *gorm.DB) error {
	db.ConnPool = d.Conn
	callbacks.RegisterDefaultCallbacks(db, &callbacks.Config{
		CreateClauses: []string{"INSERT", "VALUES", "ON CONFLICT", "RETURNING"},
		UpdateClauses: []string{"UPDATE", "SET", "FROM", "WHERE", "RETURNING"},
		DeleteClauses: []string{"DELETE", "FROM", "WHERE", "RETURNING"},
	})
	for name, build := range d.ClauseBuilders() {
		db.ClauseBuilders[name] = build
	}
	return nil
}

type gormAuthor struct {
	ID   int64
	Name string     `gorm:"uniqueIndex;not null"`
	Born *time.Time `gorm:"type:date"`
}

func (gormAuthor) TableName() string { return "authors" }

type gormBook struct {
	ID       int64
	AuthorID int64
	Author   gormAuthor
	Title    string
	Pages    int
	Added    time.Time
}

func (gormBook) TableName() string { return "books" }

// gorm: AutoMigrate, associations, transactions in transactions, with the dialect above.
func TestGorm(t *testing.T) {
	open := func(ctx context.Context, db *sql.DB) *gorm.DB {
		g, err := gorm.Open(objectDialector{sqlite.Dialector{Conn: db}},
			&gorm.Config{DisableAutomaticPing: true, Logger: logger.Discard})
		if err != nil {
			t.Fatal(err)
		}
		return g.WithContext(ctx)
	}
	add := func(db *gorm.DB, author int64, title string, pages int) (int64, error) {
		r := db.Omit("Author").Create(&gormBook{AuthorID: author, Title: title, Pages: pages, Added: added})
		return r.RowsAffected, r.Error
	}
	exercise(t, tool{
		migrate: func(ctx context.Context, _ *do.State, db *sql.DB) error {
			return open(ctx, db).AutoMigrate(&gormAuthor{}, &gormBook{})
		},
		author: func(ctx context.Context, db *sql.DB, name string, born time.Time) (int64, error) {
			a := gormAuthor{Name: name, Born: &born}
			err := open(ctx, db).Create(&a).Error
			return a.ID, err
		},
		add: func(ctx context.Context, db *sql.DB, author int64, title string, pages int) (int64, error) {
			return add(open(ctx, db), author, title, pages)
		},
		join: func(ctx context.Context, db *sql.DB, author string) (books []book, err error) {
			var rows []gormBook
			if err := open(ctx, db).Joins("Author").Where("Author.name = ?", author).Order("title").Find(&rows).Error; err != nil {
				return nil, err
			}
			for _, r := range rows {
				books = append(books, book{r.Title, r.Author.Name, r.Added, r.Author.Born})
			}
			return books, nil
		},
		inTx: func(ctx context.Context, db *sql.DB, author int64, title string, fail error) error {
			return open(ctx, db).Transaction(func(tx *gorm.DB) error {
				_, err := add(tx, author, title, 1)
				return errors.Join(err, fail)
			})
		},
		nested: func(ctx context.Context, db *sql.DB, author int64, outer, inner string) error {
			return open(ctx, db).Transaction(func(tx *gorm.DB) error {
				if _, err := add(tx, author, outer, 1); err != nil {
					return err
				}
				err := tx.Transaction(func(tx *gorm.DB) error {
					_, err := add(tx, author, inner, 1)
					return errors.Join(err, errBoom)
				})
				if !errors.Is(err, errBoom) {
					t.Errorf("the inner transaction = %v", err)
				}
				return nil
			})
		},
	})
}

// gorm's own dialect does not open: it asks for SQLite's version, without a turn's ctx.
func TestGormsOwnDialect(t *testing.T) {
	script := do.NewScript("main")
	do.RegisterIn(script, do.Class[*shelf]{Binding: "SHELF", New: func(_ context.Context, state *do.State, _ *do.Env) (*shelf, error) {
		_, err := gorm.Open(sqlite.Dialector{Conn: state.SQL().Std()}, &gorm.Config{Logger: logger.Discard})
		if !errors.Is(err, do.ErrOutsideTurn) {
			t.Errorf("gorm.Open = %v, want ErrOutsideTurn; if it works the table in docs/sql.md is wrong", err)
		}
		return &shelf{state}, nil
	}})
	rt, err := do.Open(do.Options{Scripts: []*do.Script{script}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rt.Namespace("SHELF").GetByName("x").Fetch(t.Context(), httptest.NewRequest("GET", "http://x/", nil)); err != nil {
		t.Error(err)
	}
	if err := rt.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
