package metamorphic

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/durablego/do/kvstorage"
)

// generator draws operations.
type generator struct{ rng *rand.Rand }

// generate draws a history.
func generate(seed uint64, steps int) history {
	g := &generator{rand.New(rand.NewPCG(seed, 0x6d657461))}
	h := make(history, steps)
	for i := range h {
		obj := g.rng.IntN(3)
		if g.rng.IntN(40) == 0 {
			h[i] = op{do: "deleteObject", obj: obj}
			continue
		}
		h[i] = g.event(place{chain: []int{obj}, later: true})
		if g.rng.IntN(8) == 0 { // so that there is a table with something in it more often than not
			h[i].body = append([]op{{do: "createMaybe"}, {do: "upsert", args: []any{"n1", int64(3)}}, {do: "upsert", args: []any{"n2", int64(3)}}}, h[i].body...)
		}
		if g.rng.IntN(3) > 0 {
			h[i].cut = 1 + g.rng.IntN(3)
		}
	}
	return h
}

// place is where operations are drawn for.
type place struct {
	chain []int // objects of the frames, the first event's first
	depth int   // of bodies in each other
	later bool  // WaitUntil may be asked for
}

// mayReset says whether the last frame may reset its object: see the package comment.
func (p place) mayReset() bool {
	obj := p.chain[len(p.chain)-1]
	own := len(p.chain) - 1
	for own > 0 && p.chain[own-1] == obj {
		own--
	}
	return !slices.Contains(p.chain[:own], obj)
}

func (p place) inner() place {
	p.depth++
	return p
}

func pick[T any](g *generator, from ...T) T { return from[g.rng.IntN(len(from))] }

// event draws an event of the last object of the chain.
func (g *generator) event(p place) op {
	o := op{do: "call", obj: p.chain[len(p.chain)-1], body: g.body(p, 6)}
	o.end = g.end(p, true)
	return o
}

// end draws how a body ends.
func (g *generator) end(p place, mayFail bool) string {
	switch n := g.rng.IntN(24); {
	case n < 3 && mayFail:
		return failing
	case n == 3 && p.mayReset():
		return panicking
	case n == 4 && p.mayReset():
		return aborting
	}
	return ""
}

func (g *generator) body(p place, most int) []op {
	all := make([]op, g.rng.IntN(most+1))
	for i := range all {
		all[i] = g.op(p)
	}
	return all
}

// op draws an operation of any kind.
func (g *generator) op(p place) op {
	n := g.rng.IntN(100)
	switch {
	case n < 40:
		return g.keys(p)
	case n < 71:
		return g.sql(p)
	case n < 78:
		return op{do: "sync"}
	case n == 78:
		return op{do: pick(g, "size", "deleteAll")}
	case p.depth >= 4:
		return g.put()
	case n < 88:
		return op{do: "transaction", body: g.body(p.inner(), 4), end: g.end(p, true)}
	case n < 90:
		return op{do: "block", body: g.body(p.inner(), 4), end: g.end(p, p.mayReset())}
	case n < 92 && p.later:
		inner := p.inner()
		inner.chain, inner.later = p.chain[len(p.chain)-1:], false
		o := op{do: "waitUntil", body: g.body(inner, 4)}
		o.end = g.end(inner, true)
		return o
	case n < 95:
		o := op{do: "await"}
		if g.rng.IntN(3) > 0 && len(p.chain) < 4 {
			o.body = []op{g.call(p)}
		}
		if o.end = g.end(p, true); o.end == aborting {
			o.end = ""
		}
		return o
	case len(p.chain) < 4:
		return g.call(p)
	}
	return g.put()
}

// call draws an event of another object, or of the same.
func (g *generator) call(p place) op {
	inner := p.inner()
	inner.chain = append(slices.Clip(p.chain), g.rng.IntN(3))
	return g.event(inner)
}

var (
	keyPool = []string{"", "a", "a\x00", "aa", "ab", "b", "ba", "\x00", "é", "\uffff", "😀", "z", builtKey}
	badKeys = []string{"\xff", "a\xc3", strings.Repeat("k", maxKey+1), strings.Repeat("é", maxKey)}
	marks   = []string{"", "", "", "", "a", "a\x00", "ab", "b", "\xc3", "\xef\xbf", "\xff", "\uffff", "y"}
)

// key draws a key, now and then one that cannot be.
func (g *generator) key() string {
	if g.rng.IntN(25) == 0 {
		return pick(g, badKeys...)
	}
	return pick(g, keyPool...)
}

// some draws keys, at most one of them bad.
func (g *generator) some() []string {
	all := make([]string, g.rng.IntN(maxKeys+2))
	for i := range all {
		all[i] = pick(g, keyPool...)
	}
	if len(all) > 0 {
		all[0] = g.key()
	}
	return all
}

func (g *generator) value(depth int) any {
	switch g.rng.IntN(13) {
	case 0:
		return nil
	case 1, 2:
		return pick(g, int64(0), int64(-1), int64(math.MaxInt64), int64(math.MinInt64), int64(1<<53+1))
	case 3:
		return pick(g, 1.5, -2.25e300, math.NaN(), math.Inf(1), math.Copysign(0.5, -1))
	case 4:
		return pick(g, "", "text", "a\x00b", "\xff\xfe", strings.Repeat("long", 20))
	case 5:
		return pick(g, []byte{}, []byte{0, 255})
	case 6:
		return g.rng.IntN(2) == 0
	case 7:
		return pick(g, time.Unix(1, 5), time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC)).UTC()
	case 8:
		return uint64(math.MaxUint64)
	case 9:
		if depth < 2 {
			return []any{g.plain(), g.plain()}
		}
	case 10:
		if depth < 2 {
			return map[string]any{"x": g.plain(), "": g.plain()}
		}
	}
	return int64(g.rng.IntN(100))
}

// plain draws a value that an any can hold when it is read.
func (g *generator) plain() any {
	v := g.value(2)
	if _, is := v.(uint64); is {
		return nil
	}
	return v
}

func (g *generator) put() op {
	o := op{do: "put", key: g.key(), value: g.value(0)}
	if g.rng.IntN(30) == 0 {
		o.key, o.value = pick(g, keyPool...), pick(g, any(unstorable{}), any(strings.Repeat("x", 2*maxEntry)))
	}
	return o
}

// keys draws an operation on keys.
func (g *generator) keys(p place) op {
	switch g.rng.IntN(12) {
	case 0:
		return op{do: "get", key: g.key()}
	case 1:
		return op{do: "getInt", key: g.key()}
	case 2:
		return op{do: "exists", key: g.key()}
	case 3:
		return op{do: "delete", key: g.key()}
	case 4:
		return op{do: "deleteMany", keys: g.some()}
	case 5:
		return op{do: "getMany", keys: g.some()}
	case 6:
		o := op{do: "putMany", values: map[string]any{}}
		keys := g.some()
		for _, k := range keys {
			o.values[k] = g.value(0)
		}
		if keysKind(keys) == "ok" && len(keys) > 0 && g.rng.IntN(6) == 0 {
			o.values[pick(g, keys...)] = unstorable{}
		}
		return o
	case 7, 8:
		return g.list(p)
	}
	return g.put()
}

// list draws a list whose body only changes keys.
func (g *generator) list(p place) op {
	o := op{do: "list", list: kvstorage.ListOptions{Start: pick(g, marks...), End: pick(g, marks...), Prefix: pick(g, marks...)}}
	switch g.rng.IntN(8) {
	case 0:
		o.list.Prefix = ""
		o.list.Start, o.list.StartAfter = "", pick(g, marks...)
	case 1:
		o.list.StartAfter = pick(g, marks...)
	case 2, 3, 4:
		o.list = kvstorage.ListOptions{}
	}
	o.list.Reverse = g.rng.IntN(2) == 0
	o.list.Limit = pick(g, 0, 0, 0, 1, 2, 5)
	if g.rng.IntN(20) == 0 {
		o.list.Limit = -1
	}
	if g.rng.IntN(3) == 0 && p.depth < 3 {
		o.at = 1 + g.rng.IntN(3)
		for range 1 + g.rng.IntN(3) {
			change := g.put()
			switch g.rng.IntN(4) {
			case 0:
				change = op{do: "delete", key: g.key()}
			case 1:
				change = op{do: "deleteMany", keys: g.some()}
			case 2:
				change = op{do: "transaction", body: []op{change}, end: pick(g, "", failing)}
			}
			o.body = append(o.body, change)
		}
	}
	return o
}

// sql draws an operation on the table.
func (g *generator) sql(p place) op {
	n := func(v int) any { return int64(v) }
	id := func() any { return pick(g, n(-2), n(1), n(2), n(3), n(4), n(5)) }
	maybe := func(v any) any { return pick(g, v, v, v, nil) }
	name := func() any {
		return pick(g, any("n1"), any("n2"), any("n3"), any("ñ"), any("m1"), any("n4"), any("n5"))
	}
	qty := func() any { return maybe(n(g.rng.IntN(12) - 1)) }
	o := op{}
	switch r := g.rng.IntN(40); {
	case r < 8:
		o.do = "createMaybe"
	case r < 9:
		o.do = pick(g, "create", "drop", "index")
	case r < 16:
		note := g.value(2)
		if _, is := note.(uint64); is {
			note = nil
		}
		o.do = pick(g, "insert", "insert", "insertIgnore", "insertReplace")
		o.args = []any{pick(g, nil, id()), maybe(name()), qty(), note}
		if g.rng.IntN(3) > 0 && o.args[1] == nil {
			o.args[1] = name()
		}
	case r < 20:
		o.do, o.args = "upsert", []any{name(), qty()}
	case r < 22:
		o.do, o.args = "add", []any{maybe(n(g.rng.IntN(8) - 4)), id()}
	case r < 24:
		o.do, o.args = "rename", []any{maybe(name()), id()}
	case r < 26:
		o.do, o.args = "remove", []any{n(g.rng.IntN(10))}
	case r < 28:
		o.do, o.args = "select", []any{id(), n(g.rng.IntN(4) - 1)}
	case r < 31:
		o.do = "selectAll"
	case r < 33:
		o.do = "sum"
	case r < 34:
		o.do, o.args = "one", []any{qty()}
	case r < 35:
		o.do = pick(g, "both", "two")
	case r < 37:
		o.do, o.args = "refused", []any{n(g.rng.IntN(len(refused)))}
	case r < 39:
		o.do = "cursor"
		o.body = []op{pick(g, op{do: "sync"}, op{do: "sync"}, op{do: "sync"}, g.put(), g.put(), op{do: "deleteAll"})}
	case p.mayReset():
		o.do = "endAll"
	default:
		o.do = "sum"
	}
	return o
}
