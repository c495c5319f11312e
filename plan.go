package do

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/durablego/do/internal/catalog"
)

// ChangeKind says what happens to a namespace when the classes of a program and the data
// folder are brought together (P5).
type ChangeKind string

// The kinds of change. Only ChangeDelete takes data away, and only on a Tombstone.
const (
	ChangeKeep     = ChangeKind(catalog.Keep)     // nothing; perhaps another name of the binding
	ChangeCreate   = ChangeKind(catalog.Create)   // there is no data of the class yet
	ChangeRename   = ChangeKind(catalog.Rename)   // the same data under another class name
	ChangeReID     = ChangeKind(catalog.ReID)     // … under another NamespaceID, by Class.PreviousIDs
	ChangeMove     = ChangeKind(catalog.Move)     // … in another script, by Class.MovedFrom
	ChangeAdopt    = ChangeKind(catalog.Adopt)    // … found in a folder that the catalog does not know
	ChangeOrphan   = ChangeKind(catalog.Orphan)   // data of no class: kept, not served
	ChangeRetire   = ChangeKind(catalog.Retire)   // the same, as Script.Retire says
	ChangeDelete   = ChangeKind(catalog.Delete)   // removed, as Script.Tombstone says
	ChangeUnused   = ChangeKind(catalog.Unused)   // a declaration that does nothing and can go
	ChangeConflict = ChangeKind(catalog.Conflict) // nobody can tell what is meant: nothing is applied
)

// Change is what happens to one namespace.
type Change struct {
	Kind      ChangeKind
	Namespace Ref    // as it is declared, or if no class declares it, as the folder has it
	Binding   string // the same
	Was       Ref    // as the folder had it; zero if it did not
	Key       string // the unique key, which is the name of its folder; never changes
	Note      string // what to write to change this; of orphans, unused declarations and conflicts
}

// String is one line for an operator.
func (c Change) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-8s %s/%s", c.Kind, c.Namespace.Script, c.Namespace.NamespaceID)
	if c.Namespace.Class != "" {
		fmt.Fprintf(&b, " (class %s", c.Namespace.Class)
		if c.Binding != "" {
			fmt.Fprintf(&b, ", binding %s", c.Binding)
		}
		b.WriteByte(')')
	}
	if c.Was != (Ref{}) && c.Was != c.Namespace && c.Kind != ChangeConflict {
		fmt.Fprintf(&b, ", was %s/%s (class %s)", c.Was.Script, c.Was.NamespaceID, c.Was.Class)
	}
	if c.Key != "" {
		fmt.Fprintf(&b, ", folder %s", c.Key)
	}
	if c.Note != "" {
		b.WriteString(": " + c.Note)
	}
	return b.String()
}

// Plan is what Open made of the declared classes and the data folder, or what it would make
// of them in a dry run (P8): a Change for each class, in the order of scripts and
// registration, then those of data and declarations that belong to no class. What is in the
// folder for another Options.Environment is not in it.
type Plan struct{ Changes []Change }

// Empty says that the plan changes nothing: there are only classes that keep their data,
// data at rest, and declarations without effect. That of a second Open is (P11).
func (p Plan) Empty() bool {
	return !slices.ContainsFunc(p.Changes, func(c Change) bool {
		switch c.Kind {
		case ChangeKeep, ChangeOrphan, ChangeRetire, ChangeUnused:
			return false
		}
		return true
	})
}

// String has a line for each change.
func (p Plan) String() string {
	lines := make([]string, len(p.Changes))
	for i, c := range p.Changes {
		lines[i] = c.String()
	}
	return strings.Join(lines, "\n")
}

// PlanError says that Open did nothing, as the declared classes and the data folder
// contradict each other (P8): applying one reading could hide or mix data.
type PlanError struct {
	// Plan has every conflict, with a Note of what to write, beside all else.
	Plan Plan
}

func (e *PlanError) Error() string {
	var b strings.Builder
	b.WriteString("do: the declared classes do not fit the data folder, nothing was changed:")
	for _, c := range e.Plan.Changes {
		if c.Kind == ChangeConflict {
			b.WriteString("\n\t" + c.String())
		}
	}
	return b.String()
}

func planOf(p *catalog.Plan) Plan {
	var plan Plan
	for _, c := range p.Changes {
		plan.Changes = append(plan.Changes, Change{
			Kind:      ChangeKind(c.Kind),
			Namespace: refOf(c.Now),
			Binding:   c.Now.Binding,
			Was:       refOf(c.Was),
			Key:       c.Now.UniqueKey,
			Note:      c.Note,
		})
	}
	return plan
}

func refOf(n catalog.Namespace) Ref {
	return Ref{Script: n.Script, Class: n.Class, NamespaceID: n.StableID}
}

// logPlan tells an operator what was done, and of data that rests without anybody having said so.
func (rt *Runtime) logPlan() {
	for _, c := range rt.plan.Changes {
		level, what := slog.LevelInfo, "the classes of the data folder have changed"
		switch c.Kind {
		case ChangeKeep, ChangeRetire:
			continue
		case ChangeCreate:
			level = slog.LevelDebug
		case ChangeOrphan:
			level, what = slog.LevelWarn, "a namespace is not declared any more"
		case ChangeUnused:
			what = "a declaration has no effect"
		}
		rt.options.Logger.Log(context.Background(), level, what, "change", c.String())
	}
}

// Plan is what Open made, or in a dry run would make, of the declared classes (P8). It does
// not change. The slice is the caller's.
func (rt *Runtime) Plan() Plan { return Plan{slices.Clone(rt.plan.Changes)} }
