// Package counter is the script "host": it owns a class that other scripts bind too.
package counter

import (
	"context"
	"net/http"
	"strconv"

	"github.com/durablego/do"
	"github.com/durablego/do/kvstorage"
	"github.com/durablego/do/router"
	"github.com/go-chi/chi/v5"
)

// A Counter is a durable total.
type Counter struct{ state *do.State }

var _ do.Object = (*Counter)(nil)

// Script gives the script that owns the counters. The stable identifier stays as it is,
// whatever the class and the binding will be called.
func Script() *do.Script {
	s := do.NewScript("host")
	do.RegisterIn(s, do.Class[*Counter]{Binding: "COUNTER", NamespaceID: "shared-counter", New: New})
	return s
}

// New is Counter's constructor.
func New(_ context.Context, state *do.State, _ *do.Env) (*Counter, error) {
	return &Counter{state}, nil
}

// Add adds n and gives the new total.
func (c *Counter) Add(ctx context.Context, n int) (int, error) {
	total, _, err := kvstorage.Get[int](ctx, c.state.KV(), "total")
	if err != nil || n == 0 {
		return total, err
	}
	return total + n, c.state.KV().Put(ctx, "total", total+n)
}

// Fetch answers with the total.
func (c *Counter) Fetch(ctx context.Context, _ *http.Request) (*http.Response, error) {
	total, err := c.Add(ctx, 0)
	if err != nil {
		return nil, err
	}
	return do.Text(http.StatusOK, strconv.Itoa(total)+"\n"), nil
}

// Handler answers GET /{name}.
func Handler(rt *do.Runtime) http.Handler {
	r := chi.NewRouter()
	r.Mount("/{name}", router.ByName(rt.Script("host").Namespace("COUNTER"), "name"))
	return r
}
