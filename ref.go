package do

import (
	"fmt"
	"slices"

	"github.com/durablego/do/internal/catalog"
)

// Ref names a class that another script hosts, by its stable identifier, its class name, or
// both. A Ref never owns data: the script that registers the class does, and a Ref that is
// added or removed changes none (P10).
type Ref struct {
	Script      string
	Class       string // its Class.Name; two namespaces of one class need the NamespaceID
	NamespaceID string
}

// String says what the Ref leads to.
func (r Ref) String() string {
	switch {
	case r.NamespaceID == "" && r.Class == "":
		return fmt.Sprintf("script %q", r.Script)
	case r.NamespaceID == "":
		return fmt.Sprintf("class %q of script %q", r.Class, r.Script)
	case r.Class == "":
		return fmt.Sprintf("namespace %q of script %q", r.NamespaceID, r.Script)
	}
	return fmt.Sprintf("namespace %q (class %q) of script %q", r.NamespaceID, r.Class, r.Script)
}

// matches says whether the Ref leads to a class of its script.
func (r Ref) matches(k *class) bool {
	return (r.NamespaceID == "" || r.NamespaceID == k.namespaceID) && (r.Class == "" || r.Class == k.name)
}

// wanted is the Ref as the planner knows it.
func (r Ref) wanted() catalog.Ref {
	return catalog.Ref{Script: r.Script, Class: r.Class, StableID: r.NamespaceID}
}

// link is a binding to a class that a Ref names.
type link struct {
	binding string
	ref     Ref
}

// Bind makes a binding of the script lead to a class that r names: of another script that
// Open is given too, or of s itself (E8, E16). Refs are resolved by Open, so scripts may
// bind classes of each other, in any order. Misuse panics: an empty or taken binding, a Ref
// without a script or without both class and namespace, a call after Open.
func (s *Script) Bind(binding string, r Ref) {
	if binding == "" || r.Script == "" || r.Class == "" && r.NamespaceID == "" {
		panic(fmt.Sprintf("do: binding %q of script %q needs a name, and a Ref with a script and a class or namespace", binding, s.name))
	}
	s.change(binding)
	defer s.mu.Unlock()
	s.links = append(s.links, link{binding, r})
}

// Binding gives a Ref to what a binding of the script leads to, for the Bind of another
// script (E15). An unknown binding panics.
func (s *Script) Binding(name string) Ref {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.classes {
		if k.binding == name {
			return Ref{Script: s.name, NamespaceID: k.namespaceID}
		}
	}
	for _, l := range s.links {
		if l.binding == name {
			return l.ref
		}
	}
	panic(fmt.Sprintf("do: script %q has no binding %q", s.name, name))
}

// resolve gives the bindings of all scripts what their Refs lead to (P10).
func (rt *Runtime) resolve() error {
	for _, script := range rt.options.Scripts {
		b := rt.scripts[script.name]
		for _, l := range script.links {
			s, err := rt.follow(script.name, l)
			if err != nil {
				return fmt.Errorf("do: open: binding %q of script %q: %w", l.binding, script.name, err)
			}
			b.served[l.binding] = s
		}
	}
	return nil
}

// follow gives the namespace that a link of a script leads to.
func (rt *Runtime) follow(script string, l link) (*served, error) {
	if rt.scripts[l.ref.Script] == nil {
		return rt.followAway(script, l)
	}
	var found []*served
	for _, s := range rt.spaces {
		if s.class.script == l.ref.Script && l.ref.matches(s.class) {
			found = append(found, s)
		}
	}
	switch len(found) {
	case 0:
		return nil, fmt.Errorf("%w: there is no %v", ErrUnresolved, l.ref)
	case 1:
		return found[0], nil
	}
	return nil, fmt.Errorf("%w: %v could be %q or %q; give a NamespaceID",
		ErrUnresolved, l.ref, found[0].class.namespaceID, found[1].class.namespaceID)
}

// change readies the script for a new binding. It leaves mu held.
func (s *Script) change(binding string) {
	s.mu.Lock()
	frozen := s.frozen
	taken := slices.ContainsFunc(s.classes, func(k *class) bool { return k.binding == binding }) ||
		slices.ContainsFunc(s.links, func(l link) bool { return l.binding == binding })
	if !frozen && !taken {
		return
	}
	s.mu.Unlock()
	if frozen {
		panic(fmt.Sprintf("do: binding %q is registered after Open", binding))
	}
	panic(fmt.Sprintf("do: binding %q is registered twice in script %q", binding, s.name))
}
