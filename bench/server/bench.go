package main

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/durablego/do"
	"github.com/durablego/do/kvstorage"
)

// A Bench answers the operations that bench/worker.mjs answers on the reference.
type Bench struct {
	state *do.State
	env   *do.Env
	count int
}

var _ do.Object = (*Bench)(nil)

// NewBench is Bench's constructor.
func NewBench(_ context.Context, state *do.State, env *do.Env) (*Bench, error) {
	return &Bench{state: state, env: env}, nil
}

// Fetch answers /mem, /kv, /kvread and /call/{other}.
func (b *Bench) Fetch(ctx context.Context, r *http.Request) (*http.Response, error) {
	op, arg, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	switch op {
	case "mem":
		b.count++
		return number(b.count), nil
	case "kvread":
		n, _, err := kvstorage.Get[int](ctx, b.state.KV(), "n")
		if err != nil {
			return nil, err
		}
		return number(n), nil
	case "kv":
		n, _, err := kvstorage.Get[int](ctx, b.state.KV(), "n")
		if err != nil {
			return nil, err
		}
		n++
		if err := b.state.KV().Put(ctx, "n", n); err != nil {
			return nil, err
		}
		return number(n), nil
	case "call":
		other, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://object/mem", nil)
		if err != nil {
			return nil, err
		}
		return b.env.Namespace("BENCH").GetByName(arg).Fetch(ctx, other)
	}
	return do.Text(http.StatusNotFound, "no such operation"), nil
}

// number answers with a count.
func number(n int) *http.Response { return do.Text(http.StatusOK, strconv.Itoa(n)) }
