package sqlstorage_test

import (
	"errors"
	"testing"
	"testing/fstest"

	"github.com/durablego/do/sqlstorage"
)

func files(pairs ...string) fstest.MapFS {
	fsys := fstest.MapFS{"readme.md": {Data: []byte("not SQL")}, "old/0001_x.sql": {Data: []byte("nonsense")}}
	for i := 0; i < len(pairs); i += 2 {
		fsys[pairs[i]] = &fstest.MapFile{Data: []byte(pairs[i+1])}
	}
	return fsys
}

const goosed = `-- a file for goose
-- +goose Up
CREATE TABLE b(x);
--  +goose StatementBegin
CREATE TRIGGER t AFTER INSERT ON b BEGIN
	INSERT INTO a VALUES(new.x);
END;
-- +goose StatementEnd

-- +goose Down
DROP TABLE b;
`

// S18: MigrateFS takes files by their numbers, and goose's as they are.
func TestS18MigrateFS(t *testing.T) {
	o := newObject(t)
	fsys := files("10_c.sql", "CREATE TABLE c AS SELECT x FROM b", "0001_a.sql", "CREATE TABLE a(x);\n", "2_b.sql", goosed)
	o.ok(o.MigrateFS(ctx, fsys))
	o.exec("INSERT INTO b VALUES(7)")
	o.want("SELECT x FROM a", "7")
	o.want("SELECT count(*) FROM sqlite_schema WHERE name IN ('a', 'b', 'c', 't')", "4")
	o.commit()
	o.ok(o.MigrateFS(ctx, fsys))
	if _, wrote, err := o.session.Commit(); wrote || err != nil {
		t.Errorf("the same files again: wrote %v, %v", wrote, err)
	}
	renamed := files("0010_d.sql", "CREATE TABLE c AS SELECT x FROM b", "1_a.sql", "CREATE TABLE a(x);\n", "2_b.sql", goosed+"-- more\n")
	o.ok(o.MigrateFS(ctx, renamed))
	for what, fsys := range map[string]fstest.MapFS{
		"a changed text":            files("1_a.sql", "CREATE TABLE a(y)"),
		"a number that comes twice": files("1_a.sql", "CREATE TABLE a(x);\n", "01_b.sql", ""),
		"a file without number":     files("a.sql", ""),
		"a file with a bad number":  files("x1_a.sql", ""),
		"ENVSUB":                    files("0011_e.sql", "-- +goose ENVSUB ON\n-- +goose Up\nSELECT 1"),
	} {
		if err := o.MigrateFS(ctx, fsys); !errors.Is(err, sqlstorage.ErrMigration) {
			t.Errorf("%s: %v, want ErrMigration", what, err)
		}
	}
	err := o.MigrateFS(ctx, files("20_f.sql", "CREATE TABLE f(x)", "21_g.sql", "CREATE TABLE g(x); nonsense"))
	if !errors.Is(err, sqlstorage.ErrMigration) || code(err) != "SQLITE_ERROR" {
		t.Errorf("a file that fails: %v, want ErrMigration and SQLite's error", err)
	}
	o.want("SELECT count(*) FROM sqlite_schema WHERE name = 'f'", "0")
}
