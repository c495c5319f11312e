package main

import (
	"context"
	"net/http"
	"strconv"

	"github.com/durablego/do"
	"github.com/durablego/do/kvstorage"
)

// A Counter is a durable total. Each name has one of its own.
type Counter struct{ state *do.State }

var _ do.Object = (*Counter)(nil)

func init() { do.Register("COUNTER", NewCounter) }

// NewCounter is Counter's constructor. It runs when a counter comes into memory.
func NewCounter(_ context.Context, state *do.State, _ *do.Env) (*Counter, error) {
	return &Counter{state}, nil
}

// Add adds n and gives the new total. Callers get it when it is on disk.
func (c *Counter) Add(ctx context.Context, n int) (int, error) {
	total, err := c.Total(ctx)
	if err != nil {
		return 0, err
	}
	total += n
	return total, c.state.KV().Put(ctx, "total", total)
}

// Total gives the total.
func (c *Counter) Total(ctx context.Context) (int, error) {
	total, _, err := kvstorage.Get[int](ctx, c.state.KV(), "total")
	return total, err
}

// Fetch answers GET / with the total, and POST /add?n=5 with the new one; n may be in a
// form too, and is 1 if it is not there.
func (c *Counter) Fetch(ctx context.Context, r *http.Request) (*http.Response, error) {
	var total int
	var err error
	switch r.Method + " " + r.URL.Path {
	case "GET /":
		total, err = c.Total(ctx)
	case "POST /add":
		n := 1
		if s := r.FormValue("n"); s != "" {
			if n, err = strconv.Atoi(s); err != nil {
				return do.Text(http.StatusBadRequest, "n must be a whole number\n"), nil
			}
		}
		total, err = c.Add(ctx, n)
	default:
		return do.Text(http.StatusNotFound, "a counter has GET / and POST /add?n=5\n"), nil
	}
	if err != nil {
		return nil, err
	}
	return do.Text(http.StatusOK, strconv.Itoa(total)+"\n"), nil
}
