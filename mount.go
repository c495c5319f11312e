package do

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/durablego/do/internal/bridge"
	"github.com/durablego/do/internal/catalog"
	"github.com/durablego/do/internal/durable"
)

// mount gives every class its place on disk.
func (rt *Runtime) mount(b bridge.Config, relaxed bool) error {
	c, err := catalog.Open(rt.fs, rt.dir)
	if err != nil {
		return fmt.Errorf("do: open: %w", err)
	}
	var all []*served
	var declared []catalog.Namespace
	for _, script := range rt.options.Scripts {
		bindings := &Bindings{rt: rt, script: script, served: map[string]*served{}}
		rt.scripts[script.name] = bindings
		if rt.first == nil {
			rt.first = bindings
		}
		script.freeze()
		for _, k := range script.classes {
			s := &served{rt: rt, class: k, making: make(chan struct{}, 1), predictable: b.PredictableIDs}
			bindings.served[k.binding] = s
			all = append(all, s)
			declared = append(declared, catalog.Namespace{
				Environment: rt.options.Environment,
				Script:      script.name,
				StableID:    k.namespaceID,
				Class:       k.name,
				Binding:     k.binding,
				UniqueKey:   b.UniqueKeys[k.binding],
			})
		}
	}
	keys, err := c.Resolve(declared)
	if closeErr := c.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return fmt.Errorf("do: open: %w", err)
	}
	rt.spaces = all
	for i, s := range all {
		s.key = newIDKey(keys[i])
		s.dir = filepath.Join(rt.dir, keys[i])
		s.folder = durable.NewFolder(rt.fs, s.dir)
		s.index = s.newIndex(relaxed)
		s.space = i
		// A process that died may have removed files without making that durable (L16).
		if err := rt.fs.SyncDir(s.dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("do: open: %w", err)
		}
	}
	return rt.resolve()
}
