package do

import (
	"fmt"

	"github.com/durablego/do/internal/actor"
)

// Env is what an object's script gives it: its bindings and variables. It belongs to one
// instance.
type Env struct {
	bindings *Bindings
	life     *actor.Life
}

// Namespace gives the namespace behind a binding of the object's own script. Its stubs
// want a ctx of this object (a turn's, or of Await or WaitUntil), else they give
// ErrOutsideTurn: no call can leave before the writes made before it (T7). An unknown
// binding panics (L22), which resets the object; one that the script had once, and the data
// folder has objects of, gives a namespace whose calls fail with ErrUnserved (L23).
func (e *Env) Namespace(binding string) *Namespace {
	return &Namespace{served: e.bindings.find(binding), owner: e.life}
}

// Var gives the value of that name in Options.Vars, or nil.
func (e *Env) Var(name string) any { return e.bindings.rt.options.Vars[name] }

// Bindings is a script in a runtime: the namespaces under the names the script has for
// them. Safe for concurrent use.
type Bindings struct {
	rt     *Runtime
	script *Script
	served map[string]*served
}

// Namespace gives the namespace behind a binding. An unknown one panics (L22); one that the
// script had once, and the data folder has objects of, gives a namespace whose calls fail
// with ErrUnserved (L23).
func (b *Bindings) Namespace(binding string) *Namespace {
	return &Namespace{served: b.find(binding)}
}

func (b *Bindings) find(binding string) *served {
	s := b.served[binding]
	if s == nil {
		panic(fmt.Sprintf("do: script %q has no binding %q", b.script.name, binding))
	}
	return s
}
