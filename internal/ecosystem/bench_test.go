package ecosystem_test

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/durablego/do"
	"github.com/durablego/do/sqlstorage"
)

const (
	fill      = "CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT, age INTEGER)"
	insertOne = "INSERT INTO t(name, age) VALUES(?, ?)"
	selectOne = "SELECT name, age FROM t WHERE id = ?"
	selectAll = "SELECT id, name, age FROM t WHERE id <= 1000"
)

type person struct {
	ID   int64
	Name string
	Age  int64
}

// contender is a way to do something.
type contender struct {
	name string
	do   func() error
}

// race runs the contenders in turns and reports the median of each and, for all but the last,
// how often that of the last fits into it.
func race(b *testing.B, contenders ...contender) {
	b.Helper()
	const round = 20
	took := make([][]time.Duration, len(contenders))
	for b.Loop() {
		for i, c := range contenders {
			start := time.Now()
			for range round {
				if err := c.do(); err != nil {
					b.Fatal(c.name, err)
				}
			}
			took[i] = append(took[i], time.Since(start)/round)
		}
	}
	medians := make([]float64, len(contenders))
	for i, c := range contenders {
		slices.Sort(took[i])
		medians[i] = float64(took[i][len(took[i])/2])
		b.ReportMetric(medians[i], c.name+"-ns")
		b.ReportMetric(testing.AllocsPerRun(100, func() { _ = c.do() }), c.name+"-allocs")
	}
	last := len(contenders) - 1
	for i, c := range contenders[:last] {
		b.ReportMetric(medians[i]/medians[last], c.name+"/"+contenders[last].name)
	}
	b.ReportMetric(0, "ns/op")
}

// bench runs fn in a turn of an object with 1,000 rows, beside a plain file with the same rows that
// database/sql has open by a bare driver. ctx is the turn's; other one for the file, which
// can be cancelled as well.
type bench func(b *testing.B, ctx context.Context, db *sqlstorage.DB, other context.Context, file *sql.DB)

func (fn bench) run(b *testing.B) {
	path := filepath.Join(b.TempDir(), "plain.sqlite")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		b.Fatal(err)
	}
	file := sql.OpenDB(bareDriver{path})
	defer file.Close()
	file.SetMaxOpenConns(1)
	other, cancel := context.WithCancel(context.Background())
	defer cancel()
	// The object's statements are in a transaction, too; there is one connection.
	if _, err := file.ExecContext(other, "BEGIN"); err != nil {
		b.Fatal(err)
	}
	if _, err := file.ExecContext(other, fill); err != nil {
		b.Fatal(err)
	}
	object := func(ctx context.Context, db *sqlstorage.DB) error {
		if _, err := db.Exec(ctx, fill); err != nil {
			return err
		}
		for i := range 1000 {
			if _, err := db.Exec(ctx, insertOne, fmt.Sprintf("name %d", i), i); err != nil {
				return err
			}
			if _, err := file.ExecContext(other, insertOne, fmt.Sprintf("name %d", i), i); err != nil {
				return err
			}
		}
		fn(b, ctx, db, other, file)
		return nil
	}
	script := do.NewScript("main")
	do.RegisterIn(script, do.Class[*benched]{Binding: "OBJECT", New: func(_ context.Context, state *do.State, _ *do.Env) (*benched, error) {
		return &benched{state, object}, nil
	}})
	rt, err := do.Open(do.Options{Scripts: []*do.Script{script}, Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	r, err := http.NewRequest(http.MethodGet, "http://object/", nil)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := rt.Namespace("OBJECT").GetByName("x").Fetch(other, r); err != nil {
		b.Fatal(err)
	}
	if err := rt.Close(other); err != nil {
		b.Fatal(err)
	}
}

type benched struct {
	state *do.State
	run   func(ctx context.Context, db *sqlstorage.DB) error
}

func (o *benched) Fetch(ctx context.Context, _ *http.Request) (*http.Response, error) {
	return do.Text(http.StatusOK, ""), o.run(ctx, o.state.SQL())
}

// queryer is a *sql.DB or a *sql.Stmt, with its text.
type queryer func(ctx context.Context, args ...any) (*sql.Rows, error)

func textOf(db *sql.DB, query string) queryer {
	return func(ctx context.Context, args ...any) (*sql.Rows, error) { return db.QueryContext(ctx, query, args...) }
}

func prepared(b *testing.B, ctx context.Context, db *sql.DB, query string) *sql.Stmt {
	s, err := db.PrepareContext(ctx, query)
	if err != nil {
		b.Fatal(err)
	}
	return s
}

// all reads rows of people with n columns.
func (q queryer) all(ctx context.Context, want int, dst func(p *person) []any, args ...any) error {
	rows, err := q(ctx, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	n := 0
	for rows.Next() {
		var p person
		if err := rows.Scan(dst(&p)...); err != nil {
			return err
		}
		n++
	}
	if err := rows.Err(); err != nil || n != want {
		return fmt.Errorf("%d rows, %w", n, err)
	}
	return nil
}

func two(p *person) []any   { return []any{&p.Name, &p.Age} }
func three(p *person) []any { return []any{&p.ID, &p.Name, &p.Age} }

// BenchmarkPointRead reads one row by its key. A text is compiled anew on the plain file, and not
// by ours; prepared statements are compiled by neither.
func BenchmarkPointRead(b *testing.B) {
	bench(func(b *testing.B, ctx context.Context, db *sqlstorage.DB, other context.Context, file *sql.DB) {
		ours, theirs := prepared(b, ctx, db.Std(), selectOne), prepared(b, other, file, selectOne)
		race(b,
			contender{"Exec", func() error {
				c, err := db.Exec(ctx, selectOne, 500)
				if err != nil {
					return err
				}
				var p person
				return c.One(&p.Name, &p.Age)
			}},
			contender{"Query", func() error {
				_, err := sqlstorage.QueryOne[person](ctx, db, selectOne, 500)
				return err
			}},
			contender{"Std", func() error { return textOf(db.Std(), selectOne).all(ctx, 1, two, 500) }},
			contender{"Std-prepared", func() error { return queryer(ours.QueryContext).all(ctx, 1, two, 500) }},
			contender{"plain-text", func() error { return textOf(file, selectOne).all(other, 1, two, 500) }},
			contender{"plain", func() error { return queryer(theirs.QueryContext).all(other, 1, two, 500) }},
		)
	}).run(b)
}

// BenchmarkInsert inserts a row in a transaction.
func BenchmarkInsert(b *testing.B) {
	bench(func(b *testing.B, ctx context.Context, db *sqlstorage.DB, other context.Context, file *sql.DB) {
		ours, theirs := prepared(b, ctx, db.Std(), insertOne), prepared(b, other, file, insertOne)
		race(b,
			contender{"Exec", func() error { _, err := db.Exec(ctx, insertOne, "some name", 7); return err }},
			contender{"Std", func() error { _, err := db.Std().ExecContext(ctx, insertOne, "some name", 7); return err }},
			contender{"Std-prepared", func() error { _, err := ours.ExecContext(ctx, "some name", 7); return err }},
			contender{"plain-text", func() error { _, err := file.ExecContext(other, insertOne, "some name", 7); return err }},
			contender{"plain", func() error { _, err := theirs.ExecContext(other, "some name", 7); return err }},
		)
	}).run(b)
}

// BenchmarkScan reads 1,000 rows.
func BenchmarkScan(b *testing.B) {
	bench(func(b *testing.B, ctx context.Context, db *sqlstorage.DB, other context.Context, file *sql.DB) {
		race(b,
			contender{"Exec", func() error {
				c, err := db.Exec(ctx, selectAll)
				if err != nil {
					return err
				}
				n := 0
				for c.Next() {
					var p person
					if err := c.Scan(&p.ID, &p.Name, &p.Age); err != nil {
						return err
					}
					n++
				}
				if n != 1000 {
					return fmt.Errorf("%d rows, %w", n, c.Err())
				}
				return nil
			}},
			contender{"Query", func() error {
				n := 0
				for _, err := range sqlstorage.Query[person](ctx, db, selectAll) {
					if err != nil {
						return err
					}
					n++
				}
				if n != 1000 {
					return fmt.Errorf("%d rows", n)
				}
				return nil
			}},
			contender{"Std", func() error { return textOf(db.Std(), selectAll).all(ctx, 1000, three) }},
			contender{"plain", func() error { return textOf(file, selectAll).all(other, 1000, three) }},
		)
	}).run(b)
}
