package conformance

import "fmt"

// A Diff is one result that is not the recorded one: of an op or, where the results of its ops cannot be compared, of a step.
type Diff struct {
	Case      *Case
	Step      int    // index of the step
	Path      string // like "step 3 ops 0 body 2", for people
	Around    []Node // the nodes around it, outermost first
	At        Node
	Want, Got any
}

func (d Diff) String() string {
	node := Node{}
	for name, v := range d.At {
		node[name] = v
	}
	return fmt.Sprintf("%s %s\n\twant %s\n\tgot  %s", d.Path, show(node), show(d.Want), show(d.Got))
}

// compare gives the differences of a case: got has one result per step.
func compare(c *Case, got []any) []Diff {
	started := map[string]Node{}
	for _, s := range c.Steps {
		if s.kind() == "start" {
			started[s.text("as")] = asNode(s["step"])
		}
	}
	d := differ{c: c, started: started}
	for i, s := range c.Steps {
		d.step = i
		var g any
		if i < len(got) {
			g = plain(got[i])
		}
		d.node(fmt.Sprintf("step %d", i), nil, s, c.Want[i], g)
	}
	return d.found
}

type differ struct {
	c       *Case
	started map[string]Node // steps begun by start, by label: await has their result
	step    int
	found   []Diff
}

func (d *differ) node(path string, around []Node, at Node, want, got any) {
	if equal(want, got) {
		return
	}
	if at.kind() == "await" {
		if s, ok := d.started[at.text("as")]; ok {
			d.node(path+" started", append(around[:len(around):len(around)], at), s, want, got)
			return
		}
	}
	member, list, nodes := at.inner()
	w, g := asMap(want), asMap(got)
	ws, _ := w[member].([]any)
	gs, _ := g[member].([]any)
	if member == "" || ws == nil || gs == nil || len(ws) != len(gs) || len(ws) > len(nodes) || !sameOthers(w, g, member) {
		d.found = append(d.found, Diff{Case: d.c, Step: d.step, Path: path, Around: around, At: at, Want: want, Got: got})
		return
	}
	below := append(around[:len(around):len(around)], at)
	for i := range ws { // only the last op may lack a result
		d.node(fmt.Sprintf("%s %s %d", path, list, i), below, nodes[i], ws[i], gs[i])
	}
}

// inner gives the member of a result that holds the results of nodes inside this one, the member with the nodes, and the nodes.
func (n Node) inner() (results, list string, nodes []Node) {
	switch n.kind() {
	case "turn":
		return "results", "ops", n.list("ops")
	case "parallel":
		return "results", "steps", n.list("steps")
	case "txn", "txnSync", "blockConcurrencyWhile", "try":
		return "results", "body", n.list("body")
	case "call":
		return "results", "turn", n.list("turn")
	case "stub":
		for _, call := range n.list("calls") {
			turn := Node{"op": "turn", "on": n["on"], "ops": call["ops"]}
			if call.has("fresh") {
				turn["fresh"] = call["fresh"]
			}
			nodes = append(nodes, turn)
		}
		return "calls", "calls", nodes
	}
	return "", "", nil
}

// sameOthers tells whether two results agree in all members but one.
func sameOthers(a, b map[string]any, but string) bool {
	if len(a) != len(b) {
		return false
	}
	for name, x := range a {
		if y, ok := b[name]; name != but && (!ok || !equal(x, y)) {
			return false
		}
	}
	return true
}
