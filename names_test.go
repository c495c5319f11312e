package do_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
)

// parsed gives the stub of a box's id as text gives it: without name.
func parsed(t *testing.T, env *dotest.Runtime, name string) *do.Stub {
	t.Helper()
	ns := env.Namespace("BOX")
	id, err := ns.IDFromString(ns.IDFromName(name).String())
	if err != nil {
		t.Fatal(err)
	}
	return ns.Get(id)
}

// TestI13NameFromStorage reaches an object by its id after everything that makes it forget.
func TestI13NameFromStorage(t *testing.T) {
	env := newBoxes(t)
	wantAdd(t, named(env, "x"), 1, 1)
	for what, forget := range map[string]func(){
		"Evict":   func() { wantNil(t, env.Evict(named(env, "x"))) },
		"Restart": env.Restart,
		"Crash":   env.Crash,
	} {
		forget()
		if got := knownName(t, env, parsed(t, env, "x")); got != "x" {
			t.Errorf("after %s the object knows the name %q, want x", what, got)
		}
		wantTotal(t, parsed(t, env, "x"), 1)
	}
}

// TestI13NameIsNoWriteOfItsOwn: an object that stores nothing does not store its name.
func TestI13NameIsNoWriteOfItsOwn(t *testing.T) {
	env := newBoxes(t)
	wantTotal(t, named(env, "x"), 0)
	wantNil(t, env.Evict(named(env, "x")))
	if got := knownName(t, env, parsed(t, env, "x")); got != "" {
		t.Errorf("the object knows the name %q, want none: it has no data", got)
	}
}

// TestI13NameLearnedLater reaches an object first by its id and then by its name.
func TestI13NameLearnedLater(t *testing.T) {
	env := newBoxes(t)
	wantAdd(t, parsed(t, env, "x"), 1, 1)
	if got := knownName(t, env, named(env, "x")); got != "" {
		t.Errorf("a running instance's name became %q", got)
	}
	wantAdd(t, named(env, "x"), 1, 2) // the next commit
	wantNil(t, env.Evict(named(env, "x")))
	if got := knownName(t, env, parsed(t, env, "x")); got != "x" {
		t.Errorf("after eviction the object knows the name %q, want x", got)
	}
}

// TestI14NameMustFit puts the file of one object in the place of another's: its name does
// not hash to that id.
func TestI14NameMustFit(t *testing.T) {
	dir := t.TempDir()
	o := boxes(class(nil))
	o.Dir = dir
	env := dotest.New(t, dotest.Options{Runtime: o})
	wantAdd(t, named(env, "x"), 1, 1)
	wantNil(t, env.Evict(named(env, "x")))
	path := func(name string) string {
		return filepath.Join(dir, "main.BOX", named(env, name).ID().String()+".sqlite")
	}
	data, err := os.ReadFile(path("x"))
	if err == nil {
		err = os.WriteFile(path("y"), data, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	if got := knownName(t, env, parsed(t, env, "y")); got == "x" {
		t.Errorf("object y believes to be called %q", got)
	}
	wantTotal(t, parsed(t, env, "y"), 1)
}
