package main

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
)

// guest is a page, as far as the room sees one.
type guest struct {
	t  *testing.T
	ws *dotest.WebSocket
}

func enter(t *testing.T, env *dotest.Runtime, name string) *guest {
	t.Helper()
	ws, err := env.Dial(env.Namespace("ROOM").GetByName("lobby"), "/?name="+url.QueryEscape(name))
	if err != nil {
		t.Fatal(err)
	}
	return &guest{t, ws}
}

func (g *guest) ask(q request) {
	g.t.Helper()
	b, err := json.Marshal(q)
	if err != nil {
		g.t.Fatal(err)
	}
	if err := g.ws.Send(do.Message{Text: string(b)}); err != nil {
		g.t.Fatal(err)
	}
}

// next gives the next event of a kind.
func (g *guest) next(kind string) event {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.t.Context(), 10*time.Second)
	defer cancel()
	for {
		m, err := g.ws.Receive(ctx)
		if err != nil {
			g.t.Fatalf("waiting for %q: %v", kind, err)
		}
		var e event
		if err := json.Unmarshal([]byte(m.Text), &e); err != nil {
			g.t.Fatal(err)
		}
		if e.Kind == kind {
			return e
		}
	}
}

func (g *guest) wantPeople(want ...string) {
	g.t.Helper()
	if got := g.next("people").People; !slices.Equal(got, want) {
		g.t.Errorf("people %q, want %q", got, want)
	}
}

func (g *guest) wantLine(name, text string) {
	g.t.Helper()
	if l := g.next("line").Line; l == nil || l.Name != name || l.Text != text {
		g.t.Errorf("line %+v, want %s: %s", l, name, text)
	}
}

func TestRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env := dotest.New(t, dotest.Options{})
		ann := enter(t, env, "  Ann  ")
		if hello := ann.next("hello"); hello.You != "Ann" || len(hello.History) > 0 {
			t.Errorf("hello %+v, want Ann and no history", hello)
		}
		ann.wantPeople("Ann")
		bob := enter(t, env, "Bob")
		bob.wantPeople("Ann", "Bob")
		ann.wantPeople("Ann", "Bob")
		ann.ask(request{Say: " hello\n"})
		ann.wantLine("Ann", "hello")
		bob.wantLine("Ann", "hello")

		time.Sleep(time.Minute) // the room sleeps meanwhile, and the sockets stay
		bob.ask(request{Rename: "Rob"})
		ann.wantPeople("Ann", "Rob")
		bob.ask(request{Say: "hi"})
		ann.wantLine("Rob", "hi")
		if err := bob.ws.Close(1000, ""); err != nil {
			t.Error(err)
		}
		ann.wantPeople("Ann")

		env.Crash() // what was read by anybody is kept
		eve := enter(t, env, "Eve")
		var said []string
		for _, l := range eve.next("hello").History {
			said = append(said, l.Name+": "+l.Text)
		}
		if want := []string{"Ann: hello", "Rob: hi"}; !slices.Equal(said, want) {
			t.Errorf("history %q, want %q", said, want)
		}
	})
}

func TestRateLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env := dotest.New(t, dotest.Options{})
		ann := enter(t, env, "Ann")
		for range burst {
			ann.ask(request{Say: "again"})
			ann.wantLine("Ann", "again")
		}
		ann.ask(request{Say: "again"})
		if e := ann.next("trouble"); e.Trouble != "not so fast" {
			t.Errorf("trouble %q", e.Trouble)
		}
		time.Sleep(30 * time.Second) // the limit outlives the instance
		for range burst {
			ann.ask(request{Say: "later"})
			ann.wantLine("Ann", "later")
		}
		ann.ask(request{Say: "too many"})
		ann.next("trouble")
	})
}

// An alarm forgets old messages, and in the end the room.
func TestForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env := dotest.New(t, dotest.Options{})
		ann := enter(t, env, "Ann")
		ann.ask(request{Say: "old"})
		ann.wantLine("Ann", "old")
		time.Sleep(keep - time.Hour)
		ann.ask(request{Say: "new"})
		ann.wantLine("Ann", "new")
		time.Sleep(2 * time.Hour)
		bob := enter(t, env, "Bob")
		if h := bob.next("hello").History; len(h) != 1 || h[0].Text != "new" {
			t.Errorf("history %+v, want only what is new", h)
		}
		for _, g := range []*guest{ann, bob} {
			if err := g.ws.Close(1000, ""); err != nil {
				t.Error(err)
			}
		}
		time.Sleep(keep)
		wantRooms(t, env, 0)
	})
}

// A room in which nothing was said leaves nothing behind.
func TestVisitLeavesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env := dotest.New(t, dotest.Options{})
		ann := enter(t, env, "Ann")
		ann.next("hello")
		wantRooms(t, env, 1)
		if err := ann.ws.Close(1000, ""); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Minute)
		wantRooms(t, env, 0)
	})
}

func wantRooms(t *testing.T, env *dotest.Runtime, want int) {
	t.Helper()
	n := 0
	for _, err := range env.Namespace("ROOM").Objects(t.Context(), do.ObjectsOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != want {
		t.Errorf("%d rooms have data, want %d", n, want)
	}
}

func TestRefused(t *testing.T) {
	env := dotest.New(t, dotest.Options{Handler: handler})
	for _, c := range []struct {
		target string
		status int
	}{
		{"/", 200},
		{"/room/lobby", 200},
		{"/room/lobby/ws?name=Ann", 426},
		{"/room/lobby/ws", 400},
		{"/room/lobby/ws?name=" + strings.Repeat("x", 33), 400},
		{"/nothing", 404},
	} {
		response := env.Fetch(httptest.NewRequest("GET", c.target, nil))
		if err := response.Body.Close(); err != nil {
			t.Error(err)
		}
		if response.StatusCode != c.status {
			t.Errorf("GET %s = %d, want %d", c.target, response.StatusCode, c.status)
		}
	}
	ann := enter(t, env, "Ann")
	for _, text := range []string{"no JSON", `{}`, `{"say":" "}`, `{"rename":"` + strings.Repeat("x", 33) + `"}`} {
		if err := ann.ws.Send(do.Message{Text: text}); err != nil {
			t.Fatal(err)
		}
		ann.next("trouble")
	}
}
