package metamorphic

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"
)

// table is the table of statements; nil while there is none. A nil among its values is SQL's NULL.
type table struct {
	rows map[int64]row
}

type row struct {
	name string
	qty  any // int64 or nil
	note any
}

func (t *table) clone() *table {
	if t == nil {
		return nil
	}
	return &table{rows: maps.Clone(t.rows)}
}

// ids gives the rows' ids in order.
func (t *table) ids() []int64 { return slices.Sorted(maps.Keys(t.rows)) }

// named gives the id of the row with that name.
func (t *table) named(name any) (int64, bool) {
	for id, r := range t.rows {
		if r.name == name {
			return id, true
		}
	}
	return 0, false
}

// next is the id that SQLite gives to a row without one.
func (t *table) next() int64 {
	ids := t.ids()
	if len(ids) == 0 {
		return 1
	}
	return ids[len(ids)-1] + 1
}

// stored is what a Go value is in a column without a type (S20 to S26).
func stored(v any) any {
	switch v := v.(type) {
	case bool:
		if v {
			return int64(1)
		}
		return int64(0)
	case float64:
		if math.IsNaN(v) {
			return nil
		}
	case time.Time:
		return v.UTC().Format("2006-01-02T15:04:05.000000000Z")
	}
	return v
}

func number(v any) string {
	if v == nil {
		return "nil"
	}
	return strconv.FormatInt(v.(int64), 10)
}

// negative tells whether a quantity breaks the table's CHECK; NULL does not.
func negative(v any) bool {
	n, is := v.(int64)
	return is && n < 0
}

const constraint = "SQLITE_CONSTRAINT"

// sql runs an operation on the table.
func (f *modelFrame) sql(o op) {
	t := f.x().now.table
	switch o.do {
	case "refused":
		r := refused[o.args[0].(int64)]
		f.say("%q = %s", r.text, r.kind)
		return
	case "create", "createMaybe":
		if t != nil && o.do == "create" {
			f.say("create = SQLITE_ERROR")
			return
		}
		if t == nil {
			f.x().now.table = &table{rows: map[int64]row{}}
		}
		f.done(o, 0)
		return
	case "selectAll":
		f.say("selectAll")
		if t == nil {
			f.say("- SQLITE_ERROR")
			return
		}
		for _, id := range slices.Backward(t.ids()) {
			f.say("- %d %s %s %s", id, show(t.rows[id].name), number(t.rows[id].qty), show(t.rows[id].note))
		}
		return
	case "one":
		id, kind := t.one(o.args[0])
		f.say("one = %d %s", id, kind)
		return
	}
	if t == nil {
		f.say("%s = SQLITE_ERROR", o.do)
		return
	}
	f.statement(t, o)
}

// one is the id of the only row with a quantity.
func (t *table) one(qty any) (int64, string) {
	if t == nil {
		return 0, "SQLITE_ERROR"
	}
	var found []int64
	for id, r := range t.rows {
		if qty != nil && r.qty == qty {
			found = append(found, id)
		}
	}
	switch len(found) {
	case 0:
		return 0, "ErrNoRows"
	case 1:
		return found[0], "ok"
	}
	return 0, "ErrMultipleRows"
}

// done says what a statement that worked gave.
func (f *modelFrame) done(o op, written int, rows ...string) {
	f.say("%s = ok, %d rows, %d written", o.do, len(rows), written)
	for _, r := range rows {
		f.say("- %s", r)
	}
}

// statement runs one on a table that exists.
func (f *modelFrame) statement(t *table, o op) {
	switch o.do {
	case "drop":
		f.x().now.table = nil
		f.done(o, 0)
	case "index":
		f.done(o, 0)
	case "insert", "insertIgnore", "insertReplace":
		f.insert(t, o)
	case "upsert":
		f.upsert(t, o)
	case "rename":
		other, taken := t.named(o.args[0])
		id := o.args[1].(int64)
		r, found := t.rows[id]
		switch {
		case !found:
			f.done(o, 0)
		case o.args[0] == nil, taken && other != id:
			f.say("rename = %s", constraint)
		default:
			r.name = o.args[0].(string)
			t.rows[id] = r
			f.done(o, 1)
		}
	case "add", "remove":
		f.change(t, o)
	case "select":
		var rows []string
		for _, id := range t.ids() {
			if limit := o.args[1].(int64); id > o.args[0].(int64) && (limit < 0 || int64(len(rows)) < limit) {
				r := t.rows[id]
				rows = append(rows, number(id)+" "+show(r.name)+" "+number(r.qty)+" "+show(r.note))
			}
		}
		f.done(o, 0, rows...)
	case "sum":
		f.done(o, 0, t.sum())
	case "two":
		f.say("two = ErrParameters")
	case "both":
		if _, taken := t.named("m1"); !taken {
			t.rows[t.next()] = row{name: "m1", qty: int64(1)}
		}
		f.say("both = %s", constraint)
	case "endAll":
		f.say("endAll = ErrReset")
		f.m.reset(f.obj) // at the end of the turn, and all between fails (T34.9)
	case "cursor":
		f.cursor(t, o)
	}
}

func (f *modelFrame) insert(t *table, o op) {
	id := t.next()
	if o.args[0] != nil {
		id = o.args[0].(int64)
	}
	_, sameID := t.rows[id]
	other, sameName := t.named(o.args[1])
	bad := o.args[1] == nil || negative(o.args[2])
	switch {
	case o.do == "insertIgnore" && (bad || sameID || sameName):
		f.done(o, 0)
		return
	case bad, o.do == "insert" && (sameID || sameName):
		f.say("%s = %s", o.do, constraint)
		return
	case sameName:
		delete(t.rows, other)
	}
	t.rows[id] = row{name: o.args[1].(string), qty: o.args[2], note: stored(o.args[3])}
	f.done(o, 1)
}

func (f *modelFrame) upsert(t *table, o op) {
	id, found := t.named(o.args[0])
	if o.args[0] == nil || negative(o.args[1]) {
		f.say("upsert = %s", constraint)
		return
	}
	r := row{qty: o.args[1]}
	if found {
		r = t.rows[id]
		r.qty = plus(r.qty, o.args[1])
	} else {
		id = t.next()
		r.name = o.args[0].(string)
	}
	t.rows[id] = r
	f.done(o, 1, number(id)+" "+number(r.qty))
}

// plus is SQL's sum.
func plus(a, b any) any {
	if a == nil || b == nil {
		return nil
	}
	return a.(int64) + b.(int64)
}

// change runs a statement on several rows: on all, or, where one breaks a rule, on none.
func (f *modelFrame) change(t *table, o op) {
	after := t.clone()
	var rows []string
	for _, id := range t.ids() {
		r := t.rows[id]
		switch {
		case o.do == "add" && id >= o.args[1].(int64):
			r.qty = plus(r.qty, o.args[0])
			if negative(r.qty) {
				f.say("add = %s", constraint)
				return
			}
			after.rows[id] = r
		case o.do == "remove" && r.qty != nil && r.qty.(int64) < o.args[0].(int64):
			delete(after.rows, id)
		default:
			continue
		}
		rows = append(rows, number(id)+" "+number(r.qty))
	}
	t.rows = after.rows
	slices.Sort(rows)
	f.done(o, len(rows), rows...)
}

func (t *table) sum() string {
	var sum, name, last any
	for _, id := range t.ids() {
		r := t.rows[id]
		if r.qty != nil {
			total, _ := sum.(int64)
			sum = total + r.qty.(int64)
		}
		if name == nil || cmp.Less(r.name, name.(string)) {
			name = r.name
		}
		last = id
	}
	return strconv.Itoa(len(t.rows)) + " " + number(sum) + " " + show(name) + " " + number(last)
}

// cursor reads a row, then does something, then reads on (S10).
func (f *modelFrame) cursor(t *table, o op) {
	if len(t.rows) == 0 {
		f.say("cursor = ok, no row")
		return
	}
	more := len(t.rows) - 1
	f.say("cursor")
	if f.run(o); f.dead() {
		return
	}
	for _, inner := range o.body {
		if (inner.do == "sync" || inner.do == "deleteAll") && f.depth == 0 {
			f.say("cursor = ErrCursorClosed, 0 more")
			return
		}
	}
	f.say("cursor = ok, %d more", more)
}
