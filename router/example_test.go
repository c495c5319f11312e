package router_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/durablego/do"
	"github.com/durablego/do/router"
	"github.com/go-chi/chi/v5"
)

// Room repeats what it hears.
type Room struct{ state *do.State }

func NewRoom(_ context.Context, state *do.State, _ *do.Env) (*Room, error) { return &Room{state}, nil }

func (r *Room) Fetch(_ context.Context, q *http.Request) (*http.Response, error) {
	words, err := io.ReadAll(q.Body)
	if err != nil {
		return nil, err
	}
	return do.Text(http.StatusOK, fmt.Sprintf("%s at %s: %s", r.state.ID().Name(), q.URL.Path, words)), nil
}

// openRooms stands for do.Open in a program's main.
func openRooms() *do.Runtime {
	script := do.NewScript("example")
	do.RegisterIn(script, do.Class[*Room]{Binding: "ROOM", New: NewRoom})
	rt, err := do.Open(do.Options{Scripts: []*do.Script{script}})
	if err != nil {
		panic(err)
	}
	return rt
}

func say(h http.Handler, path string) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, path, strings.NewReader("hello")))
	fmt.Println(w.Code, w.Body)
}

func ExampleByName() {
	rt := openRooms()
	defer rt.Close(context.Background())

	r := chi.NewRouter()
	r.Mount("/room/{name}", router.ByName(rt.Namespace("ROOM"), "name"))

	say(r, "/room/lobby")
	say(r, "/room/4th%2Ffloor/door/2")
	// Output:
	// 200 lobby at /: hello
	// 200 4th/floor at /door/2: hello
}

func ExampleByName_serveMux() {
	rt := openRooms()
	defer rt.Close(context.Background())

	mux := http.NewServeMux()
	mux.Handle("/room/{name}/{rest...}", router.ByName(rt.Namespace("ROOM"), "name"))

	say(mux, "/room/lobby/door/2")
	// Output: 200 lobby at /door/2: hello
}

func ExampleFunc() {
	rt := openRooms()
	defer rt.Close(context.Background())

	rooms := rt.Namespace("ROOM")
	h := router.Func(func(r *http.Request) (*do.Stub, error) {
		user, _, ok := r.BasicAuth() // checked by a handler before this one
		if !ok {
			return nil, do.ErrInvalidID
		}
		return rooms.GetByName("home of " + user), nil
	})
	h.MaxBodyBytes = 64 << 10

	say(h, "/door")
	// Output: 400 Bad Request
}
