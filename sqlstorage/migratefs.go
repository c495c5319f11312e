package sqlstorage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
)

// MigrateFS is Migrate with the files of fsys's root folder that are called like
// 0001_create_users.sql, in the order of their numbers, which are their IDs: a file may get
// another name behind its number. Another file that ends in .sql, a number that comes twice,
// and what cannot be read are ErrMigration; other files and folders are passed over.
//
// Files for goose are taken as they are: of one with a line "-- +goose Up" only what follows it
// counts, up to a line "-- +goose Down". As the whole list is one Transaction, and SQLite sees
// by itself where statements end, goose's other marks mean nothing, but for ENVSUB, which is
// ErrMigration. To have goose keep the record itself, give it Std.
func (db *DB) MigrateFS(ctx context.Context, fsys fs.FS) error {
	list, err := readMigrations(fsys)
	if err != nil {
		return err
	}
	return db.Migrate(ctx, list)
}

func readMigrations(fsys fs.FS) ([]Migration, error) {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMigration, err)
	}
	type file struct {
		number uint64
		name   string
	}
	var files []file
	for _, e := range entries {
		if e.IsDir() || !strings.HasSuffix(e.Name(), ".sql") {
			continue
		}
		digits, _, found := strings.Cut(e.Name(), "_")
		number, err := strconv.ParseUint(digits, 10, 63)
		if err != nil || !found {
			return nil, fmt.Errorf("%w: the file %q is not called like 0001_name.sql", ErrMigration, e.Name())
		}
		files = append(files, file{number, e.Name()})
	}
	slices.SortFunc(files, func(a, b file) int { return cmp.Compare(a.number, b.number) })
	var list []Migration
	for i, f := range files {
		if i > 0 && files[i-1].number == f.number {
			return nil, fmt.Errorf("%w: %q and %q have one number", ErrMigration, files[i-1].name, f.name)
		}
		text, err := fs.ReadFile(fsys, f.name)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrMigration, err)
		}
		up, err := gooseUp(string(text))
		if err != nil {
			return nil, fmt.Errorf("%w: %q: %w", ErrMigration, f.name, err)
		}
		list = append(list, Migration{ID: strconv.FormatUint(f.number, 10), SQL: up})
	}
	return list, nil
}

var errEnvsub = errors.New("goose's ENVSUB is not supported")

// gooseUp gives the part of a file behind goose's mark Up; all of one without such a mark.
func gooseUp(text string) (string, error) {
	var up strings.Builder
	marked, in := false, false
	for line := range strings.Lines(text) {
		switch mark := gooseMark(line); {
		case strings.EqualFold(mark, "Up"):
			marked, in = true, true
		case strings.EqualFold(mark, "Down"):
			marked, in = true, false
		case len(mark) >= len("ENVSUB") && strings.EqualFold(mark[:len("ENVSUB")], "ENVSUB"):
			return "", errEnvsub
		case in:
			up.WriteString(line)
		}
	}
	if !marked {
		return text, nil
	}
	return up.String(), nil
}

// gooseMark gives what a line "-- +goose X" says.
func gooseMark(line string) string {
	comment, found := strings.CutPrefix(strings.TrimSpace(line), "--")
	if !found {
		return ""
	}
	mark, found := strings.CutPrefix(strings.TrimSpace(comment), "+goose")
	if !found {
		return ""
	}
	return strings.TrimSpace(mark)
}
