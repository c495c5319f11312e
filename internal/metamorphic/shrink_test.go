package metamorphic

import (
	"maps"
	"slices"
	"time"
)

// shrink gives a smaller history that still fails: it leaves out steps, then operations, and puts bodies in the place of what is around
// them, until nothing of that fails any more, or it has tried often or long enough.
func shrink(h history, tries int, fails func(history) bool) history {
	s := &shrinker{h: h, tries: tries, until: time.Now().Add(time.Minute), fails: fails}
	for before := -1; before != s.h.size() && s.tries > 0; {
		before = s.h.size()
		for n := len(s.h) / 2; n > 0; n /= 2 {
			for i := len(s.h) - n; i >= 0; i -= n {
				s.try(slices.Concat(s.h[:i], s.h[min(i+n, len(s.h)):]))
			}
		}
		for i := len(s.h) - 1; i >= 0; i-- {
			for _, smaller := range smallerBodies(s.h[i]) {
				next := slices.Clone(s.h)
				if next[i] = smaller; s.try(next) {
					i++ // once more: it has changed
					break
				}
			}
		}
	}
	return s.h
}

type shrinker struct {
	h     history // the smallest so far
	tries int
	until time.Time // histories that hang are slow to fail
	fails func(history) bool
}

// try takes h if it fails, too.
func (s *shrinker) try(h history) bool {
	if s.tries <= 0 || time.Now().After(s.until) {
		return false
	}
	for _, o := range h {
		if !sound(o, nil) {
			return false
		}
	}
	s.tries--
	if !s.fails(h) {
		return false
	}
	s.h = h
	return true
}

// sound says whether o keeps the rule of generated histories, about frames that reset their objects: see the package comment.
func sound(o op, chain []int) bool {
	if o.do == "call" {
		chain = append(slices.Clip(chain), o.obj)
	}
	resets := o.do == "endAll" || o.end == panicking || o.end == aborting || o.do == "block" && o.end == failing
	if o.do == "waitUntil" {
		chain = chain[len(chain)-1:]
	}
	if resets && !(place{chain: chain}).mayReset() {
		return false
	}
	return !slices.ContainsFunc(o.body, func(inner op) bool { return !sound(inner, chain) })
}

// smallerBodies gives what o can become with one thing less in it.
func smallerBodies(o op) []op {
	var all []op
	with := func(change func(*op)) {
		c := o.clone()
		change(&c)
		all = append(all, c)
	}
	if len(o.body) > 1 {
		with(func(c *op) { c.body = c.body[len(c.body)/2:] })
		with(func(c *op) { c.body = c.body[:len(c.body)/2] })
	}
	for i := range o.body {
		with(func(c *op) { c.body = slices.Delete(c.body, i, i+1) })
	}
	if o.end != "" {
		with(func(c *op) { c.end = "" })
	}
	for i, inner := range o.body {
		if len(inner.body) > 0 && o.do != "list" && o.do != "cursor" && o.do != "await" {
			with(func(c *op) { c.body = slices.Replace(c.body, i, i+1, inner.body...) })
		}
		if inner.do == "call" && o.do == "call" {
			with(func(c *op) { c.obj, c.body, c.end = inner.obj, inner.body, inner.end })
		}
		for _, smaller := range smallerBodies(inner) {
			with(func(c *op) { c.body[i] = smaller })
		}
	}
	if len(all) == 0 {
		all = smallerFields(o)
	}
	return all
}

// smallerFields gives what an operation without a body can become.
func smallerFields(o op) (all []op) {
	for i := range o.keys {
		c := o
		c.keys = slices.Delete(slices.Clone(o.keys), i, i+1)
		all = append(all, c)
	}
	for _, k := range slices.Sorted(maps.Keys(o.values)) {
		c := o
		c.values = maps.Clone(o.values)
		delete(c.values, k)
		all = append(all, c)
		if n, is := o.values[k].(int64); !is || n != 1 {
			c.values = maps.Clone(o.values)
			c.values[k] = int64(1)
			all = append(all, c)
		}
	}
	if o.cut > 0 {
		c := o
		c.cut = 0
		all = append(all, c)
	}
	return all
}
