package crash

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/durablego/do"
	"github.com/durablego/do/kvstorage"
	"github.com/durablego/do/sqlstorage"
	"github.com/go-chi/chi/v5"
)

// phoenixes is the binding of those.
const phoenixes = "PHOENIX"

// phoenix is an object that loses everything now and then, and begins anew.
type phoenix struct {
	state *do.State
	door  chi.Router
}

// ashes is everything a phoenix has.
type ashes struct {
	Rows []int // by SQL
	Last int   // by KV: the largest row, 0 if there is none
}

func newPhoenix(_ context.Context, state *do.State, _ *do.Env) (*phoenix, error) {
	p := &phoenix{state: state, door: chi.NewRouter()}
	p.door.Post("/write", func(w http.ResponseWriter, r *http.Request) {
		var n int
		err := json.NewDecoder(r.Body).Decode(&n)
		if err == nil {
			_, err = p.Write(r.Context(), n)
		}
		reply(w, "done", err)
	})
	p.door.Post("/wipe", func(w http.ResponseWriter, r *http.Request) {
		_, err := p.Wipe(r.Context())
		reply(w, "done", err)
	})
	p.door.Get("/", func(w http.ResponseWriter, r *http.Request) {
		a, err := p.All(r.Context())
		reply(w, a, err)
	})
	return p, nil
}

// Fetch implements do.Object.
func (p *phoenix) Fetch(_ context.Context, r *http.Request) (*http.Response, error) {
	return do.Serve(p.door, r)
}

// Write adds a row.
func (p *phoenix) Write(ctx context.Context, n int) (bool, error) {
	db := p.state.SQL()
	if _, err := db.Exec(ctx, "CREATE TABLE IF NOT EXISTS rows(n INTEGER PRIMARY KEY, pad BLOB)"); err != nil {
		return false, err
	}
	if _, err := db.Exec(ctx, "INSERT INTO rows VALUES(?, zeroblob(?))", n, n%5*1000); err != nil {
		return false, err
	}
	return true, p.state.KV().Put(ctx, "last", n)
}

// Wipe loses everything.
func (p *phoenix) Wipe(ctx context.Context) (bool, error) {
	return true, p.state.Storage().DeleteAll(ctx)
}

// All gives everything.
func (p *phoenix) All(ctx context.Context) (a ashes, err error) {
	if a.Last, _, err = kvstorage.Get[int](ctx, p.state.KV(), "last"); err != nil || a.Last == 0 {
		return a, err
	}
	for n, err := range sqlstorage.Query[int](ctx, p.state.SQL(), "SELECT n FROM rows ORDER BY n") {
		if err != nil {
			return a, err
		}
		a.Rows = append(a.Rows, n)
	}
	if last := a.Rows[len(a.Rows)-1]; last != a.Last {
		return a, fmt.Errorf("the last row is %d, by the key it is %d", last, a.Last)
	}
	return a, nil
}

// serveList gives the names of those that have data, by the index.
func serveList(rt *do.Runtime) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		names := []string{}
		for info, err := range rt.Namespace(phoenixes).Objects(r.Context(), do.ObjectsOptions{}) {
			if err != nil {
				reply(w, nil, err)
				return
			}
			names = append(names, info.ID.Name())
		}
		reply(w, names, nil)
	}
}

// serveDelete deletes one.
func serveDelete(rt *do.Runtime) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ns := rt.Namespace(phoenixes)
		reply(w, "done", ns.Delete(r.Context(), ns.IDFromName(chi.URLParam(r, "name"))))
	}
}
