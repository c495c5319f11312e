package conformance

import "testing"

// TestAcceptedSQL has, for each rule about results of SQL, what it explains and what it must not.
func TestAcceptedSQL(t *testing.T) {
	const (
		names  = `{"op":"sql.exec","sql":"SELECT name FROM sqlite_master"}`
		refuse = `{"error":"not_authorized"}`
		lack   = `{"error":"no_such","detail":"table"}`
		failed = `{"error":"sql_error","detail":"error"}`
		void   = `{"columns":[],"rows":[]}`
	)
	rows := func(list string) string { return `{"columns":["name"],"rows":[` + list + `]}` }
	for _, x := range []struct{ name, rule, op, want, got string }{
		{"own tables", "V23", names, rows(`["t"]`), rows(`["_cf_KV"],["_cf_meta"],["t"]`)},
		{"own table twice", "", names, rows(`["_cf_KV"],["t"]`), rows(`["_cf_KV"],["_cf_KV"],["t"]`)},
		{"another table", "", names, rows(`["t"]`), rows(`["_cf_KV"],["u"]`)},
		{"a table missing", "", names, rows(`["t"]`), rows(`["_cf_KV"]`)},
		{"own tables in data", "", `{"op":"sql.exec","sql":"SELECT name FROM t"}`, rows(`["t"]`), rows(`["_cf_KV"],["t"]`)},
		{"other columns", "", names, rows(`["t"]`), `{"columns":["x"],"rows":[["_cf_KV"],["t"]]}`},
		{"counted", "V23", `{"op":"sql.exec","sql":"SELECT count(*) FROM sqlite_schema"}`, rows(`[1]`), rows(`[3]`)},
		{"counted too few", "", `{"op":"sql.exec","sql":"SELECT count(*) FROM sqlite_schema"}`, rows(`[2]`), rows(`[1]`)},
		{"counted too many", "", `{"op":"sql.exec","sql":"SELECT count(*) FROM sqlite_schema"}`, rows(`[2]`), rows(`[5]`)},
		{"rows counted", "V23", `{"op":"sql.exec","sql":"PRAGMA table_list","mode":"count"}`, `{"count":4}`, `{"count":6}`},
		{"key to a reserved table", "V23", `{"op":"sql.exec","sql":"CREATE TABLE fk(k REFERENCES _cf_KV(key))"}`, void, refuse},
		{"key to another table", "", `{"op":"sql.exec","sql":"CREATE TABLE fk(k REFERENCES t(key))"}`, void, refuse},
		{"no such thing here", "V23", `{"op":"sql.exec","sql":"SELECT * FROM dbstat"}`, lack, refuse},
		{"no such thing there", "", `{"op":"sql.exec","sql":"SELECT * FROM dbstat"}`, refuse, lack},
		{"VACUUM", "V23", `{"op":"sql.exec","sql":"VACUUM"}`, failed, refuse},
		{"another failure", "", `{"op":"sql.exec","sql":"SELECT 1"}`, failed, refuse},
		{"refused, but allowed there", "", `{"op":"sql.exec","sql":"SELECT 1"}`, rows(`[1]`), refuse},
		{"soundex", "V16", `{"op":"sql.exec","sql":"SELECT soundex('a')"}`, `{"error":"no_such","detail":"function"}`, rows(`["A000"]`)},
		{"printf", "V16", `{"op":"sql.exec","sql":"SELECT printf('%.*c',9,'x')"}`, rows(`["x"]`), `{"error":"limit_exceeded"}`},
		{"cursor of an older event", "V5", `{"op":"sql.next","cursor":"c"}`, `{"row":[1]}`, `{"error":"cursor_canceled"}`},
		{"wrong row", "", `{"op":"sql.next","cursor":"c"}`, `{"row":[1]}`, `{"row":[2]}`},
	} {
		t.Run(x.name, func(t *testing.T) { checkExplained(t, oneOp(t, x.op, x.want, x.got), x.rule) })
	}
}

// V16: UPDATE and DELETE … LIMIT are said with a subquery.
func TestWithoutLimits(t *testing.T) {
	for sql, want := range map[string]string{
		"UPDATE t SET v=0 ORDER BY id DESC LIMIT 1": "UPDATE t SET v=0 WHERE rowid IN (SELECT rowid FROM t ORDER BY id DESC LIMIT 1)",
		"DELETE FROM t LIMIT 2":                     "DELETE FROM t WHERE rowid IN (SELECT rowid FROM t LIMIT 2)",
		"SELECT * FROM t LIMIT 1":                   "",
		"DELETE FROM t":                             "",
	} {
		c := newCase(t, `[{"op":"turn","on":"o","ops":[{"op":"try","body":[{"op":"sql.exec","sql":"`+sql+`"}]}]}]`, `[null]`)
		d := withoutLimits(c, nil)
		if d == nil {
			if want != "" {
				t.Errorf("%s is left as it is", sql)
			}
			continue
		}
		if got := d.Steps[0].list("ops")[0].list("body")[0].sqlOf(); got != want {
			t.Errorf("%s = %q, want %q", sql, got, want)
		}
	}
}

// V7: a case whose process goes away in a sleeping transaction is not run.
func TestDiesInTransaction(t *testing.T) {
	const steps = `[{"op":"start","as":"p","step":{"op":"turn","on":"o","ops":[{"op":"txn","body":[{"op":"sleep","ms":1}]}]}},{"op":"await","as":"p"}]`
	if !diesInTransaction(newCase(t, steps, `[{"ok":true},{"error":"disconnected"}]`)) {
		t.Error("it is run")
	}
	if diesInTransaction(newCase(t, steps, `[{"ok":true},{"results":[]}]`)) {
		t.Error("a case that nothing happens to is not run")
	}
}
