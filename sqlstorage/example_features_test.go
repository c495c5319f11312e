package sqlstorage_test

import (
	"context"
	"errors"
	"fmt"
	"testing/fstest"

	"github.com/durablego/do/sqlstorage"
)

// Match searches by full text: FTS5 is built in, with ranking, snippets and prefixes.
func (l *Library) Match(ctx context.Context) (found []string, err error) {
	_, err = l.state.SQL().Exec(ctx, `
		CREATE VIRTUAL TABLE texts USING fts5(title, body, tokenize = 'porter');
		INSERT INTO texts VALUES
			('Emma', 'handsome, clever, and rich'),
			('Orlando', 'he was slicing at the head of a Moor'),
			('Middlemarch', 'a certain spiritual grandeur, clever but with no rich dress')`)
	if err != nil {
		return nil, err
	}
	const search = "SELECT title, snippet(texts, 1, '<', '>', '…', 4) AS text FROM texts WHERE texts MATCH ? ORDER BY rank"
	for row, err := range sqlstorage.Query[struct{ Title, Text string }](ctx, l.state.SQL(), search, "clev* NOT spiritual OR slices") {
		if err != nil {
			return nil, err
		}
		found = append(found, row.Title+": "+row.Text)
	}
	return found, nil
}

func ExampleDB_Exec_fullTextSearch() {
	for _, line := range visit((*Library).Match) {
		fmt.Println(line)
	}
	// Output:
	// Orlando: he was <slicing> at…
	// Emma: handsome, <clever>, and rich
}

// Near searches in space with an R*Tree.
func (l *Library) Near(ctx context.Context) (found []string, err error) {
	_, err = l.state.SQL().Exec(ctx, `
		CREATE VIRTUAL TABLE places USING rtree(id, west, east, south, north, +name TEXT);
		INSERT INTO places(west, east, south, north, name) VALUES
			(-0.13, -0.12, 51.51, 51.52, 'Bloomsbury'),
			(-0.18, -0.17, 51.48, 51.49, 'Chelsea'),
			(2.33, 2.34, 48.85, 48.86, 'Rive Gauche')`)
	if err != nil {
		return nil, err
	}
	const within = "SELECT name FROM places WHERE west > ? AND east < ? AND south > ? AND north < ? ORDER BY name"
	for name, err := range sqlstorage.Query[string](ctx, l.state.SQL(), within, -0.5, 0.5, 51, 52) {
		if err != nil {
			return nil, err
		}
		found = append(found, name)
	}
	return found, nil
}

func ExampleDB_Exec_rTree() {
	fmt.Println(visit((*Library).Near))
	// Output: [Bloomsbury Chelsea]
}

// Tags reads and writes JSON.
func (l *Library) Tags(ctx context.Context) (string, error) {
	_, err := l.state.SQL().Exec(ctx, `
		ALTER TABLE books ADD COLUMN tags TEXT DEFAULT '[]';
		UPDATE books SET tags = json_insert(tags, '$[#]', 'novel', '$[#]', CASE WHEN year < 1900 THEN 'old' ELSE 'new' END)`)
	if err != nil {
		return "", err
	}
	return sqlstorage.QueryOne[string](ctx, l.state.SQL(), `
		SELECT json_group_object(tag, n) FROM (
			SELECT value AS tag, count(*) AS n FROM books, json_each(books.tags) GROUP BY value ORDER BY value)`)
}

func ExampleDB_Exec_json() {
	fmt.Println(visit((*Library).Tags))
	// Output: {"new":1,"novel":3,"old":2}
}

// Gaps looks from each row to the one before it, and adds up, with window functions.
func (l *Library) Gaps(ctx context.Context) (lines []string, err error) {
	type gap struct {
		Title string
		Since *int
		Total int
	}
	const gaps = `
		SELECT title, year - lag(year) OVER w AS since, count(*) OVER w AS total
		FROM books WINDOW w AS (ORDER BY year) ORDER BY year`
	for g, err := range sqlstorage.Query[gap](ctx, l.state.SQL(), gaps) {
		if err != nil {
			return nil, err
		}
		line := fmt.Sprint(g.Total, " ", g.Title)
		if g.Since != nil {
			line += fmt.Sprintf(", %d years later", *g.Since)
		}
		lines = append(lines, line)
	}
	return lines, nil
}

func ExampleDB_Exec_windowFunctions() {
	for _, line := range visit((*Library).Gaps) {
		fmt.Println(line)
	}
	// Output:
	// 1 Emma
	// 2 Middlemarch, 56 years later
	// 3 Orlando, 57 years later
}

// Borrow uses database/sql: a transaction within a transaction that is rolled back.
func (l *Library) Borrow(ctx context.Context) (n int, err error) {
	db := l.state.SQL().Std()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return 0, err
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(ctx, "UPDATE books SET lent = 'Ann' WHERE title = ?", "Emma"); err != nil {
		return 0, err
	}
	within, err := db.BeginTx(ctx, nil)
	if err != nil {
		return 0, err
	}
	if _, err := within.ExecContext(ctx, "UPDATE books SET lent = 'Bob'"); err != nil {
		return 0, err
	}
	if err := errors.Join(within.Rollback(), tx.Commit()); err != nil {
		return 0, err
	}
	return n, db.QueryRowContext(ctx, "SELECT count(*) FROM books WHERE lent IS NOT NULL").Scan(&n)
}

func ExampleDB_Std() {
	fmt.Println(visit((*Library).Borrow))
	// Output: 1
}

// FromFiles runs migrations from files, here made up; a program embeds a folder.
func (l *Library) FromFiles(ctx context.Context) (string, error) {
	files := fstest.MapFS{
		"0001_members.sql": {Data: []byte("CREATE TABLE members(name TEXT)")},
		"0002_ann.sql":     {Data: []byte("-- +goose Up\nINSERT INTO members VALUES('Ann');\n-- +goose Down\nDELETE FROM members;\n")},
	}
	if err := l.state.SQL().MigrateFS(ctx, files); err != nil {
		return "", err
	}
	return sqlstorage.QueryOne[string](ctx, l.state.SQL(), "SELECT name FROM members")
}

func ExampleDB_MigrateFS() {
	fmt.Println(visit((*Library).FromFiles))
	// Output: Ann
}
