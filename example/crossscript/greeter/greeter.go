// Package greeter is the script "client": it counts with a class of script "host", of which
// it knows the name and one method.
package greeter

import (
	"context"
	"fmt"
	"net/http"

	"github.com/durablego/do"
	"github.com/durablego/do/router"
	"github.com/go-chi/chi/v5"
)

// Adder is what the script wants of the counters: any class with this method will do.
type Adder interface {
	do.Object
	Add(ctx context.Context, n int) (int, error)
}

// A Greeter greets, and counts how often all greeters did.
type Greeter struct {
	name     string
	counters *do.Namespace
}

var _ do.Object = (*Greeter)(nil)

// Script gives the script. Its binding COUNTER leads to what script "host" declares.
func Script() *do.Script {
	s := do.NewScript("client")
	do.RegisterIn(s, do.Class[*Greeter]{Binding: "GREETER", NamespaceID: "greeter", New: New})
	s.Bind("COUNTER", do.Ref{Script: "host", NamespaceID: "shared-counter"})
	return s
}

// New is Greeter's constructor.
func New(_ context.Context, state *do.State, env *do.Env) (*Greeter, error) {
	return &Greeter{state.ID().Name(), env.Namespace("COUNTER")}, nil
}

// Fetch greets.
func (g *Greeter) Fetch(ctx context.Context, _ *http.Request) (*http.Response, error) {
	n, err := do.Call(ctx, g.counters.GetByName("greetings"), Adder.Add, 1)
	if err != nil {
		return nil, err
	}
	return do.Text(http.StatusOK, fmt.Sprintf("hello %s, this is greeting %d\n", g.name, n)), nil
}

// Handler answers GET /{name}.
func Handler(rt *do.Runtime) http.Handler {
	r := chi.NewRouter()
	r.Mount("/{name}", router.ByName(rt.Script("client").Namespace("GREETER"), "name"))
	return r
}
