package do_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
)

// boxIn registers a class of boxes in a script.
func boxIn(s *do.Script, c do.Class[*box]) {
	if c.New == nil {
		c.New = class(nil).New
	}
	do.RegisterIn(s, c)
}

// TestP10Circle has two scripts that bind each other's class; calls go round, through Env.
func TestP10Circle(t *testing.T) {
	a, b := do.NewScript("a"), do.NewScript("b")
	boxIn(a, do.Class[*box]{Binding: "MINE", NamespaceID: "box-a", Name: "A"})
	boxIn(b, do.Class[*box]{Binding: "MINE", NamespaceID: "box-b", Name: "B"})
	a.Bind("THEIRS", do.Ref{Script: "b", Class: "B"})
	b.Bind("THEIRS", a.Binding("MINE"))
	a.Bind("SELF", do.Ref{Script: "a", NamespaceID: "box-a", Class: "A"})
	env := dotest.New(t, dotest.Options{Runtime: do.Options{Scripts: []*do.Script{a, b}}})
	inA := env.Namespace("MINE")
	wantAdd(t, env.Namespace("SELF").GetByName("x"), 1, 1)
	wantAdd(t, env.Runtime().Script("b").Namespace("THEIRS").GetByName("x"), 1, 2)
	wantAdd(t, env.Namespace("THEIRS").GetByName("x"), 10, 10)
	err := run(env, inA.GetByName("x"), func(ctx context.Context, x *box) error {
		n, err := do.Call(ctx, x.env.Namespace("THEIRS").GetByName("x"), (*box).Add, 5)
		if err == nil && n != 15 {
			t.Errorf("Add through the object's Env = %d, want 15", n)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestP10Unresolved has Open refuse bindings that lead nowhere, naming script and binding.
func TestP10Unresolved(t *testing.T) {
	for name, c := range map[string]struct {
		ref  do.Ref
		want string
	}{
		"no such script":    {do.Ref{Script: "gone", Class: "X"}, `class "X" of script "gone": the script is not mounted`},
		"no such class":     {do.Ref{Script: "host", Class: "X"}, `there is no class "X" of script "host"`},
		"no such namespace": {do.Ref{Script: "host", NamespaceID: "x"}, `there is no namespace "x" of script "host"`},
		"two of one class":  {do.Ref{Script: "host", Class: "box"}, `"ONE" or "TWO"; give a NamespaceID`}, // P2
	} {
		client, host := do.NewScript("client"), do.NewScript("host")
		client.Bind("THERE", c.ref)
		boxIn(host, do.Class[*box]{Binding: "ONE"})
		boxIn(host, do.Class[*box]{Binding: "TWO"})
		_, err := do.Open(do.Options{Dir: t.TempDir(), Scripts: []*do.Script{client, host}})
		if !errors.Is(err, do.ErrUnresolved) || !strings.Contains(err.Error(), c.want) ||
			!strings.Contains(err.Error(), `binding "THERE" of script "client"`) {
			t.Errorf("%s: Open = %v, want ErrUnresolved with %s", name, err, c.want)
		}
	}
}

// TestBindMisuse panics (P2).
func TestBindMisuse(t *testing.T) {
	s := do.NewScript("s")
	boxIn(s, do.Class[*box]{Binding: "BOX"})
	ref := do.Ref{Script: "s", Class: "box"}
	s.Bind("LINK", ref)
	frozen := do.NewScript("frozen")
	dotest.New(t, dotest.Options{Runtime: do.Options{Scripts: []*do.Script{frozen}}})
	s.Retire("old")
	s.Tombstone("gone")
	for name, misuse := range map[string]func(){
		"retire nothing":       func() { s.Retire("") },
		"a stone for nothing":  func() { s.Tombstone("") },
		"retired, and a stone": func() { s.Tombstone("old") },
		"a stone, and retired": func() { s.Retire("gone") },
		"a stone after Open":   func() { frozen.Tombstone("x") },
		"retired after Open":   func() { frozen.Retire("x") },
		"moved from nowhere":   func() { boxIn(s, from(cl("M", "m", "M"), do.Ref{Class: "X"})) },
		"no binding":           func() { s.Bind("", ref) },
		"no script":            func() { s.Bind("B", do.Ref{Class: "box"}) },
		"no class":             func() { s.Bind("B", do.Ref{Script: "s"}) },
		"a class's binding":    func() { s.Bind("BOX", ref) },
		"a Ref's binding":      func() { s.Bind("LINK", ref) },
		"class after Ref":      func() { boxIn(s, do.Class[*box]{Binding: "LINK"}) },
		"one NamespaceID":      func() { boxIn(s, do.Class[*box]{Binding: "OTHER", NamespaceID: "BOX"}) },
		"after Open":           func() { frozen.Bind("B", ref) },
		"an unknown binding":   func() { s.Binding("NONE") },
	} {
		func() {
			defer func() {
				if p, _ := recover().(string); !strings.HasPrefix(p, "do: ") {
					t.Errorf("%s: panic = %q, want do: …", name, p)
				}
			}()
			misuse()
		}()
	}
}
