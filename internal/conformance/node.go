package conformance

// A Node is a step or an op: an object whose member "op" names what it does.
type Node map[string]any

// kind gives the name of the op.
func (n Node) kind() string { return n.text("op") }

// has tells whether a member is there.
func (n Node) has(member string) bool {
	_, ok := n[member]
	return ok
}

// text gives a member's decoded text, "" when it is absent or no text.
func (n Node) text(member string) string {
	s, _ := decode(n[member]).(string)
	return s
}

// number gives a member's number, 0 when it is absent.
func (n Node) number(member string) float64 {
	f, _ := decode(n[member]).(float64)
	return f
}

// flag tells whether a member is true.
func (n Node) flag(member string) bool {
	b, _ := n[member].(bool)
	return b
}

// message gives the text of an error that the app throws.
func (n Node) message() string {
	if n.has("message") {
		return n.text("message")
	}
	return "boom"
}

// list gives the nodes in a member.
func (n Node) list(member string) []Node { return asNodes(n[member]) }

func asNodes(v any) []Node {
	switch v := v.(type) {
	case []Node:
		return v
	case []any:
		nodes := make([]Node, 0, len(v))
		for _, x := range v {
			nodes = append(nodes, asNode(x))
		}
		return nodes
	}
	return nil
}

func asNode(v any) Node {
	switch v := v.(type) {
	case Node:
		return v
	case map[string]any:
		return v
	}
	return Node{}
}

// children gives every list of nodes inside a node. Values are not entered: they may look like anything.
func (n Node) children() [][]Node {
	var lists [][]Node
	add := func(v any) {
		if l := asNodes(v); len(l) > 0 {
			lists = append(lists, l)
		}
	}
	for _, member := range []string{"ops", "body", "turn", "steps"} {
		add(n[member])
	}
	if n.has("step") {
		lists = append(lists, []Node{asNode(n["step"])})
	}
	for _, call := range n.list("calls") {
		add(call["ops"])
	}
	if n.has("handlers") {
		h := asNode(n["handlers"])
		runs, _ := h["alarm"].([]any)
		for _, run := range runs {
			add(run)
		}
		for _, member := range []string{"message", "close", "error"} {
			add(h[member])
		}
		construct := asNode(h["construct"])
		add(construct["sync"])
		add(construct["block"])
	}
	return lists
}

// visit calls f for every node below the given ones, outer before inner.
func visit(nodes []Node, f func(Node)) {
	for _, n := range nodes {
		f(n)
		for _, l := range n.children() {
			visit(l, f)
		}
	}
}

// any tells whether a node of the case satisfies f.
func (c *Case) any(f func(Node) bool) bool {
	found := false
	visit(c.Steps, func(n Node) { found = found || f(n) })
	return found
}
