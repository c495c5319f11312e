package do_test

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/durablego/do"
)

// said is what a script of a test says.
type said struct {
	script string
	class  []do.Class[*box]
	bind   map[string]do.Ref
	tomb   []string
	retire []string
}

// cl is a class with the binding, stable id and class name given.
func cl(binding, id, name string) do.Class[*box] {
	return do.Class[*box]{Binding: binding, NamespaceID: id, Name: name}
}

func previous(c do.Class[*box], ids ...string) do.Class[*box] {
	c.PreviousIDs = ids
	return c
}

func from(c do.Class[*box], refs ...do.Ref) do.Class[*box] {
	c.MovedFrom = refs
	return c
}

func scripts(all []said) (list []*do.Script) {
	for _, a := range all {
		s := do.NewScript(a.script)
		for _, c := range a.class {
			boxIn(s, c)
		}
		for binding, ref := range a.bind {
			s.Bind(binding, ref)
		}
		for _, id := range a.tomb {
			s.Tombstone(id)
		}
		for _, id := range a.retire {
			s.Retire(id)
		}
		list = append(list, s)
	}
	return list
}

// stage is one start of a program.
type stage struct {
	says   []said
	before func(t *testing.T, dir string)
	want   string            // the plan: kind script/id, …
	fails  string            // in the error of Open
	kind   error             // of it, if it is no *PlanError
	has    map[string]int    // what object x has, by script/binding; -1: not served
	put    map[string]int    // what it is then given
	keys   map[string]string // unique keys, by script/binding
}

var counter = do.Ref{Script: "host", NamespaceID: "counter"}

// one is a program of one script.
func one(script string, class ...do.Class[*box]) []said {
	return []said{{script: script, class: class}}
}

// first is the start that most cases begin with: two namespaces with data.
var first = stage{
	says: one("main", cl("A", "a", "Aye"), cl("B", "b", "Bee")),
	want: "create main/a, create main/b",
	put:  map[string]int{"main/A": 1, "main/B": 2},
}

var caseA = stage{says: one("main", cl("A", "a", "Aye")), want: "create main/a", put: map[string]int{"main/A": 1}}

// TestClassChanges has programs start one after the other on one folder. After each, the
// same program plans nothing more (P11), and a dry run tells the same as the start (P8).
func TestClassChanges(t *testing.T) {
	for _, c := range slices.Concat(renames, removals, moves, losses) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for i, s := range c.stages {
				s.run(t, fmt.Sprintf("start %d", i+1), dir)
			}
		})
	}
}

type planCase struct {
	name   string
	stages []stage
}

func (s *stage) run(t *testing.T, which, dir string) {
	t.Helper()
	if s.before != nil {
		s.before(t, dir)
	}
	o := do.Options{Dir: dir, Relaxed: true, Scripts: scripts(s.says), Logger: slog.New(slog.DiscardHandler)}
	dry := o
	dry.DryRun = true
	planned, derr := do.Open(dry)
	rt, err := do.Open(o)
	if s.fails != "" {
		s.refused(t, which, err, derr)
		return
	}
	if err != nil || derr != nil {
		t.Fatalf("%s: Open = %v; in a dry run %v", which, err, derr)
	}
	if got := brief(rt.Plan()); got != s.want {
		t.Errorf("%s: plan:\n%s\nwant: %s", which, rt.Plan(), s.want)
	}
	if planned.Plan().String() != rt.Plan().String() {
		t.Errorf("%s: plan of the dry run:\n%s\nof the start:\n%s", which, planned.Plan(), rt.Plan())
	}
	closeNow(t, planned)
	for name, want := range s.has {
		script, binding, _ := strings.Cut(name, "/")
		stub := rt.Script(script).Namespace(binding).GetByName("x")
		got, err := do.Call0(t.Context(), stub, (*box).Total)
		if want < 0 && !errors.Is(err, do.ErrUnserved) || want >= 0 && (err != nil || got != want) {
			t.Errorf("%s: %s has %d, %v, want %d", which, name, got, err, want)
		}
	}
	for name, n := range s.put {
		script, binding, _ := strings.Cut(name, "/")
		if _, err := do.Call(t.Context(), rt.Script(script).Namespace(binding).GetByName("x"), (*box).Add, n); err != nil {
			t.Fatalf("%s: %s: %v", which, name, err)
		}
	}
	for name, want := range s.keys {
		if got := keyOf(rt, name); got != want {
			t.Errorf("%s: %s has key %s, want %s", which, name, got, want)
		}
	}
	closeNow(t, rt)
	again, err := do.Open(o)
	if err != nil {
		t.Fatalf("%s: second Open = %v", which, err)
	}
	if !again.Plan().Empty() {
		t.Errorf("%s: plan of the second Open:\n%s\nwant nothing to do", which, again.Plan())
	}
	closeNow(t, again)
}

// refused checks that Open fails, in a dry run too, and says what to write.
func (s *stage) refused(t *testing.T, which string, err, derr error) {
	t.Helper()
	var plan *do.PlanError
	if err == nil || derr == nil || err.Error() != derr.Error() {
		t.Fatalf("%s: Open = %v; in a dry run %v", which, err, derr)
	}
	if !errors.As(err, &plan) && (s.kind == nil || !errors.Is(err, s.kind)) {
		t.Errorf("%s: Open = %v, want *PlanError, or %v", which, err, s.kind)
	}
	if !strings.Contains(err.Error(), s.fails) {
		t.Errorf("%s: Open = %v\nwant in it: %s", which, err, s.fails)
	}
	if plan != nil && s.want != "" && brief(plan.Plan) != s.want {
		t.Errorf("%s: plan:\n%s\nwant: %s", which, plan.Plan, s.want)
	}
}

// brief is a plan in one line.
func brief(p do.Plan) string {
	var all []string
	for _, c := range p.Changes {
		all = append(all, fmt.Sprintf("%s %s/%s", c.Kind, c.Namespace.Script, c.Namespace.NamespaceID))
	}
	return strings.Join(all, ", ")
}

func keyOf(rt *do.Runtime, name string) string {
	script, binding, _ := strings.Cut(name, "/")
	for _, c := range rt.Plan().Changes {
		if c.Namespace.Script == script && c.Binding == binding {
			return c.Key
		}
	}
	return ""
}

func lose(files ...string) func(t *testing.T, dir string) {
	return func(t *testing.T, dir string) {
		for _, f := range files {
			wantNil(t, os.Remove(filepath.Join(dir, f)))
		}
	}
}

// TestP1Identity finds in each folder whose it is, as of now, and made with the folder.
func TestP1Identity(t *testing.T) {
	dir := t.TempDir()
	rt, err := do.Open(do.Options{Dir: dir, Scripts: scripts(first.says)})
	wantNil(t, err)
	wantAdd(t, rt.Namespace("B").GetByName("x"), 2, 2)
	text, err := os.ReadFile(filepath.Join(dir, "main.b", "IDENTITY"))
	if err != nil || !strings.Contains(string(text), "\nid \"b\"\nclass \"Bee\"\n") {
		t.Errorf("IDENTITY = %v\n%s", err, text)
	}
	copied := filepath.Join(t.TempDir(), "copy")
	wantNil(t, rt.Backup(t.Context(), copied))
	if again, err := os.ReadFile(filepath.Join(copied, "main.b", "IDENTITY")); err != nil || string(again) != string(text) {
		t.Errorf("IDENTITY of a copy = %v\n%s", err, again)
	}
	closeNow(t, rt)
	moved := stage{
		says: one("main", previous(cl("B2", "b2", "Bee2"), "b")), want: "re-id main/b2, orphan main/a",
		has: map[string]int{"main/B2": 2},
	}
	moved.run(t, "second", dir)
	text, err = os.ReadFile(filepath.Join(dir, "main.b", "IDENTITY"))
	want := "durable objects namespace 1\nkey \"main.b\"\nenvironment \"\"\nscript \"main\"\nid \"b2\"\nclass \"Bee2\"\nbinding \"B2\"\n.\n"
	if err != nil || string(text) != want {
		t.Errorf("IDENTITY = %v\n%s\nwant\n%s", err, text, want)
	}
}

// TestP11NothingTwice starts the same program again and again: no file of the folder changes.
func TestP11NothingTwice(t *testing.T) {
	dir := t.TempDir()
	first.run(t, "first", dir)
	before := contents(t, dir)
	for range 2 {
		again := first
		again.want, again.put, again.has = "keep main/a, keep main/b", nil, nil
		again.run(t, "again", dir)
	}
	if after := contents(t, dir); !maps.Equal(before, after) {
		t.Errorf("files have changed: %s, were %s", below(t, dir), slices.Sorted(maps.Keys(before)))
	}
}

// contents gives the files of a folder.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	for _, name := range strings.Fields(below(t, dir)) {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if name != "LOCK" {
			files[name] = string(b)
		}
	}
	return files
}

// TestP8DryRun plans on the folder of a running server, and on none: nothing is written, no
// lock taken, nothing served.
func TestP8DryRun(t *testing.T) {
	dir := t.TempDir()
	o := do.Options{Dir: dir, Scripts: scripts(first.says)}
	rt, err := do.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	defer closeNow(t, rt)
	wantAdd(t, rt.Namespace("A").GetByName("x"), 1, 1)
	before := below(t, dir)
	dry, err := do.Open(do.Options{Dir: dir, DryRun: true, Scripts: scripts(one("main", cl("A", "a", "New")))})
	if err != nil {
		t.Fatal(err)
	}
	want := "rename   main/a (class New, binding A), was main/a (class Aye), folder main.a\n" +
		`orphan   main/b (class Bee, binding B), folder main.b: its data is kept and not served: declare it, or let script "main" say Retire("b"), or Tombstone("b") to remove it`
	if got := dry.Plan().String(); got != want {
		t.Errorf("plan:\n%s\nwant\n%s", got, want)
	}
	stub := dry.Namespace("A").GetByName("x")
	if !stub.ID().Equal(rt.Namespace("A").IDFromName("x")) {
		t.Error("the ids of a dry run are others")
	}
	_, err = do.Call0(t.Context(), stub, (*box).Total)
	wantErr(t, "a call", err, do.ErrUnserved)
	_, err = stub.Fetch(t.Context(), request(t, "/"))
	wantErr(t, "Fetch", err, do.ErrUnserved)
	wantErr(t, "Delete", dry.Namespace("A").Delete(t.Context(), stub.ID()), do.ErrUnserved)
	for _, err := range dry.Namespace("A").Objects(t.Context(), do.ObjectsOptions{}) {
		wantErr(t, "Objects", err, do.ErrUnserved)
	}
	wantErr(t, "Backup", dry.Backup(t.Context(), filepath.Join(t.TempDir(), "copy")), do.ErrUnserved)
	closeNow(t, dry)
	if after := below(t, dir); after != before {
		t.Errorf("files after a dry run: %s, before: %s", after, before)
	}
	none := filepath.Join(t.TempDir(), "none")
	for _, where := range []string{none, ""} {
		dry, err = do.Open(do.Options{Dir: where, DryRun: true, Scripts: scripts(first.says)})
		if err != nil || brief(dry.Plan()) != first.want {
			t.Fatalf("a dry run without folder = %v, %v", dry.Plan(), err)
		}
		closeNow(t, dry)
	}
	if _, err := os.Stat(none); !os.IsNotExist(err) {
		t.Errorf("a dry run made its folder: %v", err)
	}
}

// TestP5Logged tells an operator of changes, warns of data that nobody declares, and says
// nothing of what is kept, created or retired.
func TestP5Logged(t *testing.T) {
	dir := t.TempDir()
	for i, c := range []struct {
		says []said
		want string
	}{
		{first.says, ""},
		{first.says, ""},
		{one("main", cl("A", "a", "New")), "level=INFO rename level=WARN orphan"},
		{[]said{{script: "main", class: []do.Class[*box]{cl("A", "a", "New")}, retire: []string{"b"}}}, ""},
		{one("main", previous(cl("A", "a", "New"), "z"), cl("B", "b", "Bee")), "level=INFO unused"},
		{[]said{{script: "main", class: []do.Class[*box]{cl("A", "a", "New")}, tomb: []string{"b"}}}, "level=INFO delete"},
	} {
		log := &logged{}
		rt, err := do.Open(do.Options{Dir: dir, Scripts: scripts(c.says), Logger: log.logger()})
		if err != nil {
			t.Fatal(err)
		}
		closeNow(t, rt)
		var got []string
		for _, line := range strings.Split(strings.TrimSpace(log.String()), "\n") {
			for _, word := range strings.Fields(strings.NewReplacer(`change="`, "change= ").Replace(line)) {
				switch {
				case strings.HasPrefix(word, "level="), word == "rename", word == "orphan", word == "unused", word == "delete":
					got = append(got, word)
				}
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("start %d logs %q, want %q:\n%s", i+1, got, c.want, log)
		}
	}
}
