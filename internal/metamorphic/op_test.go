package metamorphic

import (
	"fmt"
	"slices"
	"strings"

	"github.com/durablego/do/kvstorage"
)

// op is an operation. Which fields count depends on what it does.
type op struct {
	do     string
	key    string
	keys   []string
	value  any
	values map[string]any
	list   kvstorage.ListOptions
	at     int   // list: before which entry the body runs
	args   []any // of the statement that do names
	obj    int   // call: of the callee
	body   []op
	end    string // how the body ends: "", or one of the words below
	cut    int    // step: at which of its durable points the power fails, if the mode is for that; 0: behind it
}

// How a body may end, other than by its last operation.
const (
	failing   = "error" // it returns errUser
	panicking = "panic"
	aborting  = "abort"
)

func (o op) String() string {
	var b strings.Builder
	o.print(&b, "")
	return b.String()
}

// print writes the operation the way Go code would call it.
func (o op) print(b *strings.Builder, indent string) {
	var args []string
	add := func(format string, a ...any) { args = append(args, fmt.Sprintf(format, a...)) }
	switch o.do {
	case "call", "deleteObject":
		add("%d", o.obj)
		if o.cut > 0 {
			add("cut: %d", o.cut)
		}
	case "put", "get", "getInt", "exists", "delete":
		add("%q", o.key)
	case "getMany", "deleteMany":
		add("%q", o.keys)
	case "putMany":
		add("%s", show(o.values))
	case "list":
		add("%+q", fmt.Sprintf("%+v", o.list))
		if len(o.body) > 0 {
			add("at: %d", o.at)
		}
	}
	if o.do == "put" {
		add("%s", show(o.value))
	}
	for _, a := range o.args {
		add("%s", show(a))
	}
	fmt.Fprintf(b, "%s%s(%s)", indent, o.do, strings.Join(args, ", "))
	if len(o.body) > 0 || o.end != "" {
		b.WriteString(" {\n")
		for _, inner := range o.body {
			inner.print(b, indent+"\t")
		}
		if o.end != "" {
			fmt.Fprintf(b, "%s\t%s\n", indent, o.end)
		}
		b.WriteString(indent + "}")
	}
	b.WriteByte('\n')
}

// history is the steps: calls from outside, and objects that are deleted.
type history []op

func (h history) String() string {
	var b strings.Builder
	for _, step := range h {
		step.print(&b, "\t")
	}
	return b.String()
}

// size counts the operations.
func (h history) size() int {
	n := 0
	for _, o := range h {
		n += 1 + history(o.body).size()
	}
	return n
}

// clone copies o with its body, as far as shrinking changes it.
func (o op) clone() op {
	o.body = slices.Clone(o.body)
	for i := range o.body {
		o.body[i] = o.body[i].clone()
	}
	return o
}
