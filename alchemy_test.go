package do_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
	"github.com/durablego/do/kvstorage"
	"github.com/durablego/do/sqlstorage"
)

// The page on Alchemy's DurableObjectNamespace, row by row (E9 to E16);
// docs/from-cloudflare.md quotes from here.

// Total is an object that counts. ChatRoom, GameState, Counter and MyCounter are such.
type Total struct{ state *do.State }

func (c *Total) Fetch(ctx context.Context, r *http.Request) (*http.Response, error) {
	return do.Text(http.StatusOK, "ok"), nil
}

func (c *Total) Add(ctx context.Context, n int) (int, error) {
	total, _, err := kvstorage.Get[int](ctx, c.state.KV(), "total")
	if err != nil {
		return 0, err
	}
	total += n
	return total, c.state.KV().Put(ctx, "total", total)
}

type (
	ChatRoom  struct{ Total }
	GameState struct{ Total }
	Counter   struct{ Total }
	MyCounter struct{ Total }
)

func NewChatRoom(_ context.Context, s *do.State, _ *do.Env) (*ChatRoom, error) {
	return &ChatRoom{Total{s}}, nil
}

func NewGameState(_ context.Context, s *do.State, _ *do.Env) (*GameState, error) {
	return &GameState{Total{s}}, nil
}

func NewCounter(_ context.Context, s *do.State, _ *do.Env) (*Counter, error) {
	return &Counter{Total{s}}, nil
}

func NewMyCounter(_ context.Context, s *do.State, _ *do.Env) (*MyCounter, error) {
	return &MyCounter{Total{s}}, nil
}

// opened opens a folder with some scripts and checks the plan.
func opened(t *testing.T, o do.Options, plan string) *do.Runtime {
	t.Helper()
	rt, err := do.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	if got := brief(rt.Plan()); got != plan {
		t.Errorf("plan:\n%s\nwant %s", rt.Plan(), plan)
	}
	return rt
}

// totaler is what the classes above have in common.
type totaler interface {
	do.Object
	Add(ctx context.Context, n int) (int, error)
}

func count(t *testing.T, ns *do.Namespace, n, want int) {
	t.Helper()
	got, err := do.Call(t.Context(), ns.GetByName("x"), totaler.Add, n)
	if err != nil || got != want {
		t.Errorf("Add(%d) = %d, %v, want %d", n, got, err, want)
	}
}

// TestE9_Minimal declares a namespace; the first plan creates it.
func TestE9_Minimal(t *testing.T) {
	s := do.NewScript("main")
	do.RegisterIn(s, do.Class[*ChatRoom]{Binding: "ROOMS", NamespaceID: "chat-rooms", New: NewChatRoom})

	rt := opened(t, do.Options{Dir: t.TempDir(), Scripts: []*do.Script{s}}, "create main/chat-rooms")
	count(t, rt.Namespace("ROOMS"), 1, 1)
	closeNow(t, rt)
}

// User has SQL tables and keys in one database.
type User struct{ state *do.State }

func NewUser(ctx context.Context, state *do.State, env *do.Env) (*User, error) {
	_, err := state.SQL().Exec(ctx, "CREATE TABLE IF NOT EXISTS users(name TEXT)")
	return &User{state}, err
}

func (u *User) Fetch(ctx context.Context, r *http.Request) (*http.Response, error) {
	return do.Text(http.StatusOK, "ok"), nil
}

// Insert writes to both faces, or to none.
func (u *User) Insert(ctx context.Context, name string) (bool, error) {
	return true, u.state.Storage().Transaction(ctx, func(ctx context.Context) error {
		if _, err := u.state.SQL().Exec(ctx, "INSERT INTO users VALUES (?)", name); err != nil {
			return err
		}
		if err := u.state.KV().Put(ctx, "last", name); err != nil {
			return err
		}
		if name == "" {
			return errors.New("no name") // undoes both
		}
		return nil
	})
}

// TestE10_SQLite has SQL and keys side by side in each object, undone together.
func TestE10_SQLite(t *testing.T) {
	s := do.NewScript("main")
	do.RegisterIn(s, do.Class[*User]{Binding: "USERS", NamespaceID: "user-store", New: NewUser})
	env := dotest.New(t, dotest.Options{Runtime: do.Options{Scripts: []*do.Script{s}}})
	stub := env.Namespace("USERS").GetByName("x")
	for _, name := range []string{"ann", ""} {
		if _, err := do.Call(t.Context(), stub, (*User).Insert, name); (err != nil) != (name == "") {
			t.Errorf("Insert(%q) = %v", name, err)
		}
	}
	env.Crash()
	stub = env.Namespace("USERS").GetByName("x")
	wantNil(t, dotest.RunInObject(env, stub, func(ctx context.Context, u *User, state *do.State) error {
		last, _, err := kvstorage.Get[string](ctx, state.KV(), "last")
		if err != nil || last != "ann" {
			t.Errorf("last = %q, %v, want ann", last, err)
		}
		type user struct{ Name string }
		for u, err := range sqlstorage.Query[user](ctx, state.SQL(), "SELECT name FROM users") {
			if err != nil || u.Name != "ann" {
				t.Errorf("row = %+v, %v, want ann", u, err)
			}
		}
		c, err := state.SQL().Exec(ctx, "SELECT count(*) FROM users")
		if err != nil {
			return err
		}
		var n int
		if err := c.One(&n); err != nil || n != 1 {
			t.Errorf("%d rows, %v, want 1", n, err)
		}
		return nil
	}))
}

// TestE11_Environments: production and staging in one folder never meet (I17).
func TestE11_Environments(t *testing.T) {
	s := do.NewScript("game-worker")
	do.RegisterIn(s, do.Class[*GameState]{Binding: "GAME", NamespaceID: "game-state", New: NewGameState})
	production := do.Options{Dir: t.TempDir(), Environment: "production", Scripts: []*do.Script{s}}

	rt := opened(t, production, "create game-worker/game-state")
	count(t, rt.Namespace("GAME"), 1, 1)
	id := rt.Namespace("GAME").IDFromName("x")
	closeNow(t, rt)

	staging := production
	staging.Environment = "staging"
	rt = opened(t, staging, "create game-worker/game-state") // and no word of production's
	count(t, rt.Namespace("GAME"), 10, 10)
	if key := keyOf(rt, "game-worker/GAME"); key != "staging.game-worker.game-state" {
		t.Errorf("key = %s", key)
	}
	_, err := rt.Namespace("GAME").IDFromString(id.String())
	wantErr(t, "production's id in staging", err, do.ErrForeignID)
	closeNow(t, rt)

	rt = opened(t, production, "keep game-worker/game-state")
	count(t, rt.Namespace("GAME"), 1, 2)
	closeNow(t, rt)
}

// caller is an object that calls what its script binds.
type caller struct{ env *do.Env }

func newCaller(_ context.Context, _ *do.State, env *do.Env) (*caller, error) {
	return &caller{env}, nil
}

func (c *caller) Fetch(ctx context.Context, r *http.Request) (*http.Response, error) {
	return c.env.Namespace("COUNTER").GetByName("x").Fetch(ctx, r)
}

// TestE12_BindToAScript reaches a namespace by its script, and by the Env of its objects.
func TestE12_BindToAScript(t *testing.T) {
	w := do.NewScript("my-worker")
	do.RegisterIn(w, do.Class[*Counter]{Binding: "COUNTER", NamespaceID: "counter", New: NewCounter})
	do.RegisterIn(w, do.Class[*caller]{Binding: "CALLER", New: newCaller})

	env := dotest.New(t, dotest.Options{Runtime: do.Options{Scripts: []*do.Script{do.NewScript("other"), w}}})
	rt := env.Runtime()
	count(t, rt.Script("my-worker").Namespace("COUNTER"), 1, 1)
	res, err := rt.Script("my-worker").Namespace("CALLER").GetByName("y").Fetch(t.Context(), request(t, "/"))
	wantBody(t, res, err, "ok")
}

// TestE13_RenameTheClass: the Go type is another, the stable id the same.
func TestE13_RenameTheClass(t *testing.T) {
	dir := t.TempDir()
	before := do.NewScript("main")
	do.RegisterIn(before, do.Class[*Counter]{Binding: "COUNTER", NamespaceID: "counter", New: NewCounter})
	rt := opened(t, do.Options{Dir: dir, Scripts: []*do.Script{before}}, "create main/counter")
	count(t, rt.Namespace("COUNTER"), 1, 1)
	id := rt.Namespace("COUNTER").IDFromName("x")
	closeNow(t, rt)

	after := do.NewScript("main")
	do.RegisterIn(after, do.Class[*MyCounter]{Binding: "COUNTER", NamespaceID: "counter", New: NewMyCounter})
	rt = opened(t, do.Options{Dir: dir, Scripts: []*do.Script{after}}, "rename main/counter")
	if c := rt.Plan().Changes[0]; c.Was.Class != "Counter" || c.Namespace.Class != "MyCounter" {
		t.Errorf("change: %s", c)
	}
	count(t, rt.Namespace("COUNTER"), 1, 2)
	if !rt.Namespace("COUNTER").IDFromName("x").Equal(id) {
		t.Error("the ids have changed")
	}
	closeNow(t, rt)
	rt = opened(t, do.Options{Dir: dir, Scripts: []*do.Script{after}}, "keep main/counter")
	closeNow(t, rt)
}

// TestE14_StableID changes only by PreviousIDs (P7).
func TestE14_StableID(t *testing.T) {
	dir := t.TempDir()
	open := func(c do.Class[*Counter]) (*do.Runtime, error) {
		s := do.NewScript("main")
		do.RegisterIn(s, c)
		return do.Open(do.Options{Dir: dir, Scripts: []*do.Script{s}})
	}
	rt, err := open(do.Class[*Counter]{Binding: "COUNTER", NamespaceID: "counter", New: NewCounter})
	wantNil(t, err)
	count(t, rt.Namespace("COUNTER"), 1, 1)
	closeNow(t, rt)

	_, err = open(do.Class[*Counter]{Binding: "COUNTER", NamespaceID: "counter2", New: NewCounter})
	var conflict *do.PlanError
	if !errors.As(err, &conflict) {
		t.Fatalf("Open = %v, want *PlanError", err)
	}
	rt, err = open(do.Class[*Counter]{Binding: "COUNTER", NamespaceID: "counter2", PreviousIDs: []string{"counter"}, New: NewCounter})
	wantNil(t, err)
	count(t, rt.Namespace("COUNTER"), 1, 2)
	closeNow(t, rt)
}

// TestE15_Reexported gives the client the very binding of the host.
func TestE15_Reexported(t *testing.T) {
	host := do.NewScript("host")
	do.RegisterIn(host, do.Class[*Counter]{Binding: "SHARED_COUNTER", NamespaceID: "shared-counter", New: NewCounter})
	client := do.NewScript("client")
	client.Bind("SHARED_COUNTER", host.Binding("SHARED_COUNTER"))

	env := dotest.New(t, dotest.Options{Runtime: do.Options{Scripts: []*do.Script{client, host}}})
	count(t, env.Runtime().Script("client").Namespace("SHARED_COUNTER"), 1, 1)
	count(t, env.Runtime().Script("host").Namespace("SHARED_COUNTER"), 0, 1)
}

// TestE16_ScriptName gives both scripts one Ref; to its own script it is the local class.
func TestE16_ScriptName(t *testing.T) {
	ref := do.Ref{Script: "host", NamespaceID: "shared-counter"}
	host := do.NewScript("host")
	do.RegisterIn(host, do.Class[*Counter]{Binding: "SHARED_COUNTER", NamespaceID: "shared-counter", New: NewCounter})
	host.Bind("SHARED_2", ref)
	client := do.NewScript("client")
	client.Bind("SHARED_COUNTER", ref)

	env := dotest.New(t, dotest.Options{Runtime: do.Options{Scripts: []*do.Script{client, host}}})
	count(t, env.Runtime().Script("client").Namespace("SHARED_COUNTER"), 1, 1)
	count(t, env.Runtime().Script("host").Namespace("SHARED_COUNTER"), 1, 2)
	count(t, env.Runtime().Script("host").Namespace("SHARED_2"), 0, 2)
}
