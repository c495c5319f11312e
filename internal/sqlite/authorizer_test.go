package sqlite_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/durablego/do/internal/doerr"
	"github.com/durablego/do/internal/sqlite"
)

// openUser opens an object's database that takes statements of users.
func openUser(tb testing.TB) *db {
	tb.Helper()
	return open(tb, newDB(tb), sqlite.Options{WAL: true, MaxParameters: 100})
}

// user runs statements of a user's in a transaction, without what guards the schema.
func (d *db) user(sql string) (rows [][]string, err error) {
	for !sqlite.Blank(sql) {
		s, tail, err := d.PrepareUser(sql)
		if err != nil {
			return nil, err
		}
		sql, rows = tail, nil
		for s != nil {
			row, err := s.Step()
			if err != nil {
				return nil, errors.Join(err, s.Finalize())
			}
			if !row {
				break
			}
			var r []string
			for i := range s.ColumnCount() {
				r = append(r, s.ColumnText(i))
			}
			rows = append(rows, r)
		}
		if s != nil {
			if err := s.Finalize(); err != nil {
				return nil, err
			}
		}
	}
	return rows, nil
}

const userSchema = `CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT); CREATE INDEX i ON t(b); INSERT INTO t VALUES(1, 'x');
	CREATE VIEW v AS SELECT a FROM t; CREATE VIRTUAL TABLE f USING fts5(x); CREATE TABLE auto(id INTEGER PRIMARY KEY AUTOINCREMENT)`

func TestRefused(t *testing.T) {
	d := openUser(t)
	if _, err := d.user(userSchema); err != nil {
		t.Fatal(err)
	}
	d.exec("INSERT INTO _do_kv VALUES('secret', 'secret')")
	for _, c := range []struct{ rule, statements string }{
		{"S35", `CREATE TABLE _do_x(x) | create table _DO_X(x) | CREATE TABLE "_Do_x"(x) | CREATE TABLE IF NOT EXISTS _do_kv(x)
			| CREATE INDEX _do_i ON t(b) | CREATE INDEX j ON _do_kv(value) | CREATE VIEW _do_v AS SELECT 1
			| CREATE TRIGGER _do_t AFTER INSERT ON t BEGIN SELECT 1; END | CREATE TRIGGER g AFTER INSERT ON _do_kv BEGIN SELECT 1; END
			| CREATE VIRTUAL TABLE _do_f USING fts5(x) | CREATE VIRTUAL TABLE _do USING fts5(x) | CREATE VIRTUAL TABLE _do USING rtree(i,a,b)
			| SELECT * FROM _do_kv | SELECT count(*) FROM _do_kv | SELECT 1 FROM main._do_kv | SELECT key FROM "_DO_kv" AS a
			| SELECT (SELECT max(key) FROM _do_kv) | WITH q AS (SELECT * FROM _do_kv) SELECT * FROM q | SELECT EXISTS(SELECT 1 FROM _do_meta)
			| SELECT 1 IN _do_kv | SELECT * FROM t JOIN _do_kv ON 0 | SELECT a FROM t UNION SELECT key FROM _do_kv
			| INSERT INTO _do_kv VALUES('a', 1) | INSERT INTO t(b) SELECT key FROM _do_kv | REPLACE INTO _do_meta VALUES(1,2)
			| UPDATE _do_kv SET value=1 | UPDATE t SET b=key FROM _do_kv | DELETE FROM _do_kv | DELETE FROM t WHERE b IN (SELECT key FROM _do_kv)
			| INSERT INTO t VALUES(9, 'q') RETURNING (SELECT max(value) FROM _do_kv)
			| DROP TABLE _do_kv | DROP TABLE IF EXISTS _do_meta | ALTER TABLE _do_kv ADD COLUMN z | ALTER TABLE _do_kv RENAME TO z
			| ALTER TABLE _do_kv RENAME COLUMN key TO z | CREATE TABLE n AS SELECT * FROM _do_kv | EXPLAIN SELECT * FROM _do_kv
			| SELECT * FROM t WHERE b = (SELECT value FROM _do_kv)`},
		{"S37", `BEGIN | BEGIN IMMEDIATE | COMMIT | END | ROLLBACK | SAVEPOINT s | RELEASE s | ROLLBACK TO s | /* x */ BEGIN | SAVEPOINT do | ROLLBACK TO do`},
		{"S38", `ATTACH 'x' AS y | ATTACH ':memory:' AS y | DETACH main | VACUUM | vacuum | ; -- x
			VACUUM | /**/ VACUUM INTO 'x'`},
		{"S39", `CREATE TEMP TABLE x(x) | CREATE TABLE temp.x(x) | CREATE TEMP VIEW x AS SELECT 1
			| CREATE TEMP TRIGGER g AFTER INSERT ON t BEGIN SELECT 1; END | PRAGMA temp.table_info(t)`},
		{"S40", `CREATE VIRTUAL TABLE x USING dbstat | CREATE VIRTUAL TABLE x USING sqlite_dbpage | CREATE VIRTUAL TABLE x USING geopoly(a)
			| CREATE VIRTUAL TABLE x USING nosuch(a) | CREATE VIRTUAL TABLE x USING json_each`},
		{"S41", `SELECT * FROM sqlite_dbpage | SELECT count(*) FROM sqlite_dbpage | SELECT * FROM dbstat | SELECT 1 FROM main.dbstat
			| UPDATE sqlite_dbpage SET data=x'00' | DELETE FROM sqlite_dbpage | SELECT * FROM pragma_user_version | SELECT * FROM pragma_module_list
			| SELECT * FROM pragma_table_info('_do_kv') | SELECT p.* FROM sqlite_schema s, pragma_table_info(s.name) p`},
		{"S46", `PRAGMA table_info(_do_kv) | PRAGMA table_xinfo("_DO_kv") | PRAGMA index_list(_do_meta) | PRAGMA foreign_key_list('_do_kv')
			| PRAGMA index_info(sqlite_autoindex__do_kv_1) | PRAGMA index_xinfo(SQLITE_AUTOINDEX__DO_KV_1) | PRAGMA table_info | PRAGMA index_list`},
		{"S47", "PRAGMA data_version=1 | PRAGMA page_size=512 | PRAGMA page_size(512)"},
		{"S48, V17", `PRAGMA foreign_keys=2 | PRAGMA foreign_keys(t) | PRAGMA case_sensitive_like=truex | PRAGMA case_sensitive_like=12
			| PRAGMA recursive_triggers=-1 | PRAGMA legacy_alter_table='o n' | PRAGMA ignore_check_constraints=1.0`},
		{"S49, S50", "PRAGMA foreign_key_check(_do_kv) | PRAGMA quick_check(_do_kv)"},
		{"S51", "PRAGMA optimize(x) | PRAGMA optimize='_do_kv'"},
		{"S52", `PRAGMA user_version | PRAGMA user_version=2 | PRAGMA journal_mode | PRAGMA journal_mode=DELETE | PRAGMA synchronous=2
			| PRAGMA integrity_check | PRAGMA page_count | PRAGMA writable_schema=1 | PRAGMA schema_version | PRAGMA locking_mode=NORMAL
			| PRAGMA wal_checkpoint | PRAGMA max_page_count=1 | PRAGMA temp_store | PRAGMA nosuch | PRAGMA main.user_version | PRAGMA trusted_schema=1
			| EXPLAIN PRAGMA writable_schema=1 | PRAGMA function_list | PRAGMA database_list | PRAGMA secure_delete=1 | PRAGMA query_only=1`},
		{"S55", `SELECT load_extension('x') | SELECT sqlite_version() | SELECT sqlite_source_id() | SELECT sqlite_compileoption_get(0)
			| SELECT sqlite_compileoption_used('x') | SELECT sqlite_offset(a) FROM t | SELECT subtype(1) | SELECT geopoly_area('[]')
			| SELECT ceiling(1) | SELECT power(1,2) | SELECT log10(1) | SELECT if(1,2) | SELECT json_pretty('1') | SELECT json_error_position('1')
			| SELECT json_array_insert('[]','$[0]',1) | SELECT unistr('a') | SELECT fts5(1) | SELECT rtreenode(2,x'00') | SELECT sqlite_log(1,'x')
			| SELECT * FROM t WHERE subtype(b) | CREATE INDEX k ON t(subtype(b)) | CREATE TABLE x(a CHECK (subtype(a)))`},
	} {
		for sql := range strings.SplitSeq(c.statements, "|") {
			d.exec("SAVEPOINT test")
			_, err := d.user(sql)
			var e *sqlite.Error
			if !errors.Is(err, doerr.ErrNotAuthorized) || !errors.As(err, &e) || e.Code != "SQLITE_AUTH" {
				t.Errorf("%s: %s = %v, want ErrNotAuthorized", c.rule, sql, err)
			}
			d.exec("ROLLBACK TO test; RELEASE test")
		}
	}
	if got := d.value("SELECT key || value FROM _do_kv"); got != "secretsecret" {
		t.Errorf("_do_kv holds %q", got)
	}
}

func TestAllowed(t *testing.T) {
	d := openUser(t)
	if _, err := d.user(userSchema); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ rule, statements string }{
		{"S35", `ALTER TABLE t ADD COLUMN _do_col | SELECT _do_a.a AS _do_x FROM t AS _do_a | SELECT '_do_kv' | CREATE TABLE do_x(x) | CREATE TABLE _dox(x)
			| CREATE TABLE _do(x) | CREATE TABLE __do_x(x) | SELECT name FROM sqlite_schema WHERE name = '_do_kv' | PRAGMA table_list(_do_kv)`},
		{"S39", "SELECT * FROM main.t | CREATE TABLE main.x(x) | ALTER TABLE t RENAME TO u | ALTER TABLE t RENAME COLUMN b TO c | ALTER TABLE t ADD COLUMN c CHECK (c > 0) | ALTER TABLE t ADD COLUMN d; ALTER TABLE t DROP COLUMN d"},
		{"S40", `CREATE VIRTUAL TABLE x USING FTS5(a) | CREATE VIRTUAL TABLE x USING fts5vocab(f, 'row') | CREATE VIRTUAL TABLE x USING RTree(i,a,b)
			| CREATE VIRTUAL TABLE x USING rtree_i32(i,a,b) | INSERT INTO f VALUES('hello') | SELECT highlight(f, 0, '<', '>'), bm25(f) FROM f('x') | DROP TABLE f | ALTER TABLE f RENAME TO g`},
		{"S41", `SELECT value FROM json_each('[1]') | SELECT * FROM json_tree('[1]') | SELECT name FROM pragma_table_info('t') | SELECT * FROM pragma_foreign_keys
			| SELECT * FROM pragma_table_list`},
		{"S42", "SELECT count(*) FROM sqlite_schema | SELECT * FROM sqlite_master | UPDATE sqlite_sequence SET seq=5"},
		{"S43", `CREATE TRIGGER g AFTER INSERT ON t BEGIN DELETE FROM t; END | DROP INDEX i | DROP VIEW v | DROP TABLE t | REINDEX | REINDEX t | ANALYZE | ANALYZE t
			| WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM c LIMIT 3) SELECT * FROM c | INSERT INTO t(b) VALUES(1) RETURNING a
			| INSERT INTO t VALUES(1,2) ON CONFLICT DO UPDATE SET b=3 | EXPLAIN QUERY PLAN SELECT * FROM t | EXPLAIN SELECT 1 | REINDEX _do_kv | ANALYZE _do_kv`},
		{"S45–S51", `PRAGMA table_list | PRAGMA table_list(t) | PRAGMA table_info(t) | PRAGMA main.table_info(t) | PRAGMA index_info(i) | PRAGMA data_version | PRAGMA page_size
			| PRAGMA foreign_keys | PRAGMA foreign_keys=ON | PRAGMA Foreign_Keys='Yes' | PRAGMA case_sensitive_like(1) | PRAGMA defer_foreign_keys=FALSE
			| PRAGMA foreign_key_check | PRAGMA foreign_key_check(t) | PRAGMA quick_check | PRAGMA quick_check(1) | PRAGMA quick_check(t) | PRAGMA optimize
			| PRAGMA optimize(0x10002) | PRAGMA optimize=1`},
	} {
		for sql := range strings.SplitSeq(c.statements, "|") {
			d.exec("SAVEPOINT test")
			if _, err := d.user(sql); err != nil {
				t.Errorf("%s: %s = %v", c.rule, sql, err)
			}
			d.exec("ROLLBACK TO test; RELEASE test")
		}
	}
}

// S54, S55: every function that the library has is on one of the two lists, and every
// virtual table is known (S40, S41). A newer library must not bring one by itself.
func TestNothingNew(t *testing.T) {
	d := openUser(t)
	d.exec("CREATE VIRTUAL TABLE f USING fts5(x)")
	refused := strings.Fields(`ceiling fts5 fts5_get_locale fts5_insttoken fts5_locale fts5_source_id geopoly_area geopoly_bbox geopoly_blob
		geopoly_ccw geopoly_contains_point geopoly_debug geopoly_group_bbox geopoly_json geopoly_overlap geopoly_regular geopoly_svg geopoly_within
		geopoly_xform if json_array_insert json_error_position json_pretty jsonb_array_insert load_extension log10 power rtreedepth rtreenode
		sqlite_compileoption_get sqlite_compileoption_used sqlite_log sqlite_offset sqlite_source_id sqlite_version subtype unistr unistr_quote`)
	names := column(t, d, "SELECT DISTINCT name FROM pragma_function_list ORDER BY 1")
	for _, name := range names {
		if sqlite.Allowed(name) == slices.Contains(refused, name) {
			t.Errorf("function %s: allowed %v", name, sqlite.Allowed(name))
		}
	}
	if len(names) < 150 {
		t.Errorf("only %d functions", len(names))
	}
	known := strings.Fields("dbstat fts5 fts5vocab geopoly json_each json_tree jsonb_each jsonb_tree rtree rtree_i32 sqlite_dbpage")
	for _, name := range column(t, d, "SELECT name FROM pragma_module_list WHERE name NOT LIKE 'pragma%'") {
		if !slices.Contains(known, name) {
			t.Errorf("the library has a virtual table %s", name)
		}
	}
}

func column(t *testing.T, d *db, sql string) (values []string) {
	t.Helper()
	s := d.prepare(sql)
	for {
		row, err := s.Step()
		if err != nil {
			t.Fatal(err)
		}
		if !row {
			return values
		}
		values = append(values, s.ColumnText(0))
	}
}

// S44: what SQLite prepares for a virtual table or a trigger of the user's is watched when
// it runs, and what we prepare is not.
func TestWatchedWhileItRuns(t *testing.T) {
	d := openUser(t)
	d.exec("INSERT INTO _do_kv VALUES('k', 'secret')")
	for _, sql := range []string{
		"CREATE VIRTUAL TABLE f USING fts5(key, value, content='_do_kv')",
		"CREATE TABLE t(x)",
		"CREATE TRIGGER g AFTER INSERT ON t BEGIN INSERT INTO _do_kv VALUES('a', 1); END",
		"CREATE VIEW v AS SELECT value FROM _do_kv",
	} {
		if _, err := d.user(sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	for _, sql := range []string{
		"INSERT INTO f(f) VALUES('rebuild')", "INSERT INTO t VALUES(1)", "SELECT * FROM v", "INSERT INTO t SELECT value FROM v",
		"SELECT value FROM f WHERE rowid=1",
	} {
		if rows, err := d.user(sql); err == nil && len(rows) > 0 {
			t.Errorf("%s = %q, %v", sql, rows, err)
		}
	}
	// A cached statement is watched when it is prepared anew.
	s, _, err := d.PrepareUser("SELECT x FROM t")
	if err != nil {
		t.Fatal(err)
	}
	d.exec("DROP TABLE t; CREATE VIEW t AS SELECT value AS x FROM _do_kv")
	if _, err := s.Step(); !errors.Is(err, doerr.ErrNotAuthorized) {
		t.Errorf("Step = %v, want ErrNotAuthorized", err)
	}
	if got := d.value("SELECT count(*) FROM _do_kv"); got != "1" {
		t.Errorf("%s keys", got)
	}
}

// Statistics of our tables would hold keys: ANALYZE passes them over.
func TestAnalyzeLeavesOursOut(t *testing.T) {
	d := openUser(t)
	d.exec("INSERT INTO _do_kv VALUES('secret', 1), ('other', 2)")
	if _, err := d.user("CREATE TABLE t(a, b); CREATE INDEX i ON t(a); INSERT INTO t VALUES(1, 2); ANALYZE; ANALYZE _do_kv; PRAGMA optimize(0x10002)"); err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"sqlite_stat1", "sqlite_stat4"} {
		rows, err := d.user("SELECT tbl FROM " + table + " WHERE tbl <> 't'")
		if err != nil || rows != nil {
			t.Errorf("%s: %q, %v", table, rows, err)
		}
	}
}
