package router_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/durablego/do/router"
	"github.com/go-chi/chi/v5"
)

// whereabouts tells what the object sees of where it is.
func whereabouts(_ context.Context, o *object, r *http.Request) (*http.Response, error) {
	return text(fmt.Sprintf("%s|%s|%s|%s", o.state.ID().Name(), r.URL.Path, r.URL.RawPath, r.PathValue("name")))
}

// TestF6_NamesAreUnescapedOnce: chi routes on the escaped path or on the plain one,
// whichever there is; net/http always on the escaped one.
func TestF6_NamesAreUnescapedOnce(t *testing.T) {
	ns := open(t, whereabouts)
	mux := http.NewServeMux()
	mux.Handle("/o/{name}/{rest...}", router.ByName(ns, "name"))
	wildcard := chi.NewRouter()
	wildcard.Handle("/o/{name}/*", router.ByName(ns, "name"))
	doors := map[string]http.Handler{"chi mount": byName(ns), "chi wildcard": wildcard, "net/http": mux}

	for _, c := range []struct{ target, name, path, raw string }{
		{"/o/hits/add", "hits", "/add", ""},
		{"/o/%68its/add", "hits", "/add", ""},
		{"/o/hits/%61dd", "hits", "/add", "/%61dd"},
		{"/o/%68its/%61dd", "hits", "/add", "/%61dd"},
		{"/o/a%2Fb/c", "a/b", "/c", ""},
		{"/o/a%2fb/c%2Fd/e", "a/b", "/c/d/e", "/c%2Fd/e"},
		{"/o/100%25/x", "100%", "/x", ""},
		{"/o/%2525/x", "%25", "/x", ""},
		{"/o/%2525%2f/x", "%25/", "/x", ""},
		{"/o/%25%32%35/%25%32%35", "%25", "/%25", "/%25%32%35"},
		{"/o/a%2Fb/%2525", "a/b", "/%25", ""},
		{"/o/a+b/c+d", "a+b", "/c+d", ""},
		{"/o/a%2Bb/c%2Bd", "a+b", "/c+d", "/c%2Bd"},
		{"/o/a%20b/c%20d", "a b", "/c d", ""},
		{"/o/%E2%98%83/%E2%98%83", "☃", "/☃", ""},
		{"/o/%e2%98%83/%e2%98%83", "☃", "/☃", "/%e2%98%83"},
		{"/o/%FF/%FF", "\xff", "/\xff", ""},
		{"/o/%00/x", "\x00", "/x", ""},
		{"/o/%2e%2e/x", "..", "/x", ""},
		{"/o/a%3Fb/x?y=%2F", "a?b", "/x", ""},
		{"/o/hits/", "hits", "/", ""},
		{"/o/%68its/", "hits", "/", ""},
		{"/o/hits/a/b/", "hits", "/a/b/", ""},
	} {
		for door, h := range doors {
			want := c.name + "|" + c.path + "|" + c.raw + "|" + c.name
			if status, got := get(t, h, c.target); status != http.StatusOK || got != want {
				t.Errorf("%s: GET %s = %d %q, want 200 %q", door, c.target, status, got, want)
			}
		}
	}
}

// TestF6_OneObjectByAnySpelling asks whether two spellings meet in one instance.
func TestF6_OneObjectByAnySpelling(t *testing.T) {
	ns := open(t, func(_ context.Context, o *object, _ *http.Request) (*http.Response, error) {
		o.count++
		return text(fmt.Sprint(o.count))
	})
	mux := http.NewServeMux()
	mux.Handle("/o/{name}/{rest...}", router.ByName(ns, "name"))
	for i, c := range []struct {
		h      http.Handler
		target string
	}{{byName(ns), "/o/%68its"}, {byName(ns), "/o/hits"}, {mux, "/o/hit%73/"}, {mux, "/o/hits/"}} {
		if _, got := get(t, c.h, c.target); got != fmt.Sprint(i+1) {
			t.Errorf("GET %s = %s, want %d: another object answered", c.target, got, i+1)
		}
	}
}

func TestEmptyNames(t *testing.T) {
	ns := open(t, whereabouts)
	mux := http.NewServeMux()
	mux.Handle("/all/{name...}", router.ByName(ns, "name"))
	for _, c := range []struct {
		h      http.Handler
		target string
		status int
	}{
		{byName(ns), "/o//x", http.StatusBadRequest},
		{byName(ns), "/o/", http.StatusNotFound}, // no route
		{mux, "/all/", http.StatusBadRequest},
		{mux, "/all/x", http.StatusOK},
		{mount(new(logs).to(router.ByName(ns, "nmae"))), "/o/x", http.StatusInternalServerError},
		{mount(new(logs).to(router.ByID(ns, "nmae"))), "/o/x", http.StatusInternalServerError},
		{new(logs).to(router.ByName(ns, "name")), "/o/x", http.StatusInternalServerError}, // no route at all
	} {
		if status, body := get(t, c.h, c.target); status != c.status {
			t.Errorf("GET %s = %d %q, want %d", c.target, status, body, c.status)
		}
	}
}

// TestPathBelowTheMount is the list in the package comment.
func TestPathBelowTheMount(t *testing.T) {
	ns := open(t, whereabouts)
	h := router.ByName(ns, "name")

	r := chi.NewRouter()
	r.Mount("/mount/{name}", h)
	r.Handle("/wild/{name}/*", h)
	r.Get("/whole/{name}/value", h.ServeHTTP)
	r.Route("/route/{name}", func(r chi.Router) {
		r.Get("/value", h.ServeHTTP)
		r.Handle("/files/*", h)
		r.Mount("/deep", h)
	})
	r.Route("/nest", func(r chi.Router) {
		r.Route("/{name}", func(r chi.Router) { r.Handle("/*", h) })
	})
	r.Mount("/strip/{name}", http.StripPrefix("/strip", h))
	r.With(stripSlash).Handle("/plain/{name}", h)
	inner := http.NewServeMux()
	inner.Handle("/inner/{name}/{rest...}", h)
	r.Mount("/inner", inner)

	clean := chi.NewRouter()
	clean.Use(stripSlash)
	clean.Mount("/o/{name}", h)

	mux := http.NewServeMux()
	mux.Handle("/rest/{name}/{rest...}", h)
	mux.Handle("GET example.com/rest/{name}/{rest...}", h)
	mux.Handle("/none/{name}/value", h)
	mux.Handle("/tree/{name}/", http.StripPrefix("/tree", h))
	mux.Handle("/chi/", http.StripPrefix("/chi", r))

	for _, c := range []struct {
		h            http.Handler
		target, want string
	}{
		{r, "/mount/n", "n|/||n"},
		{r, "/mount/n/", "n|/||n"},
		{r, "/mount/n/a/b", "n|/a/b||n"},
		{r, "/mount/n//a", "n|//a||n"},
		{r, "/wild/n/", "n|/||n"},
		{r, "/wild/n/a/", "n|/a/||n"},
		{r, "/whole/n/value", "n|/whole/n/value||n"},
		{r, "/whole/%6e/value", "n|/whole/n/value|/whole/%6e/value|n"},
		{r, "/route/n/value", "n|/value||n"},
		{r, "/route/%6e/value", "n|/value||n"},
		{r, "/route/n/files/", "n|/||n"},
		{r, "/route/n/files/a%2fb", "n|/a/b|/a%2fb|n"},
		{r, "/route/n/deep", "n|/||n"},
		{r, "/route/n/deep/a", "n|/a||n"},
		{r, "/nest/n/a", "n|/a||n"},
		{r, "/nest/n/", "n|/||n"},
		{r, "/strip/n/a", "n|/a||n"},
		{r, "/plain/n", "n|/plain/n||n"},
		{r, "/inner/n/a", "n|/a||n"},
		{clean, "/o/n/a/", "n|/a||n"},
		{clean, "/o/a%2525%62/c/", "a%25b|/c||a%25b"},
		{mux, "/rest/n/a/b", "n|/a/b||n"},
		{mux, "http://example.com/rest/n/a/b", "n|/a/b||n"},
		{mux, "/none/n/value", "n|/none/n/value||n"},
		{mux, "/tree/n/a", "n|/n/a||n"},
		{mux, "/chi/mount/n/a", "n|/a||n"},
		{mux, "/chi/mount/%6e/%61", "n|/a|/%61|n"},
	} {
		if status, got := get(t, c.h, c.target); status != http.StatusOK || got != c.want {
			t.Errorf("GET %s = %d %q, want %q", c.target, status, got, c.want)
		}
	}
}

// TestF1_URLIsAbsolute: Stub.Fetch wants it so.
func TestF1_URLIsAbsolute(t *testing.T) {
	ns := open(t, func(_ context.Context, _ *object, r *http.Request) (*http.Response, error) {
		return text(r.URL.String() + " " + r.Host + " " + r.RequestURI)
	})
	h := byName(ns)
	for _, c := range []struct{ target, want string }{
		{"/o/n/a?b=c&d", "http://example.com/a?b=c&d example.com /o/n/a?b=c&d"},
		{"http://Host:8080/o/n", "http://Host:8080/ Host:8080 http://Host:8080/o/n"},
		{"https://host/o/n/a%2fb?", "https://host/a%2fb? host https://host/o/n/a%2fb?"},
	} {
		r := httptest.NewRequest(http.MethodGet, c.target, nil)
		r.URL.Scheme, r.URL.Host = "", "" // as a server gives it
		if _, got := send(t, h, r); got != c.want {
			t.Errorf("GET %s = %q, want %q", c.target, got, c.want)
		}
	}
}

// TestF4_RouteParameters: they arrive as PathValue; chi's context does not, and a router
// inside starts afresh.
func TestF4_RouteParameters(t *testing.T) {
	ns := open(t, func(ctx context.Context, _ *object, r *http.Request) (*http.Response, error) {
		return text(fmt.Sprintf("%s %s %s %v", r.PathValue("org"), r.PathValue("name"), r.PathValue("rest"), chi.RouteContext(ctx) != nil))
	})
	r := chi.NewRouter()
	r.Route("/{org:[a-z]{2,3}}", func(r chi.Router) { r.Mount("/{name}", router.ByName(ns, "name")) })
	mux := http.NewServeMux()
	mux.Handle("/{org}/{name}/{rest...}", router.ByName(ns, "name"))
	for _, c := range []struct {
		h            http.Handler
		target, want string
	}{
		{r, "/ab/c%2fd/e", "ab c/d  false"},
		{mux, "/a%2fb/c%2fd/e%2ff/g", "a/b c/d e/f/g false"},
	} {
		if _, got := get(t, c.h, c.target); got != c.want {
			t.Errorf("GET %s = %q, want %q", c.target, got, c.want)
		}
	}
}
