package do_test

import (
	"strings"

	"github.com/durablego/do"
)

func replaceOnce(text, old, now string) string { return strings.Replace(text, old, now, 1) }

// two is a program of two scripts.
func two(client, host said) []said {
	client.script, host.script = "client", "host"
	return []said{client, host}
}

// only is a script with these classes alone.
func only(class ...do.Class[*box]) said { return said{class: class} }

// atClient is where the moves begin: script client has the data.
var atClient = stage{
	says: two(only(cl("COUNTER", "counter", "Counter")), only()),
	want: "create client/counter",
	put:  map[string]int{"client/COUNTER": 1},
}

var fromClient = do.Ref{Script: "client", NamespaceID: "counter"}

// moves are the cases in which classes go from script to script (P3, P4, P7).
var moves = []planCase{
	{"P20 a class moves", []stage{
		atClient,
		{says: two(said{bind: map[string]do.Ref{"COUNTER": counter}}, only(from(cl("COUNTER", "counter", "Counter"), do.Ref{Script: "client"}))),
			want: "move host/counter", has: map[string]int{"client/COUNTER": 1, "host/COUNTER": 1}, keys: map[string]string{"host/COUNTER": "client.counter"}},
	}},
	{"P20 a class moves and is renamed, with another stable id", []stage{
		atClient,
		{says: two(only(), only(from(cl("C", "c", "Other"), do.Ref{Script: "client", Class: "Counter"}))),
			want: "move host/c", has: map[string]int{"host/C": 1}},
	}},
	{"P21 a class becomes a Ref", []stage{
		atClient,
		{says: two(said{bind: map[string]do.Ref{"COUNTER": {Script: "host", Class: "Counter"}}}, only()),
			fails: `there is no class "Counter" of script "host"`, kind: do.ErrUnresolved}, // P10
		{says: two(said{bind: map[string]do.Ref{"COUNTER": {Script: "host", Class: "Counter"}}}, only(cl("C", "c", "Counter"))),
			fails: `MovedFrom: []do.Ref{{Script: "client", NamespaceID: "counter"}}`, want: "create host/c, orphan client/counter, conflict host/c"}, // P7
		{says: two(said{bind: map[string]do.Ref{"COUNTER": {Script: "host", Class: "Counter"}}, retire: []string{"counter"}}, only(cl("C", "c", "Counter"))),
			want: "create host/c, retire client/counter", has: map[string]int{"client/COUNTER": 0}},
	}},
	{"P22 the old script has a new namespace of that name", []stage{
		atClient,
		{says: two(only(), only(from(cl("COUNTER", "counter", "Counter"), fromClient))), want: "move host/counter", has: map[string]int{"host/COUNTER": 1}},
		{says: two(only(cl("COUNTER", "counter", "Counter")), only(from(cl("COUNTER", "counter", "Counter"), fromClient))),
			want: "create client/counter, keep host/counter, unused host/counter", has: map[string]int{"host/COUNTER": 1, "client/COUNTER": 0},
			keys: map[string]string{"client/COUNTER": "client.counter~2"}, put: map[string]int{"client/COUNTER": 7}},
		{says: two(only(), only(from(cl("COUNTER", "counter", "Counter"), fromClient))),
			want: "keep host/counter, orphan client/counter, unused host/counter", has: map[string]int{"host/COUNTER": 1}},
	}},
	{"P23 MovedFrom from the first day", []stage{
		{says: two(only(), only(from(cl("COUNTER", "counter", "Counter"), fromClient))), want: "create host/counter, unused host/counter",
			put: map[string]int{"host/COUNTER": 3}, keys: map[string]string{"host/COUNTER": "host.counter"}},
	}},
	{"P24 MovedFrom matches several", []stage{
		{says: two(only(cl("ONE", "one", "Counter"), cl("TWO", "two", "Counter")), only()), want: "create client/one, create client/two",
			put: map[string]int{"client/ONE": 1, "client/TWO": 2}},
		{says: two(only(), only(from(cl("C", "c", "C"), do.Ref{Script: "client", Class: "Counter"}))), fails: "narrow its PreviousIDs and MovedFrom"},
		{says: two(only(cl("TWO", "two", "Counter")), only(from(cl("C", "c", "C"), do.Ref{Script: "client", NamespaceID: "two"}))),
			fails: `which binding "TWO" still declares`}, // P4
		{says: two(only(), only(from(cl("C", "c", "C"), do.Ref{Script: "client", NamespaceID: "two"}), from(cl("D", "d", "D"), do.Ref{Script: "client", NamespaceID: "two"}))),
			fails: "not the only class that claims"},
		{says: two(only(), said{class: []do.Class[*box]{from(cl("C", "c", "C"), do.Ref{Script: "client", NamespaceID: "two"})}}),
			want: "move host/c, orphan client/one", has: map[string]int{"host/C": 2}},
		{says: two(said{tomb: []string{"one"}}, only(cl("C", "c", "C"), from(cl("D", "d", "D"), do.Ref{Script: "client", NamespaceID: "one"}))),
			fails: "is about what a class takes over"},
	}},
	{"P25 the target has its own namespace", []stage{
		atClient,
		{says: two(only(cl("COUNTER", "counter", "Counter")), only(cl("MINE", "counter", "Mine"))), want: "keep client/counter, create host/counter",
			put: map[string]int{"host/MINE": 9}},
		{says: two(only(), only(from(cl("MINE", "counter", "Mine"), fromClient))), want: "keep host/counter, orphan client/counter, unused host/counter",
			has: map[string]int{"host/MINE": 9}},
	}},
	{"P26 a Ref comes and goes", []stage{
		{says: two(said{bind: map[string]do.Ref{"COUNTER": counter}}, only(cl("COUNTER", "counter", "Counter"))), want: "create host/counter",
			put: map[string]int{"client/COUNTER": 4}},
		{says: two(only(cl("COUNTER", "counter", "Counter")), only(cl("COUNTER", "counter", "Counter"))), want: "create client/counter, keep host/counter",
			has: map[string]int{"client/COUNTER": 0, "host/COUNTER": 4}},
		{says: two(said{retire: []string{"counter"}}, only(cl("COUNTER", "counter", "Counter"))), want: "keep host/counter, retire client/counter",
			has: map[string]int{"host/COUNTER": 4}},
	}},
}
