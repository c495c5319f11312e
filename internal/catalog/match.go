package catalog

import (
	"fmt"
	"slices"
	"strings"
)

// match finds the data of a class (P3): what has its identity, was declared as its
// own, was declared to be moved here, and the same among the folders that have no row.
func (p *planner) match(c *Class) Change {
	for _, lost := range []bool{false, true} {
		for _, may := range []func(*Class, *holding) bool{same, previously, moved} {
			var found []*holding
			for _, h := range p.held {
				if h.lost == lost && may(c, h) {
					found = append(found, h)
				}
			}
			if len(found) > 0 {
				return p.claim(c, found)
			}
		}
	}
	return Change{Kind: Create, Now: c.Namespace}
}

func same(c *Class, h *holding) bool { return h.Script == c.Script && h.StableID == c.StableID }

func previously(c *Class, h *holding) bool {
	return h.Script == c.Script && slices.Contains(c.PreviousIDs, h.StableID)
}

func moved(c *Class, h *holding) bool {
	return slices.ContainsFunc(c.MovedFrom, func(r Ref) bool { return movedBy(c, r, h) })
}

func movedBy(c *Class, r Ref, h *holding) bool {
	if r.Class == "" && r.StableID == "" {
		r.StableID = c.StableID
	}
	return r.leadsTo(h.Namespace)
}

// leadsTo says whether the Ref names n.
func (r Ref) leadsTo(n Namespace) bool {
	return r.Script == n.Script && (r.StableID == "" || r.StableID == n.StableID) && (r.Class == "" || r.Class == n.Class)
}

// claim gives the class the only namespace found, unless somebody else declares it (P4).
func (p *planner) claim(c *Class, found []*holding) Change {
	h := found[0]
	if len(found) > 1 {
		hint := "narrow its PreviousIDs and MovedFrom to one NamespaceID"
		if found[0].mute {
			hint = "move all but one of these folders away"
		}
		names := make([]string, len(found))
		for i, h := range found {
			names[i] = fmt.Sprintf("%q of script %q (folder %s)", h.StableID, h.Script, h.UniqueKey)
		}
		return Change{Kind: Conflict, Now: c.Namespace, Note: fmt.Sprintf(
			"its data could be that of %s: %s", strings.Join(names, " or "), hint)}
	}
	if owner := p.declares(h); owner != nil && owner != c {
		return Change{Kind: Conflict, Now: c.Namespace, Was: h.Namespace, Note: fmt.Sprintf(
			"it claims namespace %q of script %q, which binding %q still declares: remove that class, or narrow PreviousIDs and MovedFrom",
			h.StableID, h.Script, owner.Binding)}
	}
	h.taken++
	ch := Change{Now: c.Namespace, Was: h.Namespace, lost: h.lost, mute: h.mute}
	ch.Now.UniqueKey = h.UniqueKey
	switch {
	case h.lost:
		ch.Kind = Adopt
	case h.Script != c.Script:
		ch.Kind = Move
	case h.StableID != c.StableID:
		ch.Kind = ReID
	case h.Class != c.Class:
		ch.Kind = Rename
	default:
		ch.Kind = Keep
	}
	return ch
}

// declares gives the class that has the identity of h.
func (p *planner) declares(h *holding) *Class {
	for i := range p.d.Classes {
		if same(&p.d.Classes[i], h) {
			return &p.d.Classes[i]
		}
	}
	return nil
}

// disputes finds namespaces that several classes claim.
func (p *planner) disputes() {
	for _, h := range p.held {
		if h.taken < 2 {
			continue
		}
		for i, c := range p.changes {
			if c.Was == h.Namespace {
				p.changes[i] = Change{Kind: Conflict, Now: p.d.Classes[i].Namespace, Was: h.Namespace, Note: fmt.Sprintf(
					"it is not the only class that claims namespace %q of script %q: name that in the PreviousIDs or MovedFrom of one", h.StableID, h.Script)}
			}
		}
	}
}
