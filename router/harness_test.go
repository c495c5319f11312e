package router_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
	"github.com/durablego/do/router"
	"github.com/go-chi/chi/v5"
)

// object answers with what a test wants it to.
type object struct {
	state *do.State
	fetch fetchFunc
	count int
}

type fetchFunc func(ctx context.Context, o *object, r *http.Request) (*http.Response, error)

func (o *object) Fetch(ctx context.Context, r *http.Request) (*http.Response, error) {
	return o.fetch(ctx, o, r)
}

// open serves a namespace of objects.
func open(t testing.TB, fetch fetchFunc) *do.Namespace {
	t.Helper()
	return openClass(t, do.Options{}, do.Class[*object]{}, fetch)
}

func openClass(t testing.TB, options do.Options, class do.Class[*object], fetch fetchFunc) *do.Namespace {
	t.Helper()
	script := do.NewScript("test")
	class.Binding = "OBJECT"
	if class.New == nil {
		class.New = func(_ context.Context, state *do.State, _ *do.Env) (*object, error) {
			return &object{state: state, fetch: fetch}, nil
		}
	}
	do.RegisterIn(script, class)
	options.Scripts = []*do.Script{script}
	return dotest.New(t, dotest.Options{Runtime: options}).Namespace("OBJECT")
}

// mount puts h below /o/{name} of a chi router.
func mount(h http.Handler) http.Handler {
	r := chi.NewRouter()
	r.Mount("/o/{name}", h)
	return r
}

// byName mounts a handler that is silent.
func byName(ns *do.Namespace) http.Handler {
	return mount(new(logs).to(router.ByName(ns, "name")))
}

// serve starts a server, for what needs a network: hang-ups, slow clients, chunks.
func serve(t testing.TB, h http.Handler) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

// send gives status and body of the answer to a request.
func send(t testing.TB, h http.Handler, r *http.Request) (*http.Response, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	response := w.Result()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(b)
}

func get(t testing.TB, h http.Handler, target string) (int, string) {
	t.Helper()
	response, body := send(t, h, httptest.NewRequest(http.MethodGet, target, nil))
	return response.StatusCode, body
}

// stripSlash routes on the plain path without the slash at its end, as chi's
// middleware.StripSlashes does, also where chi would route on the escaped one.
func stripSlash(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := chi.RouteContext(r.Context())
		path := c.RoutePath
		if path == "" {
			path = r.URL.Path
		}
		if len(path) > 1 && strings.HasSuffix(path, "/") {
			c.RoutePath = path[:len(path)-1]
		}
		next.ServeHTTP(w, r)
	})
}

// logs keeps what was logged.
type logs struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// take gives what was logged since the last take.
func (l *logs) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.text.Reset()
	return l.text.String()
}

// to has h log into l.
func (l *logs) to(h *router.Handler) *router.Handler {
	h.Logger = slog.New(slog.NewTextHandler(l, nil))
	return h
}

func post(target string, body io.Reader) *http.Request {
	return httptest.NewRequest(http.MethodPost, target, body)
}

// unsized hides the length of a body.
func unsized(s string) io.Reader { return struct{ io.Reader }{strings.NewReader(s)} }

func text(body string) (*http.Response, error) { return do.Text(http.StatusOK, body), nil }
