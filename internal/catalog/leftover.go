package catalog

import (
	"fmt"
	"slices"
)

// tombstones finds what is to be removed (P9).
func (p *planner) tombstones() {
	for _, m := range p.d.Tombstones {
		what := fmt.Sprintf("Tombstone(%q) of script %q", m.StableID, m.Script)
		named := Namespace{Environment: p.d.Environment, Script: m.Script, StableID: m.StableID}
		if c := p.declares(&holding{Namespace: named}); c != nil {
			p.conflict(named, Namespace{}, "%s is about what binding %q declares: remove one of them", what, c.Binding)
			continue
		}
		gone := p.held[:0:0]
		for _, h := range p.held {
			if h.Script == m.Script && h.StableID == m.StableID {
				gone = append(gone, h)
			}
		}
		if len(gone) > 0 {
			named = gone[0].Namespace
		}
		switch l := p.linked(named); {
		case l != nil:
			p.conflict(named, Namespace{}, "%s is about what binding %q of script %q leads to: remove one of them", what, l.Binding, l.Script)
		case len(gone) == 0:
			p.rest = append(p.rest, Change{Kind: Unused, Now: named, Note: what + " finds nothing"})
		case len(gone) > 1:
			p.conflict(named, Namespace{}, "%s could be about folder %s or %s: move one of them away", what, gone[0].UniqueKey, gone[1].UniqueKey)
		case gone[0].taken > 0:
			p.conflict(named, Namespace{}, "%s is about what a class takes over by PreviousIDs or MovedFrom: remove one of them", what)
		default:
			gone[0].taken++
			p.rest = append(p.rest, Change{Kind: Delete, Now: named, Was: named, lost: gone[0].lost})
		}
	}
}

// linked gives a link that leads to a namespace nobody declares, and to nothing else.
func (p *planner) linked(n Namespace) *Link {
	for i, l := range p.d.Links {
		if l.To.leadsTo(n) && !slices.ContainsFunc(p.d.Classes, func(c Class) bool { return l.To.leadsTo(c.Namespace) }) {
			return &p.d.Links[i]
		}
	}
	return nil
}

// orphans finds what nobody declares, and whether somebody seems to have meant it (P5, P7).
func (p *planner) orphans() {
	for _, h := range p.held {
		if h.taken > 0 {
			continue
		}
		if slices.Contains(p.d.Retired, Mark{h.Script, h.StableID}) {
			p.rest = append(p.rest, Change{Kind: Retire, Now: h.Namespace, Was: h.Namespace, lost: h.lost, mute: h.mute})
			continue
		}
		note := fmt.Sprintf("its data is kept and not served: declare it, or let script %q say Retire(%q), or Tombstone(%q) to remove it",
			h.Script, h.StableID, h.StableID)
		for _, c := range p.changes {
			if c.Kind == Create && c.Now.Script != h.Script && c.Now.StableID == h.StableID && c.Now.Class == h.Class {
				note += fmt.Sprintf("; the class has an empty namespace in script %q now: to have the data there, give it another NamespaceID and MovedFrom: []do.Ref{{Script: %q, NamespaceID: %q}}",
					c.Now.Script, h.Script, h.StableID)
			}
		}
		if h.mute {
			note = "another folder has the same identity: its data is kept and not served; move one of them away"
		}
		p.rest = append(p.rest, Change{Kind: Orphan, Now: h.Namespace, Was: h.Namespace, Note: note, lost: h.lost, mute: h.mute})
		for _, c := range p.changes {
			if c.Kind == Create {
				p.suspect(c.Now, h)
			}
		}
	}
}

// suspect finds that a class without data looks like one with data that is gone (P7).
func (p *planner) suspect(c Namespace, h *holding) {
	what := fmt.Sprintf("namespace %q (class %q, binding %q) of script %q", h.StableID, h.Class, h.Binding, h.Script)
	if h.Script == c.Script && (h.Class == c.Class || h.Binding == c.Binding) {
		p.conflict(c, h.Namespace, "it is new, and %s is not declared any more: if it is the same give the class PreviousIDs: []string{%q}; "+
			"if not, let the script say Retire(%q) to keep that data, or Tombstone(%q) to remove it", what, h.StableID, h.StableID, h.StableID)
		return
	}
	for _, l := range p.d.Links {
		if l.Script == h.Script && l.Binding == h.Binding && l.To.leadsTo(c) {
			p.conflict(c, h.Namespace, "it is new, and %s has become a binding to it: if the data is to move give the class MovedFrom: []do.Ref{{Script: %q, NamespaceID: %q}}; "+
				"if not, let script %q say Retire(%q) to keep that data, or Tombstone(%q) to remove it", what, h.Script, h.StableID, h.Script, h.StableID, h.StableID)
			return
		}
	}
}

// unused finds declarations that do nothing.
func (p *planner) unused() {
	for i := range p.d.Classes {
		c, ch := &p.d.Classes[i], &p.changes[i]
		if ch.Kind == Conflict {
			continue
		}
		was := &holding{Namespace: ch.Was}
		used := ch.Was.UniqueKey != "" && !same(c, was)
		for _, id := range c.PreviousIDs {
			if !used || was.Script != c.Script || was.StableID != id {
				p.inert(c, fmt.Sprintf("PreviousIDs %q", id), Ref{Script: c.Script, StableID: id})
			}
		}
		for _, r := range c.MovedFrom {
			if !used || !movedBy(c, r, was) {
				if r.Class == "" && r.StableID == "" {
					r.StableID = c.StableID
				}
				p.inert(c, fmt.Sprintf("MovedFrom %+v", r), r)
			}
		}
	}
	for _, m := range p.d.Retired {
		named := Namespace{Environment: p.d.Environment, Script: m.Script, StableID: m.StableID}
		if !slices.ContainsFunc(p.rest, func(c Change) bool {
			return c.Kind == Retire && c.Now.Script == m.Script && c.Now.StableID == m.StableID
		}) {
			p.rest = append(p.rest, Change{Kind: Unused, Now: named, Note: fmt.Sprintf("Retire(%q) of script %q finds nothing that is not declared", m.StableID, m.Script)})
		}
	}
}

// inert tells of a declaration of c that does nothing, because there is no such data or c
// has data of its own (P22, P23, P25).
func (p *planner) inert(c *Class, what string, r Ref) {
	note := what + " finds nothing; it can go once every folder was opened with it"
	for _, h := range p.held {
		if h.taken == 0 && r.leadsTo(h.Namespace) {
			note = what + " does nothing: the class has data of its own"
		}
	}
	p.rest = append(p.rest, Change{Kind: Unused, Now: c.Namespace, Note: note})
}
