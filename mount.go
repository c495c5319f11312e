package do

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/durablego/do/internal/bridge"
	"github.com/durablego/do/internal/catalog"
	"github.com/durablego/do/internal/durable"
)

// mount brings the declared classes and the folder together, and gives every class its
// place on disk. In a dry run it only looks.
func (rt *Runtime) mount(b bridge.Config, relaxed bool) error {
	open := catalog.Open
	if rt.options.DryRun {
		open = catalog.OpenCopy
	}
	c, err := open(rt.fs, rt.dir)
	if err != nil {
		return fmt.Errorf("do: open: %w", err)
	}
	err = rt.settlePlan(c, rt.declare(b))
	if cerr := c.Close(); err == nil && cerr != nil {
		err = fmt.Errorf("do: open: %w", cerr)
	}
	if err != nil || rt.options.DryRun {
		return err
	}
	for i, s := range rt.spaces {
		s.folder = durable.NewFolder(rt.fs, s.dir)
		s.index = s.newIndex(relaxed)
		s.space = i
		// A process that died may have removed files without making that durable (L16).
		if err := rt.fs.SyncDir(s.dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("do: open: %w", err)
		}
	}
	return nil
}

// declare freezes the scripts and gives what they say.
func (rt *Runtime) declare(b bridge.Config) catalog.Declared {
	d := catalog.Declared{Environment: rt.options.Environment}
	for _, script := range rt.options.Scripts {
		script.freeze()
		bindings := &Bindings{rt: rt, script: script, served: map[string]*served{}}
		rt.scripts[script.name] = bindings
		if rt.first == nil {
			rt.first = bindings
		}
		for _, k := range script.classes {
			s := &served{rt: rt, class: k, making: make(chan struct{}, 1), predictable: b.PredictableIDs, unserved: rt.options.DryRun}
			bindings.served[k.binding] = s
			rt.spaces = append(rt.spaces, s)
			d.Classes = append(d.Classes, k.declared(d.Environment, cmp.Or(k.uniqueKey, b.UniqueKeys[k.binding])))
		}
		for _, l := range script.links {
			d.Links = append(d.Links, catalog.Link{Script: script.name, Binding: l.binding, To: l.ref.wanted()})
		}
		for _, id := range script.tombstones {
			d.Tombstones = append(d.Tombstones, catalog.Mark{Script: script.name, StableID: id})
		}
		for _, id := range script.retired {
			d.Retired = append(d.Retired, catalog.Mark{Script: script.name, StableID: id})
		}
	}
	return d
}

// declared is what the planner is told of a class.
func (k *class) declared(environment, uniqueKey string) catalog.Class {
	c := catalog.Class{
		Namespace: catalog.Namespace{
			Environment: environment,
			Script:      k.script,
			StableID:    k.namespaceID,
			Class:       k.name,
			Binding:     k.binding,
			UniqueKey:   uniqueKey,
		},
		PreviousIDs: k.previousIDs,
	}
	for _, r := range k.movedFrom {
		c.MovedFrom = append(c.MovedFrom, r.wanted())
	}
	return c
}

// settlePlan computes the plan and applies it, unless there is a conflict, a Ref that leads
// nowhere, or only a dry run. Then nothing is written.
func (rt *Runtime) settlePlan(c *catalog.Catalog, d catalog.Declared) error {
	found, err := c.Look(rt.fs, rt.dir)
	if err != nil {
		return fmt.Errorf("do: open: %w", err)
	}
	plan, err := catalog.Make(d, found)
	if err != nil {
		return fmt.Errorf("do: open: %w", err)
	}
	rt.plan = planOf(plan)
	if len(plan.Conflicts()) > 0 {
		return &PlanError{rt.plan}
	}
	for i, ch := range plan.Changes {
		switch {
		case i < len(rt.spaces):
			rt.spaces[i].place(ch.Now)
		case ch.Kind == catalog.Orphan || ch.Kind == catalog.Retire:
			rt.rest(ch.Now)
		}
	}
	if err := rt.resolve(); err != nil || rt.options.DryRun {
		return err
	}
	if err := rt.doubtFolders(plan.Lost()); err != nil {
		return fmt.Errorf("do: open: %w", err)
	}
	if err := c.Apply(plan); err != nil {
		return fmt.Errorf("do: open: %w", err)
	}
	rt.logPlan()
	back, err := c.Remove(rt.fs, rt.dir)
	for _, key := range back {
		rt.options.Logger.Warn("the folder of a namespace that a Tombstone had removed was there again, and is removed; it can only be restored together with the catalog", "folder", key)
	}
	if err != nil {
		rt.options.Logger.Error("a namespace could not be removed; it is tried again at the next Open", "cause", err)
	}
	if err := c.Mark(rt.fs, rt.dir); err != nil {
		return fmt.Errorf("do: open: %w", err)
	}
	if rt.resting, err = resting(c, rt.spaces); err != nil {
		return fmt.Errorf("do: open: %w", err)
	}
	return nil
}

// doubtFolders has the indexes of namespaces that nobody knew compared with their files as
// soon as they are served, be it by a later Open.
func (rt *Runtime) doubtFolders(keys []string) error {
	if len(keys) == 0 {
		return nil
	}
	u, err := rt.readUnclean()
	if err != nil {
		return err
	}
	for _, key := range keys {
		u.names = append(u.names, filepath.Join(key, found.String()))
	}
	return rt.writeUnclean(u)
}

// place says where the data of a namespace is.
func (s *served) place(n catalog.Namespace) {
	s.identity = n
	s.key = newIDKey(n.UniqueKey)
	s.dir = filepath.Join(s.rt.dir, n.UniqueKey)
}

// rest has a binding that nobody declares any more lead to a namespace that is not served,
// if its script is here: ids can be made of it, and calls give ErrUnserved (P18).
func (rt *Runtime) rest(n catalog.Namespace) {
	b := rt.scripts[n.Script]
	if b == nil || n.Binding == "" || b.served[n.Binding] != nil {
		return
	}
	s := &served{rt: rt, class: &class{script: n.Script, binding: n.Binding, name: n.Class, namespaceID: n.StableID}, unserved: true}
	s.place(n)
	b.served[n.Binding] = s
}

// resting gives the unique keys of the namespaces in the folder that are not served, also
// those of other environments.
func resting(c *catalog.Catalog, spaces []*served) (map[string]bool, error) {
	rows, err := c.Rows()
	if err != nil {
		return nil, err
	}
	keys := map[string]bool{}
	for _, r := range rows {
		if r.State == catalog.Live {
			keys[r.UniqueKey] = true
		}
	}
	for _, s := range spaces {
		delete(keys, s.identity.UniqueKey)
	}
	return keys, nil
}
