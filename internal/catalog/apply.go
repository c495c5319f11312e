package catalog

import (
	"fmt"
)

// Apply does what a plan without conflicts says, in one transaction with full sync, and
// removes nothing but marks it. A plan that changes nothing writes nothing.
func (c *Catalog) Apply(p *Plan) error {
	if len(p.Conflicts()) > 0 {
		panic("catalog: a plan with conflicts is applied")
	}
	if !p.writes() {
		return nil
	}
	if err := c.transaction(func() error { return c.apply(p) }); err != nil {
		return fmt.Errorf("catalog: %w", err)
	}
	return nil
}

// writes says whether the plan changes the catalog.
func (p *Plan) writes() bool {
	for _, ch := range p.Changes {
		if ch.write() != 0 {
			return true
		}
	}
	return len(p.others) > 0
}

// write is what a change does to the catalog: those of earlier kinds make room for the later.
type write int

const (
	removal write = iota + 1
	update
	insertion
)

func (c Change) write() write {
	switch c.Kind {
	case Create, Adopt:
		return insertion
	case Delete:
		return removal
	case Rename, ReID, Move:
		return update
	case Keep:
		if c.Now != c.Was {
			return update
		}
	case Orphan, Retire:
		if c.lost && !c.mute {
			return insertion
		}
	}
	return 0
}

func (c *Catalog) apply(p *Plan) error {
	for _, now := range []write{removal, update, insertion} {
		for _, ch := range p.Changes {
			if ch.write() != now {
				continue
			}
			if err := c.record(ch); err != nil {
				return err
			}
		}
	}
	for _, n := range p.others {
		if err := c.insert(n, Live, string(Adopt)); err != nil {
			return err
		}
	}
	return nil
}

func (c *Catalog) record(ch Change) error {
	kind := string(ch.Kind)
	switch {
	case ch.Kind == Delete && ch.lost:
		return c.insert(ch.Was, Deleting, kind)
	case ch.Kind == Delete:
		return c.mark(ch.Was, Deleting, kind)
	case ch.write() == insertion:
		return c.insert(ch.Now, Live, kind)
	}
	n := ch.Now
	err := c.query("UPDATE namespace SET environment=?, script=?, stable_id=?, class=?, binding=? WHERE unique_key=?",
		[]string{n.Environment, n.Script, n.StableID, n.Class, n.Binding, n.UniqueKey}, nil)
	if err != nil {
		return err
	}
	return c.remember(n, kind)
}

func (c *Catalog) insert(n Namespace, state State, change string) error {
	err := c.query("INSERT INTO namespace(environment, script, stable_id, class, binding, unique_key, state) VALUES (?,?,?,?,?,?,?)",
		[]string{n.Environment, n.Script, n.StableID, n.Class, n.Binding, n.UniqueKey, string(state)}, nil)
	if err != nil {
		return err
	}
	return c.remember(n, change)
}

// mark gives a row another state.
func (c *Catalog) mark(n Namespace, state State, change string) error {
	err := c.query("UPDATE namespace SET state=? WHERE unique_key=?", []string{string(state), n.UniqueKey}, nil)
	if err != nil {
		return err
	}
	return c.remember(n, change)
}

// remember notes a change, and how the namespace is since.
func (c *Catalog) remember(n Namespace, change string) error {
	return c.query("INSERT INTO history(change, environment, script, stable_id, class, binding, unique_key) VALUES (?,?,?,?,?,?,?)",
		[]string{change, n.Environment, n.Script, n.StableID, n.Class, n.Binding, n.UniqueKey}, nil)
}
