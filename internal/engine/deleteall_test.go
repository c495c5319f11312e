package engine_test

import (
	"slices"
	"testing"

	"github.com/durablego/do/internal/engine"
)

// lots makes one of everything that DeleteAll has to remove, in a web of references.
const lots = `
CREATE TABLE parent(id INTEGER PRIMARY KEY AUTOINCREMENT, self REFERENCES parent);
CREATE TABLE child(id INTEGER PRIMARY KEY, p REFERENCES parent NOT NULL);
CREATE TABLE "quoted ""name"" of ours_do_kv"(x);
CREATE TABLE a1(id PRIMARY KEY, b REFERENCES b1 DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE b1(id PRIMARY KEY, a REFERENCES a1);
CREATE INDEX i ON child(p);
CREATE VIEW v AS SELECT * FROM parent;
CREATE VIEW w AS SELECT * FROM nowhere;
CREATE TRIGGER t AFTER DELETE ON child BEGIN SELECT RAISE(ABORT, 'no'); END;
CREATE TRIGGER tv INSTEAD OF INSERT ON v BEGIN SELECT 1; END;
CREATE VIRTUAL TABLE f USING fts5(x);
CREATE VIRTUAL TABLE r USING rtree(id, a, b);
INSERT INTO parent VALUES(1, 1), (2, 1);
INSERT INTO child VALUES(1, 1), (2, 2);
INSERT INTO a1 VALUES(1, 1);
INSERT INTO b1 VALUES(1, 1);
INSERT INTO f VALUES('some text');
INSERT INTO r VALUES(1, 0, 1);
INSERT INTO _do_meta VALUES('alarm', 1);
ANALYZE;
`

// K25, K27: DeleteAll removes everything but the name, within the turn: Rollback undoes it,
// and writes after it commit with it. K26: the instance goes on with an empty store.
func TestK25DeleteAll(t *testing.T) {
	o := newObject(t).auto()
	o.SetName("name")
	if err := o.Exec(ctx, lots); err != nil {
		t.Fatal(err)
	}
	o.save("a", "1")
	names := func() []string {
		t.Helper()
		got, err := o.Query(ctx, "SELECT name FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY name")
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	before := names()
	if len(before) < 15 {
		t.Fatalf("the web is not there: %q", before)
	}

	if err := o.DeleteAll(ctx); err != nil {
		t.Fatal(err)
	}
	o.want()
	if got := names(); !slices.Equal(got, []string{"_do_kv", "_do_meta"}) {
		t.Errorf("left after DeleteAll: %q", got)
	}
	if err := o.Rollback(); err != nil {
		t.Fatal(err)
	}
	if got := names(); !slices.Equal(got, before) {
		t.Errorf("after Rollback: %q, want %q", got, before)
	}
	o.want("a", "1")

	scan := o.Scan(ctx, engine.Range{})
	if _, ok, err := scan.Next(ctx); !ok || err != nil {
		t.Fatal(ok, err)
	}
	o.put("b", "lost")
	if err := o.DeleteAll(ctx); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := scan.Next(ctx); ok || err != nil {
		t.Errorf("a scan after DeleteAll goes on with %v, %v", ok, err)
	}
	o.put("c", "kept")
	if err := o.Exec(ctx, "CREATE TABLE parent(other); INSERT INTO parent VALUES(1)"); err != nil {
		t.Errorf("a table of a name that was removed: %v", err)
	}
	o.commit()
	o.close()
	o.want("c", "kept")
	if got := names(); !slices.Equal(got, []string{"_do_kv", "_do_meta", "parent"}) {
		t.Errorf("after reopening: %q", got)
	}
	for query, want := range map[string]string{
		"SELECT count(*) FROM _do_meta WHERE key <> 'name'":                       "0",
		"SELECT count(*) FROM sqlite_sequence":                                    "0",
		"SELECT count(*) FROM sqlite_schema WHERE name LIKE 'sqlite_stat%'":       "0",
		"SELECT value FROM _do_meta WHERE key = 'name'":                           "name",
		"SELECT count(*) FROM pragma_defer_foreign_keys WHERE defer_foreign_keys": "0",
	} {
		if got, err := o.Query(ctx, query); err != nil || !slices.Equal(got, []string{want}) {
			t.Errorf("%s = %q, %v; want %s", query, got, err, want)
		}
	}
}

// K25: keys stay checked after DeleteAll: the deferral ends with it.
func TestK25ForeignKeysAfterDeleteAll(t *testing.T) {
	o := newObject(t).auto()
	if err := o.Exec(ctx, lots); err != nil {
		t.Fatal(err)
	}
	if err := o.DeleteAll(ctx); err != nil {
		t.Fatal(err)
	}
	if err := o.Exec(ctx, "CREATE TABLE p(id PRIMARY KEY); CREATE TABLE c(p REFERENCES p)"); err != nil {
		t.Fatal(err)
	}
	if err := o.Exec(ctx, "INSERT INTO c VALUES(1)"); err == nil {
		t.Error("a dangling key was accepted")
	}
	o.commit()
}
