package do_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
	"github.com/durablego/do/internal/bridge"
	"github.com/go-chi/chi/v5"
)

// adder is what callers may know of a box (F2).
type adder interface {
	Add(ctx context.Context, n int) (int, error)
}

// Mutate changes what it is given, and gives it back.
func (b *box) Mutate(_ context.Context, m map[string][]int) (map[string][]int, error) {
	m["a"][0]++
	m["new"] = nil
	return m, nil
}

// Echo gives its argument back.
func (b *box) Echo(_ context.Context, s string) (string, error) { return s, nil }

// Grow gives n bytes.
func (b *box) Grow(_ context.Context, n int) ([]byte, error) { return make([]byte, n), nil }

// Chan cannot be passed.
func (b *box) Chan(context.Context, chan int) (int, error) { return 0, nil }

// Fail fails as a caller asks for.
func (b *box) Fail(ctx context.Context, n int) (int, error) {
	if _, err := b.Add(ctx, n); err != nil {
		return 0, err
	}
	return 0, b.failure()
}

func (b *box) failure() error {
	return fmt.Errorf("no luck: %w", &luckError{13})
}

// hidden is no exported method.
func (b *box) hidden(context.Context, int) (int, error) { return 0, nil }

func addOutside(b *box, ctx context.Context, n int) (int, error) { return b.Add(ctx, n) }

type luckError struct{ number int }

func (e *luckError) Error() string { return fmt.Sprint("number ", e.number) }

// another is a class with no event in common with box.
type another struct{ *box }

func (a *another) Add(ctx context.Context, n int) (int, error) { return a.box.Add(ctx, n) }

// TestF2Methods tries everything that is not a method of the object's class. All of it is
// refused before anything is queued: no instance is built (L24.10).
func TestF2Methods(t *testing.T) {
	env := newBoxes(t)
	stub := named(env, "x")
	refused := func(what string, err, want error) {
		t.Helper()
		wantErr(t, what, err, want)
		if e := errorOf(t, err); e.Remote || e.Retryable || e.Overloaded || e.Reset {
			t.Errorf("%s: %+v, want none of the properties", what, e)
		}
	}
	literal := func(b *box, ctx context.Context, n int) (int, error) { return b.Add(ctx, n) }
	_, err := do.Call(t.Context(), stub, literal, 1)
	refused("a function literal", err, do.ErrNotMethod)
	_, err = do.Call(t.Context(), stub, addOutside, 1)
	refused("a function", err, do.ErrNotMethod)
	_, err = do.Call(t.Context(), stub, (*box).hidden, 1)
	refused("a method that is not exported", err, do.ErrNotMethod)
	_, err = do.Call[*box, int, int](t.Context(), stub, nil, 1)
	refused("nil", err, do.ErrNotMethod)
	_, err = do.Call(t.Context(), stub, (*box).Fetch, request(t, "/"))
	refused("Fetch", err, do.ErrNotMethod)
	_, err = do.Call0(t.Context(), stub, func(b *box, ctx context.Context) (int, error) { return 0, nil })
	refused("a function literal, Call0", err, do.ErrNotMethod)
	_, err = do.Call(t.Context(), stub, (*another).Add, 1)
	refused("a method of another class", err, do.ErrWrongClass)
	_, err = do.Call(t.Context(), stub, stranger.Strange, 1)
	refused("an interface that the class lacks", err, do.ErrWrongClass)
	_, err = do.Call(t.Context(), stub, (*box).Chan, make(chan int))
	refused("an argument that cannot be passed", err, do.ErrInvalidValue)
	wantErr(t, "Evict after all that", env.Evict(stub), do.ErrNotRunning)

	total, err := do.Call(t.Context(), stub, adder.Add, 5)
	if err != nil || total != 5 {
		t.Errorf("a call through an interface = %d, %v, want 5", total, err)
	}
}

type stranger interface {
	Strange(ctx context.Context, n int) (int, error)
}

// TestF3Copies passes what could be shared both ways.
func TestF3Copies(t *testing.T) {
	env := newBoxes(t)
	mine := map[string][]int{"a": {1}}
	theirs, err := do.Call(t.Context(), named(env, "x"), (*box).Mutate, mine)
	if err != nil || fmt.Sprint(mine) != "map[a:[1]]" || fmt.Sprint(theirs) != "map[a:[2] new:[]]" {
		t.Errorf("mine %v, theirs %v, %v, want mine as it was", mine, theirs, err)
	}
}

// TestF3Limit passes arguments and results over MaxCallBytes (N6).
func TestF3Limit(t *testing.T) {
	o := boxes(class(nil))
	o.MaxCallBytes = 1000
	env := dotest.New(t, dotest.Options{Runtime: o})
	stub := named(env, "x")
	_, err := do.Call(t.Context(), stub, (*box).Echo, strings.Repeat("x", 1001))
	wantErr(t, "a large argument", err, do.ErrValueTooLarge)
	wantErr(t, "Evict after it", env.Evict(stub), do.ErrNotRunning)
	if got, err := do.Call(t.Context(), stub, (*box).Echo, strings.Repeat("x", 900)); err != nil || len(got) != 900 {
		t.Errorf("900 bytes = %d, %v", len(got), err)
	}
	_, err = do.Call(t.Context(), stub, (*box).Grow, 1001)
	wantErr(t, "a large result", err, do.ErrValueTooLarge)
	wantMemory(t, stub, 0)
}

// TestL24Handler is L24.1, and L25: the cause is the handler's own error.
func TestL24Handler(t *testing.T) {
	env := newBoxes(t)
	stub := named(env, "x")
	_, err := do.Call(t.Context(), stub, (*box).Fail, 3)
	var luck *luckError
	if !errors.As(err, &luck) || luck.number != 13 {
		t.Errorf("errors.As does not reach the method's error in %v", err)
	}
	e := errorOf(t, err)
	if !e.Remote || e.Retryable || e.Overloaded || e.Reset || e.Op != "Fail" || !e.ID.Equal(stub.ID()) {
		t.Errorf("%+v, want Remote, Op Fail, the stub's ID", e)
	}
	wantTotal(t, stub, 3) // T34.1: the writes stay
	wantNil(t, run(env, stub, func(_ context.Context, b *box) error {
		b.fetch = func(context.Context, *http.Request) (*http.Response, error) {
			return do.Text(200, ""), &do.Error{Retryable: true, Overloaded: true, Err: errBoom}
		}
		return nil
	}))
	_, err = stub.Fetch(t.Context(), request(t, "/"))
	wantErr(t, "Fetch", err, errBoom)
	if e := errorOf(t, err); !e.Remote || !e.Retryable || !e.Overloaded || e.Reset || e.Op != "fetch" {
		t.Errorf("%+v, want Remote, and Retryable and Overloaded as set", e)
	}
}

// TestL24IDs is L24.9.
func TestL24IDs(t *testing.T) {
	ns := newBoxes(t).Namespace("BOX")
	foreign := dotest.NewWith(t, dotest.Options{Runtime: boxes(class(nil))},
		bridge.Config{UniqueKeys: map[string]string{"BOX": "another"}}).Namespace("BOX").IDFromName("x")
	for id, want := range map[do.ID]error{{}: do.ErrInvalidID, foreign: do.ErrForeignID} {
		_, err := do.Call(t.Context(), ns.Get(id), (*box).Add, 1)
		wantErr(t, "call", err, want)
		var e *do.Error
		if !errors.As(err, &e) || e.Remote || e.Retryable || e.Overloaded || e.Reset {
			t.Errorf("%+v, want none of the properties", e)
		}
	}
}

// TestF1Fetch looks at a request from both sides.
func TestF1Fetch(t *testing.T) {
	type key struct{}
	env := newBoxes(t)
	stub := named(env, "x")
	var got *http.Request
	wantNil(t, run(env, stub, func(_ context.Context, b *box) error {
		b.fetch = func(ctx context.Context, r *http.Request) (*http.Response, error) {
			got = r
			if r.Context() != ctx || ctx.Value(key{}) != "of the call" {
				t.Errorf("the request's context is the turn's: %v, value %v", r.Context() == ctx, ctx.Value(key{}))
			}
			r.Header.Set("X", "changed")
			r.URL.Path = "/changed"
			if r.URL.Query().Get("nil") != "" {
				return nil, nil
			}
			body, err := io.ReadAll(r.Body)
			return do.Text(http.StatusTeapot, r.Host+" "+string(body)), err
		}
		return nil
	}))
	r := request(t, "/p?q")
	r.Header.Set("X", "mine")
	r.Body = io.NopCloser(strings.NewReader("body"))
	gone, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "of the request"))
	cancel()
	r = r.WithContext(gone) // does not count
	res, err := stub.Fetch(context.WithValue(t.Context(), key{}, "of the call"), r)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusTeapot || string(body) != "box body" {
		t.Errorf("answer %d %q, %v", res.StatusCode, body, err)
	}
	if got == r || r.Header.Get("X") != "mine" || r.URL.Path != "/p" {
		t.Errorf("the object changed the caller's request: %v %v", r.Header, r.URL)
	}
	res, err = stub.Fetch(context.WithValue(t.Context(), key{}, "of the call"), request(t, "/?nil=1"))
	if e := errorOf(t, err); res != nil || !e.Remote || e.Reset {
		t.Errorf("a nil response = %v, %+v, want an error of the object", res, e)
	}
	relative := request(t, "/p")
	relative.URL.Scheme, relative.URL.Host = "", ""
	for what, bad := range map[string]*http.Request{"a relative URL": relative, "no URL": {}, "nil": nil} {
		_, err := stub.Fetch(t.Context(), bad)
		wantErr(t, what, err, do.ErrInvalidValue)
	}
}

// TestF1Streams reads an answer's body outside turns: the object is free meanwhile.
func TestF1Streams(t *testing.T) {
	bubble(t, func(t *testing.T, env *dotest.Runtime) {
		stub := named(env, "x")
		r, w := io.Pipe()
		wantNil(t, run(env, stub, func(_ context.Context, b *box) error {
			b.fetch = func(context.Context, *http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: 200, Body: r}, nil
			}
			return nil
		}))
		res, err := stub.Fetch(t.Context(), request(t, "/"))
		wantNil(t, err)
		text := make(chan string)
		go func() {
			b, err := io.ReadAll(res.Body)
			wantNil(t, err)
			text <- string(b)
		}()
		synctest.Wait()
		wantAdd(t, stub, 1, 1)
		_, err = io.WriteString(w, "streamed")
		wantNil(t, err)
		wantNil(t, w.Close())
		if s := <-text; s != "streamed" {
			t.Errorf("body = %q", s)
		}
		wantNil(t, res.Body.Close())
	})
}

// TestF4Order sends calls one after the other, without waiting for their answers.
func TestF4Order(t *testing.T) {
	bubble(t, func(t *testing.T, env *dotest.Runtime) {
		stub, j := named(env, "x"), &journal{}
		var answers []<-chan error
		var want []string
		for i := range 50 {
			want = append(want, fmt.Sprint(i))
			answers = append(answers, start(env, stub, func(context.Context, *box) error { j.say(fmt.Sprint(i)); return nil }))
			synctest.Wait()
		}
		for _, a := range answers {
			wantNil(t, <-a)
		}
		j.want(t, strings.Join(want, " "))
	})
}

// TestF4Context shows the values of the caller's context, but neither chi's route context,
// which chi uses again, nor the caller's turn; route parameters arrive by PathValue.
func TestF4Context(t *testing.T) {
	type key struct{}
	env := newBoxes(t)
	wantNil(t, run(env, named(env, "y"), func(_ context.Context, b *box) error {
		b.fetch = func(ctx context.Context, r *http.Request) (*http.Response, error) {
			if ctx.Value(key{}) != "v" || ctx.Value(chi.RouteCtxKey) != nil || r.PathValue("name") != "n" {
				t.Errorf("value %v, chi's %v, path value %q, want v, nil, n",
					ctx.Value(key{}), ctx.Value(chi.RouteCtxKey), r.PathValue("name"))
			}
			return do.Text(200, ""), nil
		}
		return nil
	}))
	r := request(t, "/n")
	r.SetPathValue("name", "n")
	ctx := context.WithValue(context.WithValue(t.Context(), key{}, "v"), chi.RouteCtxKey, chi.NewRouteContext())
	_, err := named(env, "y").Fetch(ctx, r)
	wantNil(t, err)
}

// TestF5Serve runs a chi router inside an object.
func TestF5Serve(t *testing.T) {
	env := newBoxes(t)
	stub := named(env, "x")
	wantNil(t, run(env, stub, func(_ context.Context, b *box) error {
		router := chi.NewRouter()
		router.Post("/add/{n}", func(w http.ResponseWriter, r *http.Request) {
			total, err := b.Add(r.Context(), len(chi.URLParam(r, "n")))
			if err != nil {
				t.Error(err)
			}
			w.Header().Set("X-Total", fmt.Sprint(total))
			w.WriteHeader(http.StatusCreated)
			w.Header().Set("X-Late", "1")
			w.WriteHeader(http.StatusTeapot)
			fmt.Fprintf(w, "<html>%d", total)
		})
		router.Get("/panic", func(http.ResponseWriter, *http.Request) { panic(errBoom) })
		router.Get("/stream", func(w http.ResponseWriter, r *http.Request) {
			_, flusher := w.(http.Flusher)
			_, hijacker := w.(http.Hijacker)
			if flusher || hijacker {
				t.Errorf("Flusher %v, Hijacker %v, want neither", flusher, hijacker)
			}
		})
		b.fetch = func(_ context.Context, r *http.Request) (*http.Response, error) { return do.Serve(router, r) }
		return nil
	}))
	post := request(t, "/add/abc")
	post.Method = "POST"
	res, err := stub.Fetch(t.Context(), post)
	if err != nil {
		t.Fatal(err)
	}
	var body bytes.Buffer
	if _, err := body.ReadFrom(res.Body); err != nil {
		t.Error(err)
	}
	if res.StatusCode != http.StatusCreated || res.Header.Get("X-Total") != "3" || res.Header.Get("X-Late") != "" ||
		body.String() != "<html>3" || !strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") || res.ContentLength != 7 {
		t.Errorf("answer %d %v %q", res.StatusCode, res.Header, &body)
	}
	for path, want := range map[string]int{"/stream": 200, "/none": 404, "/add/abc": 405} {
		res, err := stub.Fetch(t.Context(), request(t, path))
		if err != nil || res.StatusCode != want {
			t.Errorf("GET %s = %v, %v, want %d", path, res, err, want)
		}
	}
	_, err = stub.Fetch(t.Context(), request(t, "/panic"))
	wantErr(t, "a panic of the handler", err, do.ErrReset)
	wantTotal(t, stub, 3)
}
