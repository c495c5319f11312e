package crash

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"

	"github.com/durablego/do"
	"github.com/durablego/do/kvstorage"
)

// tallies is the binding of the tallies, and their stable identifier.
const tallies = "TALLY"

// tally notes what it is asked to run twice: in a file, before anything else, and in its own
// storage.
type tally struct {
	state *do.State
	file  string
}

// newTally gives the constructor of tallies with a file.
func newTally(file string) func(context.Context, *do.State, *do.Env) (*tally, error) {
	return func(_ context.Context, state *do.State, _ *do.Env) (*tally, error) { return &tally{state, file}, nil }
}

// Fetch implements do.Object: it takes sockets.
func (y *tally) Fetch(_ context.Context, r *http.Request) (*http.Response, error) {
	_, response, err := y.state.Accept(r)
	return response, err
}

// Run runs what token names.
func (y *tally) Run(ctx context.Context, token string) (int, error) {
	f, err := os.OpenFile(y.file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	_, err = fmt.Fprintln(f, token)
	if err = errors.Join(err, f.Close()); err != nil {
		return 0, err
	}
	n, _, err := kvstorage.Get[int](ctx, y.state.KV(), token)
	if err != nil {
		return 0, err
	}
	return n + 1, y.state.KV().Put(ctx, token, n+1)
}

// Ran says how often it ran.
func (y *tally) Ran(ctx context.Context, token string) (int, error) {
	n, _, err := kvstorage.Get[int](ctx, y.state.KV(), token)
	return n, err
}
