package conformance

import (
	"regexp"
	"slices"
	"strings"
)

// This file has what the list says about results of the SQL face.

// sqlOf gives the text of an op's SQL.
func (n Node) sqlOf() string {
	text, _ := decode(n["sql"]).(string)
	return text
}

var listsTables = regexp.MustCompile(`(?i)sqlite_(master|schema)|table_list`)

// countsTables are the texts whose count is one of all tables, or of the library's own.
var countsTables = regexp.MustCompile(`(?i)^SELECT count\(\*\)[^()]* FROM sqlite_(master|schema)( WHERE name LIKE '\\_cf.*)?$|^PRAGMA (main\.)?table_list$`)

// ownTables (V23: S35, K1): our own tables, _do_kv and _do_meta, show where the reference's one shows, if it has made that already.
func ownTables(d Diff) bool {
	if d.At.kind() != "sql.exec" || !listsTables.MatchString(d.At.sqlOf()) {
		return false
	}
	more := []string{"_cf_meta"}
	if !d.Case.any(func(n Node) bool { return strings.HasPrefix(n.kind(), "kv") }) { // nor has the reference made its table
		more = append(more, "_cf_KV")
	}
	want, got := asMap(d.Want), asMap(d.Got)
	w, okWant := want["rows"].([]any)
	g, okGot := got["rows"].([]any)
	if okWant && okGot && sameOthers(want, got, "rows") && equal(w, without(g, more)) {
		return true
	}
	if !countsTables.MatchString(d.At.sqlOf()) {
		return false
	}
	if n, m, ok := counted(w, g); ok {
		return sameOthers(want, got, "rows") && m == n+float64(len(more))
	}
	n, okWant := want["count"].(float64)
	m, okGot := got["count"].(float64)
	return okWant && okGot && m == n+float64(len(more))
}

// without leaves out the rows that name a table.
func without(rows []any, tables []string) []any {
	return slices.DeleteFunc(slices.Clone(rows), func(row any) bool {
		values, _ := row.([]any)
		return slices.ContainsFunc(values, func(v any) bool {
			s, _ := v.(string)
			return slices.Contains(tables, s)
		})
	})
}

// counted gives the numbers of two results that are one number each.
func counted(want, got []any) (n, m float64, ok bool) {
	one := func(rows []any) (float64, bool) {
		if len(rows) != 1 {
			return 0, false
		}
		row, _ := rows[0].([]any)
		if len(row) != 1 {
			return 0, false
		}
		n, ok := row[0].(float64)
		return n, ok
	}
	n, okWant := one(want)
	m, okGot := one(got)
	return n, m, okWant && okGot
}

var refersToOwn = regexp.MustCompile(`(?i)CREATE TABLE (\w+).*REFERENCES _cf_`)

// foreignKeyRefused (V23: S36): the table with the key is refused, and so is not there afterwards.
func foreignKeyRefused(d Diff) bool {
	if d.At.kind() != "sql.exec" {
		return false
	}
	if refersToOwn.MatchString(d.At.sqlOf()) {
		return errorKind(d.Want) == "" && errorKind(d.Got) == "not_authorized"
	}
	if errorKind(d.Want) != "not_authorized" || errorKind(d.Got) != "no_such" {
		return false
	}
	return d.Case.any(func(n Node) bool {
		made := refersToOwn.FindStringSubmatch(n.sqlOf())
		return made != nil && strings.Contains(d.At.sqlOf(), " "+made[1]+" ")
	})
}

var onlyHere = regexp.MustCompile(`(?i)VACUUM|load_extension`)

// refusedByName (V23: S38, S41, S55): not authorized, where the reference has no such table or function, or fails by itself.
func refusedByName(d Diff) bool {
	if d.At.kind() != "sql.exec" || errorKind(d.Got) != "not_authorized" {
		return false
	}
	return errorKind(d.Want) == "no_such" || errorKind(d.Want) == "sql_error" && onlyHere.MatchString(d.At.sqlOf())
}

// olderCursor (V5, S10): a cursor that an earlier event opened has ended.
func olderCursor(d Diff) bool {
	if d.At.kind() != "sql.next" && d.At.kind() != "sql.rest" || len(d.Around) == 0 {
		return false
	}
	for _, n := range d.Around {
		opened := false
		visit([]Node{n}, func(n Node) {
			opened = opened || n.kind() == "sql.open" && n.text("cursor") == d.At.text("cursor")
		})
		if opened {
			return false
		}
	}
	return errorKind(d.Got) == "cursor_canceled" && errorKind(d.Want) == ""
}

// buildDiffers (V16): a function that the reference's build lacks, a cap that ours lacks.
func buildDiffers(d Diff) bool {
	sql := d.At.sqlOf()
	return errorKind(d.Want) == "no_such" && errorKind(d.Got) == "" && strings.Contains(sql, "soundex(") ||
		errorKind(d.Want) == "" && errorKind(d.Got) == "limit_exceeded" && strings.Contains(sql, "printf('%.*")
}

var (
	updateLimit = regexp.MustCompile(`(?i)^UPDATE (\w+) SET (.+?)( ORDER BY [^;]+?)? (LIMIT \d+)$`)
	deleteLimit = regexp.MustCompile(`(?i)^DELETE FROM (\w+)( ORDER BY [^;]+?)? (LIMIT \d+)$`)
)

// withoutLimits (V16) says UPDATE and DELETE … LIMIT with a subquery.
func withoutLimits(c *Case, _ []any) *Case {
	changed := false
	var inside func(ops []Node) []Node
	inside = func(ops []Node) []Node {
		out := slices.Clone(ops)
		for i, op := range ops {
			if op.has("body") {
				out[i] = op.with("body", inside(op.list("body")))
			}
			sql := op.sqlOf()
			said := updateLimit.ReplaceAllString(sql, "UPDATE $1 SET $2 WHERE rowid IN (SELECT rowid FROM $1$3 $4)")
			said = deleteLimit.ReplaceAllString(said, "DELETE FROM $1 WHERE rowid IN (SELECT rowid FROM $1$2 $3)")
			if op.kind() == "sql.exec" && said != sql {
				out[i] = op.with("sql", said)
				changed = true
			}
		}
		return out
	}
	d := *c
	d.Steps = slices.Clone(c.Steps)
	for i, s := range c.Steps {
		if s.kind() == "turn" {
			d.Steps[i] = s.with("ops", inside(s.list("ops")))
		}
	}
	if !changed {
		return nil
	}
	return &d
}

// diesInTransaction (V7): the process goes away while a transaction sleeps.
func diesInTransaction(c *Case) bool {
	cut := false
	for i, s := range c.Steps {
		cut = cut || s.kind() == "await" && errorKind(c.Want[i]) == "disconnected"
	}
	return cut && c.any(func(n Node) bool {
		sleeps := false
		if n.kind() == "txn" {
			visit(n.list("body"), func(n Node) { sleeps = sleeps || n.kind() == "sleep" })
		}
		return sleeps
	})
}
