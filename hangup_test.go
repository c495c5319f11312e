package do_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
)

// shy waits in its constructor and in a blocked section.
type shy struct{ state *do.State }

func (s *shy) Fetch(context.Context, *http.Request) (*http.Response, error) {
	return do.Text(http.StatusOK, ""), nil
}

// TestT9HangUpInASection keeps a caller that leaves from failing the constructor, or a
// blocked section, in which everybody else waits (T26, T28).
func TestT9HangUpInASection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		built := 0
		wait := func(context.Context) error { <-hold; return nil }
		s := do.NewScript("main")
		do.RegisterIn(s, do.Class[*shy]{Binding: "SHY", New: func(ctx context.Context, state *do.State, _ *do.Env) (*shy, error) {
			built++
			return &shy{state}, state.Await(ctx, func(ctx context.Context) error {
				select {
				case <-hold:
					return nil
				case <-ctx.Done():
					return ctx.Err()
				}
			})
		}})
		env := dotest.New(t, dotest.Options{Runtime: do.Options{Scripts: []*do.Script{s}}})
		stub := env.Namespace("SHY").GetByName("x")
		call := func(ctx context.Context, f func(context.Context, *shy, *do.State) error) chan error {
			ends := make(chan error, 1)
			go func() {
				request, err := http.NewRequest(http.MethodGet, "http://object/", nil)
				if err != nil {
					t.Error(err)
				}
				if f == nil {
					_, err = stub.Fetch(ctx, request)
				} else {
					err = dotest.RunInObject(env, stub, f)
				}
				ends <- err
			}()
			synctest.Wait()
			return ends
		}
		ctx, cancel := context.WithCancel(t.Context())
		first := call(ctx, nil)
		second := call(t.Context(), nil)
		cancel()
		if err := <-first; err != context.Canceled {
			t.Errorf("who left = %v, want context.Canceled", err)
		}
		synctest.Wait()
		close(hold)
		if err := <-second; err != nil || built != 1 {
			t.Errorf("who stayed = %v after %d constructors, want an answer of the first", err, built)
		}

		hold = make(chan struct{})
		section := call(t.Context(), func(ctx context.Context, s *shy, state *do.State) error {
			return state.BlockConcurrencyWhile(ctx, func(ctx context.Context) error { return state.Await(ctx, wait) })
		})
		close(hold)
		if err := <-section; err != nil {
			t.Error(err)
		}
	})
}
