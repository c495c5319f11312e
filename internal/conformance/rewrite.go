package conformance

import (
	"maps"
	"slices"
)

// lost tells whether a turn's result says that it was cut off: what it had not committed is gone, and so are the results of its ops.
func lost(want any) bool {
	kind := errorKind(want)
	return kind == "object_reset" || kind == "disconnected"
}

// with gives a copy of a node with one member replaced.
func (n Node) with(member string, v any) Node {
	c := maps.Clone(n)
	c[member] = v
	return c
}

var syncOp = Node{"op": "sync"}

// syncAfterDeleteAll (V6) puts a commit behind every DeleteAll.
func syncAfterDeleteAll(ops []Node) []Node {
	return insert(ops, func(op Node) (before, after bool) { return false, op.kind() == "deleteAll" })
}

// syncAroundTransactions (V7) puts commits around every transaction of the reference's kind.
func syncAroundTransactions(ops []Node) []Node {
	return insert(ops, func(op Node) (before, after bool) { return op.kind() == "txn", op.kind() == "txn" })
}

// syncAfterBlocks (T25) puts a commit behind every blocked section.
func syncAfterBlocks(ops []Node) []Node {
	return insert(ops, func(op Node) (before, after bool) { return false, op.kind() == "blockConcurrencyWhile" })
}

// insert puts sync ops before and after ops, but not inside transactions.
func insert(ops []Node, where func(Node) (before, after bool)) []Node {
	var out []Node
	for _, op := range ops {
		switch op.kind() {
		case "blockConcurrencyWhile", "try":
			op = op.with("body", insert(op.list("body"), where))
		}
		before, after := where(op)
		if before {
			out = append(out, syncOp)
		}
		out = append(out, op)
		if after {
			out = append(out, syncOp)
		}
	}
	return out
}

// inConstructor rewrites the ops that a program runs in the constructor's blocked section.
func inConstructor(program Node, change func([]Node) []Node) Node {
	handlers := asNode(program["handlers"])
	construct := asNode(handlers["construct"])
	if !construct.has("block") {
		return program
	}
	return program.with("handlers", handlers.with("construct", construct.with("block", change(construct.list("block")))))
}

// sleepForDeadlocks (V10) puts a sleep beyond the time limit in the place of calls inside blocked sections, where the reference ran into
// the limit and ours answered that the call would wait for itself.
func sleepForDeadlocks(c *Case, got []any) *Case {
	var replace func(ops []Node, blocked bool) []Node
	replace = func(ops []Node, blocked bool) []Node {
		out := make([]Node, len(ops))
		for i, op := range ops {
			switch {
			case op.kind() == "call" && blocked:
				op = Node{"op": "sleep", "ms": 31_000.0}
			case op.has("body"):
				op = op.with("body", replace(op.list("body"), blocked || op.kind() == "blockConcurrencyWhile"))
			}
			out[i] = op
		}
		return out
	}
	d := *c
	d.Steps = slices.Clone(c.Steps)
	changed := false
	for i, s := range c.Steps {
		if why := asMap(c.Want[i])["why"]; s.kind() == "turn" && why == "timeout" && i < len(got) && hasError(plain(got[i]), "deadlock") {
			d.Steps[i] = s.with("ops", replace(s.list("ops"), false))
			changed = true
		}
	}
	if !changed {
		return nil
	}
	return &d
}

// inLostTurns rewrites the ops of the turns that were cut off, and of the constructors of their objects. Their results are not recorded,
// so nothing else changes.
func inLostTurns(change func([]Node) []Node) func(*Case, []any) *Case {
	return func(c *Case, _ []any) *Case {
		awaited := map[string]any{}
		for i, s := range c.Steps {
			if s.kind() == "await" {
				awaited[s.text("as")] = c.Want[i]
			}
		}
		lostOn := map[string]bool{} // objects with turns that were cut off
		for i, s := range c.Steps {
			if lost(c.Want[i]) {
				lostOn[s.text("on")] = true
			}
		}
		changed := false
		var walk func(n Node, want any) Node
		walk = func(n Node, want any) Node {
			if n.kind() == "program" && lostOn[n.text("on")] {
				return inConstructor(n, func(ops []Node) []Node {
					out := change(ops)
					changed = changed || !equal(plain(out), plain(ops))
					return out
				})
			}
			if n.kind() == "start" {
				return n.with("step", walk(asNode(n["step"]), awaited[n.text("as")]))
			}
			member, list, nodes := n.inner()
			if member == "" {
				return n
			}
			if (n.kind() == "turn" || n.kind() == "call") && lost(want) {
				out := change(nodes)
				changed = changed || !equal(plain(out), plain(nodes))
				return n.with(list, out)
			}
			nodes = slices.Clone(nodes)
			wants, _ := asMap(want)[member].([]any)
			for i := range nodes {
				if i < len(wants) {
					nodes[i] = walk(nodes[i], wants[i])
				}
			}
			return n.with(list, nodes)
		}
		steps := make([]Node, len(c.Steps))
		for i, s := range c.Steps {
			steps[i] = walk(s, c.Want[i])
		}
		if !changed {
			return nil
		}
		d := *c
		d.Steps = steps
		return &d
	}
}

// withoutRefusedCalls (V1) leaves out the calls that the reference refused because an earlier call broke their stub: those with the very
// error of that call, which ours ran.
func withoutRefusedCalls(c *Case, got []any) *Case {
	d := *c
	d.Steps, d.Want = slices.Clone(c.Steps), slices.Clone(c.Want)
	changed := false
	for i, s := range c.Steps {
		want, _ := asMap(c.Want[i])["calls"].([]any)
		if s.kind() != "stub" || i >= len(got) {
			continue
		}
		ran, _ := asMap(plain(got[i]))["calls"].([]any)
		calls := s.list("calls")
		if len(want) != len(calls) || len(ran) != len(calls) {
			continue
		}
		var keptCalls []Node
		keptWant := []any{}
		var breaking any
		for k, call := range calls {
			if call.flag("fresh") {
				breaking = nil
			}
			if breaking != nil && equal(want[k], breaking) && errorKind(ran[k]) != "object_reset" {
				changed = true
				continue
			}
			if breaking == nil && errorKind(want[k]) == "object_reset" {
				breaking = want[k]
			}
			keptCalls, keptWant = append(keptCalls, call), append(keptWant, want[k])
		}
		d.Steps[i] = s.with("calls", keptCalls)
		d.Want[i] = map[string]any{"calls": keptWant}
	}
	if !changed {
		return nil
	}
	return &d
}

// withoutCloseCodeZero (V3) leaves out the ops that close with code 0 and that the reference refused.
func withoutCloseCodeZero(c *Case, _ []any) *Case {
	d := *c
	d.Steps, d.Want = slices.Clone(c.Steps), slices.Clone(c.Want)
	changed := false
	for i, s := range c.Steps {
		want, _ := asMap(c.Want[i])["results"].([]any)
		ops := s.list("ops")
		if s.kind() != "turn" || len(want) != len(ops) {
			continue
		}
		var kept []Node
		keptWant := []any{}
		for k, op := range ops {
			if op.kind() == "ws.closeAll" && op.has("code") && op.number("code") == 0 && errorKind(want[k]) == "invalid_argument" {
				changed = true
				continue
			}
			kept, keptWant = append(kept, op), append(keptWant, want[k])
		}
		d.Steps[i] = s.with("ops", kept)
		d.Want[i] = map[string]any{"results": keptWant}
	}
	if !changed {
		return nil
	}
	return &d
}
