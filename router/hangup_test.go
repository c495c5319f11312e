package router_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/durablego/do"
	"github.com/durablego/do/kvstorage"
	"github.com/durablego/do/router"
	"github.com/go-chi/chi/v5"
)

// TestF5_ChiInsideWhileCallersHangUp runs a chi router inside objects, behind a chi router
// with handlers that look at the request after it was served, and write to it. Callers
// leave at any moment. The race detector judges.
func TestF5_ChiInsideWhileCallersHangUp(t *testing.T) {
	inside := func(o *object, ctx context.Context) http.Handler {
		add := func(w http.ResponseWriter, r *http.Request) {
			total, _, err := kvstorage.Get[int](ctx, o.state.KV(), "total")
			if err == nil {
				err = o.state.KV().Put(ctx, "total", total+1)
			}
			if err == nil && chi.URLParam(r, "what") == "await" {
				// Others run meanwhile, and the caller's hang-up comes through.
				_ = o.state.Await(ctx, func(context.Context) error { return nil })
			}
			r.Header.Set("X-Inside", "1")
			r.SetPathValue("name", r.PathValue("name")+"!")
			if _, err := fmt.Fprint(w, chi.URLParam(r, "what"), chi.URLParam(r, "name"), r.PathValue("name"), err); err != nil {
				panic(err)
			}
		}
		r := chi.NewRouter()
		r.Use(stripSlash)
		r.Route("/add", func(r chi.Router) { r.Post("/{what}", add) })
		return r
	}
	ns := open(t, func(ctx context.Context, o *object, r *http.Request) (*http.Response, error) {
		return do.Serve(inside(o, ctx), r)
	})

	outside := chi.NewRouter()
	outside.Use(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, r)
			c := chi.RouteContext(r.Context())
			r.SetPathValue("name", c.URLParam("name")+r.PathValue("name"))
			r.Header.Set("X-After", "1")
			r.URL.Path, r.Form = "/", nil
		})
	})
	outside.Mount("/o/{name}", new(logs).to(router.ByName(ns, "name")))

	const callers, calls = 16, 50
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			for j := range calls {
				ctx, hangUp := context.WithCancel(context.Background())
				what := []string{"now", "await"}[j%2]
				r := httptest.NewRequestWithContext(ctx, http.MethodPost, fmt.Sprintf("/o/%d/add/%s/?a=b", i%4, what), nil)
				wg.Go(hangUp)
				w := httptest.NewRecorder()
				outside.ServeHTTP(w, r)
				if want := fmt.Sprintf("%s%d!%v", what, i%4, nil); w.Code == 200 && w.Body.String() != want {
					t.Errorf("answer %q, want %q", w.Body, want)
				}
			}
		})
	}
	wg.Wait()
	for i := range 4 { // the objects live, and are themselves
		w := httptest.NewRecorder()
		outside.ServeHTTP(w, httptest.NewRequest(http.MethodPost, fmt.Sprintf("/o/%d/add/now", i), nil))
		if want := fmt.Sprintf("now%d!%v", i, nil); w.Code != 200 || w.Body.String() != want {
			t.Errorf("object %d answers %d %q, want %q", i, w.Code, w.Body, want)
		}
	}
}

// TestT10_RequestIsTheObjectsOwn: the caller leaves before the object has looked at the
// request; what happens to it then is not the object's business.
func TestT10_RequestIsTheObjectsOwn(t *testing.T) {
	constructing, resume, got := make(chan struct{}), make(chan struct{}), make(chan string, 1)
	fetch := func(_ context.Context, _ *object, r *http.Request) (*http.Response, error) {
		got <- fmt.Sprint(r.Header.Get("X-A"), r.URL.Path, r.PathValue("name"), r.Form.Get("f"))
		return text("")
	}
	ns := openClass(t, do.Options{}, do.Class[*object]{
		New: func(context.Context, *do.State, *do.Env) (*object, error) {
			close(constructing)
			<-resume
			return &object{fetch: fetch}, nil
		},
	}, nil)
	ctx, hangUp := context.WithCancel(context.Background())
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/o/n/p?f=1", nil)
	r.Header.Set("X-A", "1")
	if err := r.ParseForm(); err != nil {
		t.Fatal(err)
	}
	left := make(chan struct{})
	h := chi.NewRouter()
	h.HandleFunc("/o/{name}/*", func(w http.ResponseWriter, r *http.Request) {
		router.ByName(ns, "name").ServeHTTP(w, r)
		r.Header.Set("X-A", "2")
		r.URL.Path = "/2"
		r.SetPathValue("name", "2")
		r.Form.Set("f", "2")
		close(left)
	})
	go h.ServeHTTP(httptest.NewRecorder(), r)
	<-constructing
	hangUp()
	<-left
	close(resume)
	if s := <-got; s != "1/pn1" {
		t.Errorf("the object sees %q, want %q", s, "1/pn1")
	}
}
