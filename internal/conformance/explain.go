package conformance

import (
	"slices"
	"strings"
)

// This file has what the list says about single results and whole cases; rewrite.go has what it says about consequences.

// usesUndefined (V2): "no value" is given somewhere.
func usesUndefined(c *Case) bool {
	var in func(v any) bool
	in = func(v any) bool {
		switch v := v.(type) {
		case []any:
			return slices.ContainsFunc(v, in)
		case map[string]any:
			if _, ok := v["$undefined"]; ok && len(v) == 1 {
				return true
			}
			for _, x := range v {
				if in(x) {
					return true
				}
			}
		}
		return false
	}
	return slices.ContainsFunc(c.Steps, func(n Node) bool { return in(map[string]any(n)) })
}

// readsProperty (V2): the scenario reads a property, or calls one that is no function, or what every JavaScript object inherits. Ours
// answers that there is no such method.
func readsProperty(d Diff) bool {
	return d.At.kind() == "rpc" && errorKind(d.Got) == "rpc_no_method" &&
		(d.At.flag("read") || errorKind(d.Want) == "rpc_not_function" || inherited[d.At.text("method")])
}

var inherited = map[string]bool{
	"constructor": true, "hasOwnProperty": true, "isPrototypeOf": true, "propertyIsEnumerable": true,
	"toLocaleString": true, "toString": true, "valueOf": true,
}

// unsetOption (V3): a list where an option is given as the zero value. What came back has to obey all other options.
func unsetOption(d Diff) bool {
	n := d.At
	if n.kind() != "kv.list" && n.kind() != "kvs.list" && n.kind() != "kvs.iter" {
		return false
	}
	empty := func(option string) bool { return n.has(option) && n.text(option) == "" }
	got, isList := entries(d.Got)
	if isList && !obeys(n, got) {
		return false
	}
	if errorKind(d.Want) == "invalid_argument" {
		both := n.has("start") && n.has("startAfter") && (empty("start") || empty("startAfter"))
		return (isList || equal(d.Got, okay)) && (n.has("limit") && n.number("limit") == 0 || both)
	}
	want, ok := entries(d.Want)
	if !ok || !isList {
		return false
	}
	if empty("end") { // nothing is before the empty key
		return len(want) == 0
	}
	if !empty("startAfter") { // everything but the empty key is behind it
		return false
	}
	i := slices.IndexFunc(got, func(e any) bool { return key(e) == "" })
	if i < 0 {
		return false
	}
	rest := slices.Delete(slices.Clone(got), i, i+1)
	cut := n.number("limit") > 0 && len(got) == int(n.number("limit")) && len(want) == len(got)
	if cut { // the empty key took the place of the last one
		return equal(rest, want[:len(rest)])
	}
	return equal(rest, want)
}

// entries gives the pairs of a list's result.
func entries(result any) ([]any, bool) {
	list, ok := asMap(result)["entries"].([]any)
	return list, ok
}

// key gives the key of a pair.
func key(entry any) string {
	pair, _ := entry.([]any)
	if len(pair) != 2 {
		return "\xff" // no key is that
	}
	s, ok := pair[0].(string)
	if !ok {
		return "\xff"
	}
	return s
}

// obeys tells whether entries are in order and keep to the options that are set.
func obeys(n Node, got []any) bool {
	start, after, end, prefix := n.text("start"), n.text("startAfter"), n.text("end"), n.text("prefix")
	if limit := int(n.number("limit")); limit > 0 && len(got) > limit {
		return false
	}
	for i, e := range got {
		k := key(e)
		if k < start || after != "" && k <= after || end != "" && k >= end || !strings.HasPrefix(k, prefix) {
			return false
		}
		if i > 0 && (key(got[i-1]) < k) == n.flag("reverse") {
			return false
		}
	}
	return true
}

// emptyName (V3, I11): the object's name is the empty text, which looks like none.
func emptyName(d Diff) bool {
	step := d.At
	if len(d.Around) > 0 {
		step = d.Around[0]
	}
	want, got := asMap(d.Want), asMap(d.Got)
	return (d.At.kind() == "id.self" || d.At.kind() == "id.stub") && step.text("addr") == "exact" && step.text("name") == "" &&
		want["name"] == "" && got["name"] == nil && sameOthers(want, got, "name")
}

// liveList (V5): a second list does not invalidate the first; a list used after its turn is refused.
func liveList(d Diff) bool {
	if d.At.kind() != "kvs.next" || len(d.Around) == 0 {
		return false
	}
	want, got := asMap(d.Want), asMap(d.Got)
	moved := func(m map[string]any) bool { return m["entry"] != nil || m["done"] == true }
	if errorKind(want) == "iterator_invalidated" && moved(got) {
		return true
	}
	older := true
	for _, n := range d.Around {
		visit([]Node{n}, func(n Node) {
			older = older && !(n.kind() == "kvs.iter" && n.text("iter") == d.At.text("iter"))
		})
	}
	return older && errorKind(got) == "outside_turn" && (moved(want) || errorKind(want) == "iterator_invalidated")
}

// usesTransactionObject (V7): an op on a transaction that has ended or is not the innermost, or anything but its end after a rollback.
func usesTransactionObject(c *Case) bool {
	found := false
	var walk func(ops []Node, open []string, rolledBack *bool)
	walk = func(ops []Node, open []string, rolledBack *bool) {
		for _, op := range ops {
			via := op.text("via")
			closed := via != "" && via != "storage" && !slices.Contains(open, via)
			outer := op.kind() == "txn.rollback" && via != "" && (len(open) == 0 || open[len(open)-1] != via)
			late := rolledBack != nil && *rolledBack && op.kind() != "txn.rollback" && op.kind() != "throw"
			found = found || closed || outer || late
			switch op.kind() {
			case "txn.rollback":
				if rolledBack != nil {
					*rolledBack = true
				}
			case "txn":
				walk(op.list("body"), append(slices.Clone(open), op.text("as")), new(bool))
			case "call", "waitUntil":
				walk(op.list("turn"), nil, nil)
				walk(op.list("body"), nil, nil)
			default:
				for _, l := range op.children() {
					walk(l, open, rolledBack)
				}
			}
		}
	}
	walk(c.Steps, nil, nil)
	return found
}

// callsInTransaction (V7): the called object would have done something; ours is not called (T4).
func callsInTransaction(c *Case) bool {
	return c.any(func(n Node) bool {
		found := false
		if n.kind() == "txn" {
			visit(n.list("body"), func(n Node) { found = found || n.kind() == "call" })
		}
		return found
	})
}

// nestsDeep (T23): savepoints inside each other beyond our limit.
func nestsDeep(c *Case) bool {
	const most = 64
	var depth func(nodes []Node) int
	depth = func(nodes []Node) int {
		deepest := 0
		for _, n := range nodes {
			below := 0
			for _, l := range n.children() {
				below = max(below, depth(l))
			}
			if n.kind() == "txnSync" {
				below++
			}
			deepest = max(deepest, below)
		}
		return deepest
	}
	return depth(c.Steps) > most
}

// waitInTransaction (V7, T4, T31): a wait or a sync inside a transaction is refused, where the reference takes it.
func waitInTransaction(d Diff) bool {
	switch d.At.kind() {
	case "sleep", "sync":
	default:
		return false
	}
	inside := false
	for _, n := range d.Around {
		switch n.kind() {
		case "txn", "txnSync":
			inside = true
		case "call":
			inside = false // another object
		}
	}
	return inside && errorKind(d.Got) == "in_transaction" && asMap(d.Want) != nil && errorKind(d.Want) == ""
}

// hasError tells whether a result has an error of a kind in it.
func hasError(result any, kind string) bool {
	switch r := result.(type) {
	case []any:
		return slices.ContainsFunc(r, func(x any) bool { return hasError(x, kind) })
	case map[string]any:
		if r["error"] == kind {
			return true
		}
		for _, x := range r {
			if hasError(x, kind) {
				return true
			}
		}
	}
	return false
}

// nameLearned (V19, I13): an object that was first reached through a parsed id knows its name in a later instance.
func nameLearned(d Diff) bool {
	return d.names(nil, d.fullName()) && d.laterInstance()
}

// nameForgotten (V6, I13): an object without data has no database to keep its name, so a later instance built by a parsed id has none.
func nameForgotten(d Diff) bool {
	if !d.names(d.fullName(), nil) || d.Around[0].text("addr") != "id" || !d.laterInstance() {
		return false
	}
	on := d.Around[0].text("on")
	wrote := false
	for _, s := range d.Case.Steps[:d.Step] {
		visit([]Node{s}, func(n Node) {
			writes := n.kind() == "kv.put" || n.kind() == "kvs.put" || n.kind() == "kv.putMany"
			wrote = wrote || writes && s.text("on") == on || n.kind() == "call" && n.text("on") == on
		})
	}
	return !wrote
}

// fullName gives the full name of the object of a difference's step.
func (d Diff) fullName() string {
	if len(d.Around) == 0 {
		return ""
	}
	return d.Case.Topic + "/" + d.Case.Name + "/" + d.Around[0].text("on")
}

// names tells whether a difference is that an object should know this name and knows that one.
func (d Diff) names(want, got any) bool {
	w, g := asMap(d.Want), asMap(d.Got)
	return d.At.kind() == "id.self" && len(d.Around) > 0 && w["name"] == want && g["name"] == got && sameOthers(w, g, "name")
}

// laterInstance tells whether the first instance of a difference's object is gone.
func (d Diff) laterInstance() bool {
	for i, s := range d.Case.Steps[:d.Step] {
		same := s.text("on") == d.Around[0].text("on")
		if s.kind() == "restart" || same && (s.kind() == "evict" || lost(d.Case.Want[i])) {
			return true
		}
	}
	return false
}

// tellsWhyClosed (V13): a code in place of a line that was cut.
func tellsWhyClosed(d Diff) bool {
	code := asMap(d.Got)["code"]
	return d.At.kind() == "ws.closed" && asMap(d.Want)["code"] == 1006.0 && (code == 1011.0 || code == 1012.0)
}
