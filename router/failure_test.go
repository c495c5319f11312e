package router_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
	"github.com/durablego/do/router"
)

// TestL24_StatusOf is the table of errors with its column "HTTP".
func TestL24_StatusOf(t *testing.T) {
	cause := errors.New("cause")
	for _, c := range []struct {
		rule   string
		err    error
		status int
		retry  bool
	}{
		{"L24.1", &do.Error{Remote: true, Err: cause}, 500, false},
		{"L24.1 retryable", &do.Error{Remote: true, Retryable: true, Err: cause}, 500, false},
		{"L24.1 overloaded", &do.Error{Remote: true, Overloaded: true, Err: cause}, 503, false},
		{"L24.1 of another's id", &do.Error{Remote: true, Err: do.ErrInvalidID}, 500, false},
		{"L24.1 of another's reset", &do.Error{Remote: true, Err: &do.Error{Remote: true, Reset: true, Err: do.ErrReset}}, 500, false},
		{"L24.2", &do.Error{Remote: true, Reset: true, Err: do.ErrReset}, 503, false},
		{"L24.4", &do.Error{Remote: true, Reset: true, Overloaded: true, Err: do.ErrReset}, 503, true},
		{"L24.5", &do.Error{Remote: true, Reset: true, Retryable: true, Err: do.ErrReset}, 503, false},
		{"L24.6", &do.Error{Overloaded: true, Err: do.ErrOverloaded}, 503, true},
		{"L24.6 bare", do.ErrOverloaded, 503, true},
		{"L24.7", &do.Error{Retryable: true, Err: do.ErrClosed}, 503, false},
		{"L24.7 bare", do.ErrClosed, 503, false},
		{"L24.8", &do.Error{Retryable: true, Err: cause}, 503, false},
		{"L24.9 invalid", &do.Error{Err: do.ErrInvalidID}, 400, false},
		{"L24.9 foreign", fmt.Errorf("which? %w", do.ErrForeignID), 400, false},
		{"L24.10 method", &do.Error{Err: do.ErrNotMethod}, 500, false},
		{"L24.10 class", &do.Error{Err: do.ErrWrongClass}, 500, false},
		{"L24.10 value", &do.Error{Err: do.ErrInvalidValue}, 500, false},
		{"L24.10 deadlock", &do.Error{Err: do.ErrDeadlock}, 500, false},
		{"else", cause, 500, false},
	} {
		if status, retry := router.StatusOf(c.err); status != c.status || retry != c.retry {
			t.Errorf("%s: StatusOf(%v) = %d, %v, want %d, %v", c.rule, c.err, status, retry, c.status, c.retry)
		}
	}
}

// TestL24_AtTheDoor sends requests to objects that fail, and looks for anything of the
// failure in the answer.
func TestL24_AtTheDoor(t *testing.T) {
	const secret = "secret"
	fetch := func(ctx context.Context, o *object, r *http.Request) (*http.Response, error) {
		switch r.URL.Path {
		case "/error":
			return nil, errors.New(secret)
		case "/overloaded":
			return nil, &do.Error{Overloaded: true, Err: errors.New(secret)}
		case "/id":
			return nil, fmt.Errorf("%s: %w", secret, do.ErrInvalidID)
		case "/nothing":
			return nil, nil
		case "/panic":
			panic(secret)
		case "/abort":
			o.state.Abort(ctx, errors.New(secret))
		case "/block":
			return nil, o.state.BlockConcurrencyWhile(ctx, func(ctx context.Context) error {
				<-ctx.Done() // done when the limit resets the object
				return nil
			})
		case "/status":
			return do.Text(99, secret), nil
		case "/upgrade":
			return do.Text(http.StatusSwitchingProtocols, secret), nil
		}
		return text("fine")
	}
	var log logs
	ns := open(t, fetch)
	short := openClass(t, do.Options{BlockTimeout: time.Millisecond}, do.Class[*object]{}, fetch) // for constructors too
	for _, c := range []struct {
		rule, path string
		status     int
		retry      string
		logged     bool
	}{
		{"L24.1", "/error", 500, "", true},
		{"L24.1", "/overloaded", 503, "", false},
		{"L24.1", "/id", 500, "", true},
		{"L24.1", "/nothing", 500, "", true},
		{"L24.2", "/panic", 503, "", false},
		{"L24.2", "/abort", 503, "", false},
		{"L24.4", "/block", 503, "1", false},
		{"an impossible status", "/status", 500, "", true},
		{"an upgrade", "/upgrade", 501, "", false},
		{"L14", "/", 200, "", false},
	} {
		at := ns
		if c.path == "/block" {
			at = short
		}
		h := log.to(router.ByName(at, "name"))
		response, body := send(t, mount(h), httptest.NewRequest(http.MethodGet, "/o/x"+c.path, nil))
		if response.StatusCode != c.status || response.Header.Get("Retry-After") != c.retry {
			t.Errorf("%s: %s = %d, Retry-After %q; want %d, %q", c.rule, c.path, response.StatusCode, response.Header.Get("Retry-After"), c.status, c.retry)
		}
		if c.status != 200 && body != http.StatusText(c.status)+"\n" {
			t.Errorf("%s: %s says %q", c.rule, c.path, body)
		}
		logged := log.take()
		if (logged != "") != c.logged {
			t.Errorf("%s: %s logged %q, want something: %v", c.rule, c.path, logged, c.logged)
		}
		if c.logged && !strings.Contains(logged, "path=/o/x"+c.path) {
			t.Errorf("%s: the log does not name the path: %s", c.rule, logged)
		}
	}
}

// TestL24_3_Constructor: a constructor's failure is a reset.
func TestL24_3_Constructor(t *testing.T) {
	ns := openClass(t, do.Options{}, do.Class[*object]{
		New: func(context.Context, *do.State, *do.Env) (*object, error) { return nil, errors.New("secret") },
	}, nil)
	if status, body := get(t, byName(ns), "/o/x"); status != 503 || body != "Service Unavailable\n" {
		t.Errorf("GET = %d %q, want 503", status, body)
	}
}

// TestL24_5_Storage: the disk refuses a commit.
func TestL24_5_Storage(t *testing.T) {
	script := do.NewScript("test")
	do.RegisterIn(script, do.Class[*object]{
		Binding: "OBJECT",
		New: func(_ context.Context, state *do.State, _ *do.Env) (*object, error) {
			return &object{state: state, fetch: func(ctx context.Context, o *object, _ *http.Request) (*http.Response, error) {
				return do.Text(http.StatusOK, "kept"), o.state.KV().Put(ctx, "k", 1)
			}}, nil
		},
	})
	env := dotest.New(t, dotest.Options{
		Runtime: do.Options{Scripts: []*do.Script{script}},
		Handler: func(rt *do.Runtime) http.Handler { return byName(rt.Namespace("OBJECT")) },
	})
	fetch := func() *http.Response { return env.Fetch(httptest.NewRequest(http.MethodGet, "/o/x", nil)) }
	env.FailCommits(env.Namespace("OBJECT").GetByName("x"), 1)
	for _, want := range []int{503, 200} {
		response := fetch()
		if response.StatusCode != want || response.Header.Get("Retry-After") != "" {
			t.Errorf("GET = %d, want %d without Retry-After", response.StatusCode, want)
		}
		if err := response.Body.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestL24_6_Overloaded: one event runs, one waits, the third is too many.
func TestL24_6_Overloaded(t *testing.T) {
	inside, release := make(chan struct{}), make(chan struct{})
	ns := openClass(t, do.Options{}, do.Class[*object]{QueueLimit: 1}, func(_ context.Context, _ *object, r *http.Request) (*http.Response, error) {
		if r.URL.Path == "/hold" {
			close(inside)
			<-release
		}
		return text("done")
	})
	h := byName(ns)
	answers := make(chan *http.Response)
	ask := func(path string) {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/o/x"+path, nil))
		answers <- w.Result()
	}
	go ask("/hold")
	<-inside
	go ask("/")
	go ask("/")
	refused := <-answers
	if refused.StatusCode != 503 || refused.Header.Get("Retry-After") != "1" {
		t.Errorf("the third = %d, Retry-After %q, want 503, 1", refused.StatusCode, refused.Header.Get("Retry-After"))
	}
	close(release)
	for range 2 {
		if response := <-answers; response.StatusCode != 200 {
			t.Errorf("one that waited = %d, want 200", response.StatusCode)
		}
	}
}

// TestL24_7_Closed: the runtime is closing.
func TestL24_7_Closed(t *testing.T) {
	script := do.NewScript("test")
	do.RegisterIn(script, do.Class[*object]{
		Binding: "OBJECT",
		New: func(context.Context, *do.State, *do.Env) (*object, error) {
			return &object{fetch: whereabouts}, nil
		},
	})
	rt, err := do.Open(do.Options{Scripts: []*do.Script{script}})
	if err != nil {
		t.Fatal(err)
	}
	h := byName(rt.Namespace("OBJECT"))
	if err := rt.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if status, body := get(t, h, "/o/x"); status != 503 || body != "Service Unavailable\n" {
		t.Errorf("GET = %d %q, want 503", status, body)
	}
}

// TestContextsOwnEnd: a client that has gone gets nothing; a deadline of the server's is
// no success.
func TestContextsOwnEnd(t *testing.T) {
	ns := open(t, func(_ context.Context, _ *object, _ *http.Request) (*http.Response, error) {
		t.Error("the event started, though its caller had gone")
		return text("")
	})
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	late, cancel := context.WithDeadline(context.Background(), time.Unix(0, 0))
	defer cancel()
	for _, c := range []struct {
		ctx    context.Context
		status int
	}{{gone, 503}, {late, 504}} {
		response, body := send(t, byName(ns), httptest.NewRequestWithContext(c.ctx, http.MethodGet, "/o/x", nil))
		if response.StatusCode != c.status || body != "" {
			t.Errorf("GET with a context that is %v = %d %q, want %d and nothing", c.ctx.Err(), response.StatusCode, body, c.status)
		}
	}
}
