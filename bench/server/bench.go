package main

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/durablego/do"
	"github.com/durablego/do/kvstorage"
	"github.com/durablego/do/sqlstorage"
)

// A Bench answers the operations that bench/worker.mjs answers on the reference.
type Bench struct {
	state *do.State
	env   *do.Env
	count int
	ready bool // the table is there
}

var (
	_ do.Object           = (*Bench)(nil)
	_ do.WebSocketHandler = (*Bench)(nil)
)

// NewBench is Bench's constructor.
func NewBench(_ context.Context, state *do.State, env *do.Env) (*Bench, error) {
	return &Bench{state: state, env: env}, nil
}

// Fetch answers /mem, /kv, /kvread, /sql, /call/{other} and /ws.
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
	case "sql":
		id, err := b.insert(ctx)
		if err != nil {
			return nil, err
		}
		return number(id), nil
	case "call":
		other, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://object/mem", nil)
		if err != nil {
			return nil, err
		}
		return b.env.Namespace("BENCH").GetByName(arg).Fetch(ctx, other)
	case "ws":
		_, response, err := b.state.Accept(r)
		return response, err
	}
	return do.Text(http.StatusNotFound, "no such operation"), nil
}

// insert adds a row and gives the largest id.
func (b *Bench) insert(ctx context.Context) (id int, err error) {
	db := b.state.SQL()
	if !b.ready {
		if _, err := db.Exec(ctx, "CREATE TABLE IF NOT EXISTS t(id INTEGER PRIMARY KEY, v TEXT)"); err != nil {
			return 0, err
		}
		b.ready = true
	}
	if _, err := db.Exec(ctx, "INSERT INTO t(v) VALUES (?)", "hello"); err != nil {
		return 0, err
	}
	return sqlstorage.QueryOne[int](ctx, db, "SELECT max(id) AS n FROM t")
}

// number answers with a count.
func number(n int) *http.Response { return do.Text(http.StatusOK, strconv.Itoa(n)) }

// WebSocketMessage sends a text that begins with b to every socket of the object, anything else
// back to its sender.
func (b *Bench) WebSocketMessage(_ context.Context, ws *do.WebSocket, m do.Message) error {
	if strings.HasPrefix(m.Text, "b") {
		return b.state.Broadcast(m)
	}
	return ws.Send(m)
}

// WebSocketClose leaves the answer to the library.
func (b *Bench) WebSocketClose(context.Context, *do.WebSocket, do.CloseInfo) error { return nil }

// WebSocketError has nobody to tell.
func (b *Bench) WebSocketError(context.Context, *do.WebSocket, error) error { return nil }
