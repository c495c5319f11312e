package catalog

import (
	"fmt"
	"slices"

	"github.com/durablego/do/internal/doerr"
)

// Ref names a namespace that may be in a folder: of a script, by its stable id, its class,
// or both.
type Ref struct{ Script, Class, StableID string }

// Class is a declared class, and where else its data may be.
type Class struct {
	Namespace            // UniqueKey: the key it must have if it is new; empty: that of I17
	PreviousIDs []string // of the same script
	MovedFrom   []Ref    // of other scripts; with neither class nor id: the class's own id
}

// Link is a binding to a class of another script, or of the same.
type Link struct {
	Script, Binding string
	To              Ref
}

// Mark is what a script says of a stable id that it does not declare any more.
type Mark struct{ Script, StableID string }

// Declared is what the scripts of a program say.
type Declared struct {
	Environment string
	Classes     []Class
	Links       []Link
	Tombstones  []Mark // delete it
	Retired     []Mark // keep it, and say nothing
}

// Found is what a data folder says.
type Found struct {
	Rows    []Row
	Folders []Namespace // of folders without a row: what they say of themselves
	Names   []string    // of everything in the folder
}

// Kind is a kind of change.
type Kind string

// The kinds of change. Those before Orphan are about a declared class.
const (
	Keep     Kind = "keep"     // nothing but perhaps the binding's name changes
	Create   Kind = "create"   // there is no data of it yet
	Rename   Kind = "rename"   // another class name
	ReID     Kind = "re-id"    // another stable id, by PreviousIDs
	Move     Kind = "move"     // another script, by MovedFrom
	Adopt    Kind = "adopt"    // a folder without a row
	Orphan   Kind = "orphan"   // data that nobody declares
	Retire   Kind = "retire"   // the same, and it is meant to be so
	Delete   Kind = "delete"   // its removal is asked for
	Unused   Kind = "unused"   // a declaration that does nothing and can go
	Conflict Kind = "conflict" // nobody can tell what is meant
)

// Change is what is to happen to one namespace.
type Change struct {
	Kind Kind
	Now  Namespace // as it will be
	Was  Namespace // as it is in the folder; zero if it is not
	Note string    // what to do about it, of an Orphan, Unused and Conflict

	lost bool // Was has no row
	mute bool // no row can be made of it: another has the identity
}

// Plan is what is to happen to a data folder: one Change for each declared class, in their
// order, then those of the rest of its environment.
type Plan struct {
	Changes []Change

	others []Namespace // folders of other environments without a row
}

// Conflicts gives the changes that contradict each other; with one of them nothing is applied (P8).
func (p *Plan) Conflicts() []Change {
	return slices.DeleteFunc(slices.Clone(p.Changes), func(c Change) bool { return c.Kind != Conflict })
}

// Lost gives the unique keys of the folders that get a row.
func (p *Plan) Lost() (keys []string) {
	for _, c := range p.Changes {
		if c.lost && !c.mute {
			keys = append(keys, c.Now.UniqueKey)
		}
	}
	for _, n := range p.others {
		keys = append(keys, n.UniqueKey)
	}
	return keys
}

// planner is a plan in the making. Everything is compared with the old state (P6).
type planner struct {
	d       Declared
	held    []*holding // the namespaces of the environment that are in the folder
	changes []Change   // of the declared classes, as long as they
	rest    []Change
}

// holding is a namespace in the folder.
type holding struct {
	Namespace
	lost  bool // it has no row
	mute  bool // nor can it have one: another has its identity
	taken int  // by how many classes
}

// Make compares what is declared with what was found. It changes nothing, and gives the
// same plan for the same input. Its only error is doerr.ErrInvalidOptions: for a unique key
// that would be too long (N4), or that was chosen and cannot be had.
func Make(d Declared, f Found) (*Plan, error) {
	p := &planner{d: d, changes: make([]Change, len(d.Classes))}
	others := p.hold(f)
	for i := range d.Classes {
		p.changes[i] = p.match(&d.Classes[i])
	}
	p.disputes()
	p.tombstones()
	p.orphans()
	p.unused()
	keys := newKeys(f)
	for i := range p.changes {
		c := &p.changes[i]
		if c.Kind != Create {
			if chosen := d.Classes[i].UniqueKey; chosen != "" && chosen != c.Was.UniqueKey && c.Kind != Conflict {
				return nil, fmt.Errorf("catalog: namespace %q of script %q: %w: its data have the unique key %q since it was first opened, "+
					"which cannot be changed to %q: take another NamespaceID",
					c.Now.StableID, c.Now.Script, doerr.ErrInvalidOptions, c.Was.UniqueKey, chosen)
			}
			continue
		}
		key, err := keys.add(c.Now)
		if err != nil {
			return nil, fmt.Errorf("catalog: namespace %q of script %q: %w", c.Now.StableID, c.Now.Script, err)
		}
		c.Now.UniqueKey = key
	}
	return &Plan{Changes: append(p.changes, p.rest...), others: others}, nil
}

// hold takes what is in the folder of the environment, and gives what is of others without a row.
func (p *planner) hold(f Found) (others []Namespace) {
	type identity struct{ environment, script, id string }
	known := map[identity]int{}
	of := func(n Namespace) identity { return identity{n.Environment, n.Script, n.StableID} }
	for _, r := range f.Rows {
		if r.State != Live {
			continue
		}
		known[of(r.Namespace)]++
		if r.Environment == p.d.Environment {
			p.held = append(p.held, &holding{Namespace: r.Namespace})
		}
	}
	for _, n := range f.Folders {
		known[of(n)]++
	}
	for _, n := range f.Folders {
		mute := known[of(n)] > 1
		if n.Environment == p.d.Environment {
			p.held = append(p.held, &holding{Namespace: n, lost: true, mute: mute})
		} else if !mute {
			others = append(others, n)
		}
	}
	return others
}

// conflict is a rest that stops everything.
func (p *planner) conflict(now, was Namespace, format string, args ...any) {
	p.rest = append(p.rest, Change{Kind: Conflict, Now: now, Was: was, Note: fmt.Sprintf(format, args...)})
}
