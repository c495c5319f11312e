package sqlstorage_test

import (
	"context"
	"errors"
	"testing"

	"github.com/durablego/do/internal/engine"
	"github.com/durablego/do/sqlstorage"
)

// S36: names and foreign keys that SQLite does not tell beforehand.
func TestReservedAfterwards(t *testing.T) {
	o := newObject(t)
	o.exec("CREATE TABLE t(a); INSERT INTO t VALUES(1); CREATE TABLE p(a PRIMARY KEY); CREATE VIRTUAL TABLE f USING fts5(x); CREATE TABLE fk(a REFERENCES p(a))")
	for _, q := range []string{
		"ALTER TABLE t RENAME TO _do_t", `ALTER TABLE t RENAME TO "_DO_t"`, "ALTER TABLE t RENAME TO _do_kv2", "ALTER TABLE f RENAME TO _do_f", "ALTER TABLE f RENAME TO _do",
		"CREATE TABLE w(k REFERENCES _do_kv(key))", "CREATE TABLE w(k, FOREIGN KEY(k) REFERENCES _DO_META)", `CREATE TABLE w(k REFERENCES "_do_nothing")`,
		"ALTER TABLE t ADD COLUMN k REFERENCES _do_kv(key)", "ALTER TABLE p RENAME TO _do_p",
	} {
		o.fails(sqlstorage.ErrNotAuthorized, q)
	}
	o.want("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'f\\_%' ESCAPE '\\' ORDER BY name", "_do_kv", "_do_meta", "f", "fk", "p", "t")
	o.want("SELECT a FROM t", "1")
	o.exec("ALTER TABLE t RENAME TO u; ALTER TABLE u RENAME COLUMN a TO _do_a")
	o.commit()
	o.want("SELECT _do_a FROM u", "1")
}

// S35, S37, S38: refusals break nothing, and say what was refused.
func TestRefusals(t *testing.T) {
	o := newObject(t)
	o.exec("CREATE TABLE t(a)")
	for q, want := range map[string]string{
		"SELECT * FROM _do_kv":                "sqlite: not authorized: reading _do_kv (SQLITE_AUTH)",
		"BEGIN":                               "sqlite: not authorized: BEGIN: use Transaction (SQLITE_AUTH)",
		"SAVEPOINT x":                         "sqlite: not authorized: BEGIN SAVEPOINT: use Transaction (SQLITE_AUTH)",
		"PRAGMA user_version":                 "sqlite: not authorized: PRAGMA user_version (SQLITE_AUTH)",
		"SELECT sqlite_version()":             "sqlite: not authorized: the function sqlite_version (SQLITE_AUTH)",
		"VACUUM":                              "sqlite: not authorized: VACUUM (SQLITE_AUTH)",
		"CREATE VIRTUAL TABLE x USING dbstat": "sqlite: not authorized: CREATE VIRTUAL TABLE USING dbstat (SQLITE_AUTH)",
		"ATTACH 'x' AS y":                     "sqlite: not authorized: ATTACH (SQLITE_AUTH)",
		"PRAGMA foreign_keys=5":               "sqlite: not authorized: PRAGMA foreign_keys with this argument (SQLITE_AUTH)",
		"ALTER TABLE _do_kv ADD COLUMN x":     "sqlite: not authorized: ALTER TABLE _do_kv (SQLITE_AUTH)",
	} {
		if err := o.failsWith("SQLITE_AUTH", q); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", q, err, want)
		}
	}
	o.exec("INSERT INTO t VALUES(1)")
	// S42: the schema is read only.
	o.failsWith("SQLITE_ERROR", "DELETE FROM sqlite_schema")
	o.failsWith("SQLITE_ERROR", "INSERT INTO sqlite_schema VALUES(1,2,3,4,5)")
	// V16
	o.failsWith("SQLITE_ERROR", "DELETE FROM t LIMIT 1")
	o.want("SELECT soundex('robert')", "R163")
	o.commit()
	o.want("SELECT a FROM t", "1")
}

// S53, K25: flags last for the instance, over a close; another instance and DeleteAll
// begin with the defaults.
func TestFlags(t *testing.T) {
	for _, file := range []bool{true, false} {
		o := newObject(t)
		if file {
			o.exec("CREATE TABLE t(x)")
			o.commit()
		}
		o.exec("PRAGMA foreign_keys=OFF; PRAGMA recursive_triggers=on; PRAGMA case_sensitive_like=1; PRAGMA legacy_alter_table=yes")
		check := func(when string, foreignKeys, rest string) {
			t.Helper()
			o.want("PRAGMA foreign_keys", foreignKeys)
			o.want("PRAGMA recursive_triggers", rest)
			o.want("PRAGMA legacy_alter_table", rest)
			o.want("SELECT 'a' NOT LIKE 'A'", rest)
			if t.Failed() {
				t.Fatal(when)
			}
		}
		check("set", "0", "1")
		o.exec("CREATE TABLE u(x)") // the file is made, perhaps
		check("after a write", "0", "1")
		o.exec("PRAGMA foreign_keys=ON") // ignored in a transaction
		check("in a transaction", "0", "1")
		o.close()
		o.exec("INSERT INTO u VALUES(1)")
		check("after a close, in a transaction", "0", "1")
		o.commit()
		o.instance()
		check("another instance", "1", "0")
		o.exec("PRAGMA foreign_keys=OFF; PRAGMA recursive_triggers=on; PRAGMA case_sensitive_like=1; PRAGMA legacy_alter_table=yes")
		check("set again", "0", "1")
		o.ok(o.session.DeleteAll(ctx))
		check("DeleteAll", "1", "0")
	}
}

// S48: defer_foreign_keys lasts to the end of the transaction.
func TestDeferForeignKeys(t *testing.T) {
	o := newObject(t)
	o.exec("CREATE TABLE p(id PRIMARY KEY); CREATE TABLE c(p REFERENCES p(id))")
	o.commit()
	o.exec("PRAGMA defer_foreign_keys=ON")
	o.want("SELECT count(*) FROM c", "0") // a read between
	o.exec("INSERT INTO c VALUES(1); INSERT INTO p VALUES(1)")
	o.commit()
	o.failsWith("SQLITE_CONSTRAINT_FOREIGNKEY", "INSERT INTO c VALUES(2)")
	// T33
	o.exec("PRAGMA defer_foreign_keys=ON; INSERT INTO c VALUES(2)")
	if _, _, err := o.session.Commit(); code(err) != "SQLITE_CONSTRAINT_FOREIGNKEY" {
		t.Errorf("Commit = %v", err)
	}
	o.ok(o.db.Recover(ctx))
}

// K25, K26, S18: DeleteAll removes what SQL made.
func TestDeleteAll(t *testing.T) {
	o := newObject(t)
	o.exec(`CREATE TABLE t(x UNIQUE); CREATE TABLE a(id INTEGER PRIMARY KEY AUTOINCREMENT); CREATE VIEW v AS SELECT 1; CREATE INDEX i ON t(x);
		CREATE TRIGGER g AFTER DELETE ON t BEGIN SELECT RAISE(ABORT, 'no'); END; CREATE VIRTUAL TABLE f USING fts5(x); INSERT INTO t VALUES(1);
		CREATE TABLE self(x PRIMARY KEY REFERENCES self(x)); INSERT INTO self VALUES(1); ANALYZE`)
	o.ok(o.Migrate(ctx, []sqlstorage.Migration{{ID: "1", SQL: "CREATE TABLE m(x)"}}))
	o.commit()
	o.ok(o.session.DeleteAll(ctx))
	o.want("SELECT name FROM sqlite_schema WHERE name NOT LIKE '%\\_do\\_%' ESCAPE '\\' AND name NOT LIKE 'sqlite%'")
	o.ok(o.Migrate(ctx, []sqlstorage.Migration{{ID: "1", SQL: "CREATE TABLE m(y)"}}))
	o.want("SELECT y FROM m")
	o.ok(o.session.DeleteAll(ctx))
	o.close()
	o.wantNoFile()
}

// S18: Migrate.
func TestMigrate(t *testing.T) {
	o := newObject(t)
	first := []sqlstorage.Migration{
		{ID: "a", SQL: "CREATE TABLE t(x); INSERT INTO t VALUES('a'); -- S4: this tail is forgiven"},
		{ID: "b", SQL: "INSERT INTO t VALUES('b');;"},
		{ID: "empty", SQL: "-- nothing"},
	}
	o.ok(o.Migrate(ctx, first))
	o.want("SELECT x FROM t", "a", "b")
	o.close()
	o.ok(o.Migrate(ctx, first)) // all recorded
	if _, wrote, err := o.session.Commit(); wrote || err != nil {
		t.Errorf("nothing to do: wrote %v, %v", wrote, err)
	}
	for name, list := range map[string][]sqlstorage.Migration{
		"changed": {first[0], {ID: "b", SQL: "INSERT INTO t VALUES('c')"}},
		"before":  {{ID: "new", SQL: "DROP TABLE t"}, first[0]},
		"between": {first[0], {ID: "new", SQL: "DROP TABLE t"}, first[1]},
		"twice":   append(first[:3:3], sqlstorage.Migration{ID: "n", SQL: "DROP TABLE t"}, sqlstorage.Migration{ID: "n", SQL: "DROP TABLE t"}),
		"no ID":   append(first[:3:3], sqlstorage.Migration{SQL: "DROP TABLE t"}),
	} {
		if err := o.Migrate(ctx, list); !errors.Is(err, sqlstorage.ErrMigration) {
			t.Errorf("%s: %v", name, err)
		}
	}
	o.ok(o.Migrate(ctx, first[:1])) // older code on newer data
	o.want("SELECT x FROM t", "a", "b")

	// One that fails undoes all of them, and nothing else.
	o.exec("INSERT INTO t VALUES('mine')")
	second := append(first[:3:3], sqlstorage.Migration{ID: "c", SQL: "INSERT INTO t VALUES('c')"}, sqlstorage.Migration{ID: "d", SQL: "INSERT INTO nope VALUES(1)"})
	if err := o.Migrate(ctx, second); code(err) != "SQLITE_ERROR" {
		t.Errorf("Migrate = %v", err)
	}
	o.want("SELECT x FROM t", "a", "b", "mine")
	second[4].SQL = "INSERT INTO t VALUES('d')"
	o.ok(o.Migrate(ctx, second))
	o.want("SELECT x FROM t", "a", "b", "mine", "c", "d")
	if err := o.Migrate(ctx, append(second, sqlstorage.Migration{ID: "e", SQL: "DROP TABLE _do_kv"})); !errors.Is(err, sqlstorage.ErrNotAuthorized) {
		t.Errorf("Migrate = %v", err)
	}
	if err := o.Migrate(ctx, append(second, sqlstorage.Migration{ID: "e", SQL: "INSERT INTO t VALUES(?)"})); !errors.Is(err, sqlstorage.ErrParameters) {
		t.Errorf("Migrate = %v", err)
	}
}

// L18, S9: a database that is closed and opened again forgets its statements only.
func TestReopen(t *testing.T) {
	o := newObject(t)
	o.exec("CREATE TABLE t(x)")
	for range 3 {
		o.exec("INSERT INTO t VALUES(1)")
		o.close()
	}
	o.want("SELECT count(*) FROM t", "3")
}

// K27: keys and tables share one transaction, and lists go on beside a change of the schema.
func TestKeysAndTables(t *testing.T) {
	o := newObject(t)
	o.ok(o.session.Put(ctx, "a", []byte("1")))
	o.ok(o.session.Put(ctx, "b", []byte("2")))
	scan := o.session.Scan(ctx, engine.Range{})
	if e, ok, err := scan.Next(ctx); e.Key != "a" || !ok || err != nil {
		t.Fatal(e, ok, err)
	}
	o.exec("CREATE TABLE t(x); DROP TABLE t; CREATE TABLE u(x)")
	if e, ok, err := scan.Next(ctx); e.Key != "b" || !ok || err != nil {
		t.Fatal(e, ok, err)
	}
	_ = o.session.Transaction(ctx, func(ctx context.Context) error {
		o.exec("INSERT INTO u VALUES(1)")
		o.ok(o.session.Put(ctx, "c", []byte("3")))
		return errUndo
	})
	o.want("SELECT count(*) FROM u", "0")
	if _, ok, err := o.session.Get(ctx, "c"); ok || err != nil {
		t.Error(ok, err)
	}
}
