package sqlstorage_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/durablego/do"
	"github.com/durablego/do/sqlstorage"
)

// A Library is an object with a few books.
type Library struct{ state *do.State }

// NewLibrary makes the tables, in each object once.
func NewLibrary(ctx context.Context, state *do.State, _ *do.Env) (*Library, error) {
	err := state.SQL().Migrate(ctx, []sqlstorage.Migration{
		{ID: "books", SQL: "CREATE TABLE books(id INTEGER PRIMARY KEY, title TEXT UNIQUE, year INTEGER)"},
		{ID: "lent", SQL: "ALTER TABLE books ADD COLUMN lent TEXT"},
	})
	return &Library{state}, err
}

// Fetch answers nothing here.
func (l *Library) Fetch(context.Context, *http.Request) (*http.Response, error) {
	return do.Text(http.StatusNotFound, ""), nil
}

// Fill puts the books in.
func (l *Library) Fill(ctx context.Context) (int64, error) {
	c, err := l.state.SQL().Exec(ctx, "INSERT INTO books(title, year) VALUES('Emma', 1815), ('Middlemarch', 1871), ('Orlando', 1928)")
	if err != nil {
		return 0, err
	}
	return c.RowsWritten(), nil
}

// visit runs a method in a library with books.
func visit[R any](method func(*Library, context.Context) (R, error)) R {
	script := do.NewScript("example")
	do.RegisterIn(script, do.Class[*Library]{Binding: "LIBRARY", New: NewLibrary})
	rt, err := do.Open(do.Options{Scripts: []*do.Script{script}})
	if err != nil {
		log.Panic(err)
	}
	defer rt.Close(context.Background())
	stub := rt.Namespace("LIBRARY").GetByName("town")
	if _, err := do.Call0(context.Background(), stub, (*Library).Fill); err != nil {
		log.Panic(err)
	}
	result, err := do.Call0(context.Background(), stub, method)
	if err != nil {
		log.Panic(err)
	}
	return result
}

// Titles reads with a cursor.
func (l *Library) Titles(ctx context.Context) (titles []string, err error) {
	c, err := l.state.SQL().Exec(ctx, "SELECT title FROM books WHERE year > ? ORDER BY year", 1850)
	if err != nil {
		return nil, err
	}
	for c.Next() {
		var title string
		if err := c.Scan(&title); err != nil {
			return nil, err
		}
		titles = append(titles, title)
	}
	return titles, c.Err()
}

func ExampleDB_Exec() {
	fmt.Println(visit((*Library).Titles))
	// Output: [Middlemarch Orlando]
}

// Lend writes, and reads the one row that it wrote.
func (l *Library) Lend(ctx context.Context) (string, error) {
	c, err := l.state.SQL().Exec(ctx, "UPDATE books SET lent = ? WHERE title = ? RETURNING lent", time.Unix(0, 0), "Emma")
	if err != nil {
		return "", err
	}
	var since time.Time
	err = c.One(&since)
	return since.Format(time.DateOnly), err
}

func ExampleCursor_One() {
	fmt.Println(visit((*Library).Lend))
	// Output: 1970-01-01
}

// Table gives whatever a query gives.
func (l *Library) Table(ctx context.Context) (text string, err error) {
	c, err := l.state.SQL().Exec(ctx, "SELECT count(*) AS books, avg(year) AS year, max(lent) AS lent FROM books")
	if err != nil {
		return "", err
	}
	for row, err := range c.Rows() {
		if err != nil {
			return "", err
		}
		text += fmt.Sprintln(c.Columns(), row)
	}
	return text, nil
}

func ExampleCursor_Rows() {
	fmt.Print(visit((*Library).Table))
	// Output: [books year lent] [3 1871.3333333333333 <nil>]
}

// Books reads into structs.
func (l *Library) Books(ctx context.Context) (all []string, err error) {
	type book struct {
		Name string `db:"title"`
		Year int
	}
	for b, err := range sqlstorage.Query[book](ctx, l.state.SQL(), "SELECT title, year FROM books ORDER BY year") {
		if err != nil {
			return nil, err
		}
		all = append(all, fmt.Sprintf("%s (%d)", b.Name, b.Year))
	}
	return all, nil
}

func ExampleQuery() {
	for _, book := range visit((*Library).Books) {
		fmt.Println(book)
	}
	// Output:
	// Emma (1815)
	// Middlemarch (1871)
	// Orlando (1928)
}

// Oldest reads one value.
func (l *Library) Oldest(ctx context.Context) (int, error) {
	return sqlstorage.QueryOne[int](ctx, l.state.SQL(), "SELECT min(year) FROM books")
}

func ExampleQueryOne() {
	fmt.Println(visit((*Library).Oldest))
	// Output: 1815
}

// Again runs the migrations of a newer program: those that were made are passed over.
func (l *Library) Again(ctx context.Context) (columns []string, err error) {
	err = l.state.SQL().Migrate(ctx, []sqlstorage.Migration{
		{ID: "books", SQL: "CREATE TABLE books(id INTEGER PRIMARY KEY, title TEXT UNIQUE, year INTEGER)"},
		{ID: "lent", SQL: "ALTER TABLE books ADD COLUMN lent TEXT"},
		{ID: "author", SQL: "ALTER TABLE books ADD COLUMN author TEXT DEFAULT 'unknown'"},
	})
	if err != nil {
		return nil, err
	}
	c, err := l.state.SQL().Exec(ctx, "SELECT * FROM books")
	if err != nil {
		return nil, err
	}
	return c.Columns(), nil
}

func ExampleDB_Migrate() {
	fmt.Println(visit((*Library).Again))
	// Output: [id title year lent author]
}

// Grow compares sizes.
func (l *Library) Grow(ctx context.Context) (bool, error) {
	before, err := l.state.SQL().Size(ctx)
	if err != nil {
		return false, err
	}
	if _, err := l.state.SQL().Exec(ctx, "INSERT INTO books(title) VALUES(?)", make([]byte, 100_000)); err != nil {
		return false, err
	}
	after, err := l.state.SQL().Size(ctx)
	return after >= before+100_000, err
}

func ExampleDB_Size() {
	fmt.Println(visit((*Library).Grow))
	// Output: true
}

// Twice violates a constraint, which undoes only the statement.
func (l *Library) Twice(ctx context.Context) (string, error) {
	_, err := l.state.SQL().Exec(ctx, "INSERT INTO books(title) VALUES('Emma')")
	var e *sqlstorage.Error
	if errors.As(err, &e) {
		return e.Extended, nil
	}
	return "", err
}

func ExampleError() {
	fmt.Println(visit((*Library).Twice))
	// Output: SQLITE_CONSTRAINT_UNIQUE
}
