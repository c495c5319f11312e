package do_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/durablego/do"
)

// renames are the cases in which names change and nothing else (P5, P6).
var renames = []planCase{
	{"P12 a class is renamed again and again", []stage{
		caseA,
		{says: one("main", cl("A", "a", "Second")), want: "rename main/a", has: map[string]int{"main/A": 1}},
		{says: one("main", cl("A", "a", "Third")), want: "rename main/a", has: map[string]int{"main/A": 1}},
		{says: one("main", cl("A", "a", "Fifth")), want: "rename main/a", has: map[string]int{"main/A": 1}},
		{says: one("main", cl("A", "a", "Aye")), want: "rename main/a", has: map[string]int{"main/A": 1}, keys: map[string]string{"main/A": "main.a"}},
	}},
	{"P13 two swap their class names", []stage{
		first,
		{says: one("main", cl("A", "a", "Bee"), cl("B", "b", "Aye")), want: "rename main/a, rename main/b", has: map[string]int{"main/A": 1, "main/B": 2}},
	}},
	{"P13 three rotate class names and bindings", []stage{
		{says: one("main", cl("A", "a", "Aye"), cl("B", "b", "Bee"), cl("C", "c", "Cee")), want: "create main/a, create main/b, create main/c",
			put: map[string]int{"main/A": 1, "main/B": 2, "main/C": 3}},
		{says: one("main", cl("B", "a", "Bee"), cl("C", "b", "Cee"), cl("A", "c", "Aye")), want: "rename main/a, rename main/b, rename main/c",
			has: map[string]int{"main/B": 1, "main/C": 2, "main/A": 3}},
	}},
	{"P14 one is removed and another takes its class name", []stage{
		first,
		{says: []said{{script: "main", class: []do.Class[*box]{cl("B", "b", "Aye")}, tomb: []string{"a"},
			bind: map[string]do.Ref{"LINK": {Script: "main", Class: "Aye"}}}},
			want: "rename main/b, delete main/a", has: map[string]int{"main/B": 2, "main/LINK": 2}},
	}},
	{"P15 a binding is renamed", []stage{
		caseA,
		{says: one("main", cl("OTHER", "a", "Aye")), want: "keep main/a", has: map[string]int{"main/OTHER": 1}},
		{says: one("main", cl("THIRD", "a", "Bee")), want: "rename main/a", has: map[string]int{"main/THIRD": 1}},
	}},
	{"P16 a binding is renamed that was the stable id", []stage{ // P7
		{says: one("main", cl("A", "", "Aye")), want: "create main/A", put: map[string]int{"main/A": 1}},
		{says: one("main", cl("OTHER", "", "Aye")), fails: `PreviousIDs: []string{"A"}`, want: "create main/OTHER, orphan main/A, conflict main/OTHER"},
		{says: one("main", previous(cl("OTHER", "", "Aye"), "A")), want: "re-id main/OTHER", has: map[string]int{"main/OTHER": 1}},
	}},
	{"P17 a stable id is changed", []stage{
		caseA,
		{says: one("main", cl("A", "a2", "New")), fails: `PreviousIDs: []string{"a"}`}, // P7: the binding is the same
		{says: one("main", previous(cl("A", "a2", "New"), "a0", "a")), want: "re-id main/a2, unused main/a2",
			has: map[string]int{"main/A": 1}, keys: map[string]string{"main/A": "main.a"}},
		{says: one("main", previous(cl("A", "a2", "New"), "a")), want: "keep main/a2, unused main/a2", has: map[string]int{"main/A": 1}},
	}},
	{"P29 stable ids that are odd or differ in case", []stage{
		{says: one("main", cl("1", "a:b", "1"), cl("2", "a/b", "2"), cl("3", "a%3Ab", "3"), cl("4", "x", "4"), cl("5", "X", "5")),
			want: "create main/a:b, create main/a/b, create main/a%3Ab, create main/x, create main/X",
			keys: map[string]string{"main/1": "main.a%3Ab", "main/3": "main.a%253Ab", "main/4": "main.x", "main/5": "main.X~2"},
			put:  map[string]int{"main/1": 1, "main/2": 2, "main/3": 3, "main/4": 4, "main/5": 5}},
		{says: one("main", cl("5", "X", "5"), cl("1", "a:b", "1"), cl("2", "a/b", "2"), cl("3", "a%3Ab", "3"), cl("4", "x", "4")),
			want: "keep main/X, keep main/a:b, keep main/a/b, keep main/a%3Ab, keep main/x",
			has:  map[string]int{"main/1": 1, "main/2": 2, "main/3": 3, "main/4": 4, "main/5": 5}},
	}},
	{"P31 settings change", []stage{
		caseA,
		{says: one("main", do.Class[*box]{Binding: "A", NamespaceID: "a", Name: "Aye", IdleTimeout: time.Second, QueueLimit: 7, New: class(nil).New}),
			want: "keep main/a", has: map[string]int{"main/A": 1}},
	}},
}

// removals are the cases in which a declaration goes (P5, P9).
var removals = []planCase{
	{"P18 a declaration is removed, and comes back", []stage{
		first,
		{says: one("main", cl("A", "a", "Aye")), want: "keep main/a, orphan main/b", has: map[string]int{"main/A": 1, "main/B": -1}},
		{says: first.says, want: "keep main/a, keep main/b", has: map[string]int{"main/A": 1, "main/B": 2}},
	}},
	{"P19 all declarations are removed, and come back", []stage{
		first,
		{says: one("main"), want: "orphan main/a, orphan main/b", has: map[string]int{"main/A": -1}},
		{says: one("other"), want: "orphan main/a, orphan main/b"}, // P10: the script is not mounted
		{says: first.says, want: "keep main/a, keep main/b", has: map[string]int{"main/A": 1, "main/B": 2}},
	}},
	{"P27 a tombstone, and the same id again", []stage{
		first,
		{says: []said{{script: "main", class: first.says[0].class, tomb: []string{"a"}}}, fails: `Tombstone("a") of script "main" is about what binding "A" declares`}, // P9
		{says: []said{{script: "main", class: first.says[0].class[1:], tomb: []string{"a"}, bind: map[string]do.Ref{"LINK": {Script: "main", NamespaceID: "a"}}}},
			fails: `is about what binding "LINK" of script "main" leads to`},
		{says: []said{{script: "main", class: first.says[0].class[1:], tomb: []string{"a", "never"}}}, want: "keep main/b, delete main/a, unused main/never"},
		{says: []said{{script: "main", class: first.says[0].class[1:], tomb: []string{"a"}}}, want: "keep main/b, unused main/a"},
		{says: first.says, want: "create main/a, keep main/b", has: map[string]int{"main/A": 0, "main/B": 2},
			keys: map[string]string{"main/A": "main.a~2"}, put: map[string]int{"main/A": 5}},
		{says: []said{{script: "main", class: first.says[0].class[1:], tomb: []string{"a"}}}, want: "keep main/b, delete main/a"},
		{says: first.says, want: "create main/a, keep main/b", has: map[string]int{"main/A": 0}, keys: map[string]string{"main/A": "main.a~3"}},
	}},
	{"P5 one is retired, another takes its class name", []stage{
		caseA,
		{says: one("main", cl("A2", "a2", "Aye")), fails: `Retire("a")`},
		{says: []said{{script: "main", class: []do.Class[*box]{cl("A2", "a2", "Aye")}, retire: []string{"a", "b"}}},
			want: "create main/a2, retire main/a, unused main/b", has: map[string]int{"main/A2": 0, "main/A": -1}},
		{says: []said{{script: "main", class: []do.Class[*box]{cl("A", "a", "Aye"), cl("A2", "a2", "Aye")}, retire: []string{"a"}}},
			want: "keep main/a, keep main/a2, unused main/a", has: map[string]int{"main/A": 1}},
	}},
}

// losses are the cases in which the folder is not as the last start left it.
var losses = []planCase{
	{"P28 the catalog is lost", []stage{
		first,
		{says: one("main", cl("A", "a", "New"), previous(cl("B", "b2", "Bee"), "b")), want: "rename main/a, re-id main/b2"},
		{before: lose("catalog.sqlite"), says: one("main", cl("A", "a", "New")), want: "adopt main/a, orphan main/b2", has: map[string]int{"main/A": 1}},
		{says: one("main", cl("A", "a", "New"), cl("B", "b2", "Bee")), want: "keep main/a, keep main/b2", has: map[string]int{"main/A": 1, "main/B": 2}},
		{before: lose("catalog.sqlite"), says: []said{{script: "main", class: []do.Class[*box]{previous(cl("A", "a3", "New"), "a")}, tomb: []string{"b2"}}},
			want: "adopt main/a3, delete main/b2", has: map[string]int{"main/A": 1}, keys: map[string]string{"main/A": "main.a"}},
	}},
	{"P28 the catalog is lost, of folders that have no identity yet", []stage{
		{says: one("main", cl("5", "a:b", "5"), cl("6", "A:b", "6"), cl("7", "seven", "7")), want: "create main/a:b, create main/A:b, create main/seven",
			put: map[string]int{"main/5": 5, "main/6": 6, "main/7": 7}},
		{before: lose("catalog.sqlite", "main.a%3Ab/IDENTITY", "main.A%3Ab~2/IDENTITY", "main.seven/IDENTITY"),
			says: one("main", cl("5", "a:b", "5"), cl("6", "A:b", "6")), want: "adopt main/a:b, adopt main/A:b, orphan main/seven",
			has: map[string]int{"main/5": 5, "main/6": 6}, keys: map[string]string{"main/6": "main.A%3Ab~2"}},
	}},
	{"P28 a folder that nobody knows has the name of a key", []stage{
		{before: func(t *testing.T, dir string) { wantNil(t, os.MkdirAll(filepath.Join(dir, "main.a", "other"), 0o755)) }, says: caseA.says,
			want: "create main/a", put: map[string]int{"main/A": 1}, keys: map[string]string{"main/A": "main.a~2"}},
	}},
	{"P28 a folder has the identity of another", []stage{
		caseA,
		{before: func(t *testing.T, dir string) { twin(t, dir, "main.a", "odd") }, says: caseA.says,
			want: "keep main/a, orphan main/a", has: map[string]int{"main/A": 1}},
		{before: lose("catalog.sqlite"), says: caseA.says, fails: "move all but one of these folders away"},
	}},
}

// twin makes a second folder that says it is the same namespace, under a key of its own.
func twin(t *testing.T, dir, key, other string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, key, "IDENTITY"))
	wantNil(t, err)
	wantNil(t, os.Mkdir(filepath.Join(dir, other), 0o755))
	wantNil(t, os.WriteFile(filepath.Join(dir, other, "IDENTITY"), []byte(replaceOnce(string(text), `key "`+key, `key "`+other)), 0o644))
}

// TestP28IndexOfAdopted adopts a folder whose index does not know of an object in it.
func TestP28IndexOfAdopted(t *testing.T) {
	dir := t.TempDir()
	caseA.run(t, "first", dir)
	o := do.Options{Dir: dir, Scripts: scripts(caseA.says)}
	rt, err := do.Open(o)
	wantNil(t, err)
	id := rt.Namespace("A").IDFromName("x")
	path := filepath.Join(dir, "main.a", id.String()+".sqlite")
	object, err := os.ReadFile(path)
	wantNil(t, err)
	wantNil(t, rt.Namespace("A").Delete(t.Context(), id))
	closeNow(t, rt)
	wantNil(t, os.WriteFile(path, object, 0o644))
	lose("catalog.sqlite")(t, dir)
	rt, err = do.Open(o)
	wantNil(t, err)
	if n := countObjects(t, rt.Namespace("A")); n != 1 || brief(rt.Plan()) != "adopt main/a" {
		t.Errorf("%d objects, plan %s", n, rt.Plan())
	}
	closeNow(t, rt)
}
