package metamorphic

import (
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/durablego/do/kvstorage"
)

// The limits of the objects, small so that histories meet them.
const (
	maxKey   = 24
	maxEntry = 300
	maxKeys  = 6
)

// unstorable stands for a value that cannot be stored.
type unstorable struct{}

// storable is what a value of a history is for Put.
func storable(v any) any {
	if _, is := v.(unstorable); is {
		return func() {}
	}
	return v
}

// keyKind is the error of a key, or "ok" (K2).
func keyKind(key string) string {
	switch {
	case len(key) > maxKey:
		return "ErrKeyTooLarge"
	case !utf8.ValidString(key):
		return "ErrInvalidKey"
	}
	return "ok"
}

// keysKind is the error of the first of keys that has one; that of their number comes first.
func keysKind(keys []string) string {
	if len(keys) > maxKeys {
		return "ErrTooManyKeys"
	}
	for _, k := range keys {
		if kind := keyKind(k); kind != "ok" {
			return kind
		}
	}
	return "ok"
}

// entryKind is the error of a key with a value. Values of histories are far below the limit or far beyond it.
func entryKind(key string, v any) string {
	if kind := keyKind(key); kind != "ok" {
		return kind
	}
	if _, is := v.(unstorable); is {
		return "ErrInvalidValue"
	}
	if s, is := v.(string); is && len(s) > maxEntry {
		return "ErrValueTooLarge"
	}
	return "ok"
}

// intoAny is what a stored value is when it is read into an any, and the error: K5 wants a typed destination for large integers.
func intoAny(v any) (text, kind string) {
	if _, is := v.(uint64); is {
		return "nil", "ErrInvalidValue"
	}
	return show(v), "ok"
}

func (f *modelFrame) store(o op) {
	kv := f.x().now.kv
	v, found := kv[o.key]
	key := keyKind(o.key)
	found = found && key == "ok"
	switch o.do {
	case "put":
		kind := entryKind(o.key, o.value)
		if kind == "ok" {
			kv[o.key] = o.value
		}
		f.say("put %+q = %s", o.key, kind)
	case "putMany":
		f.say("putMany = %s", f.putMany(o.values))
	case "get":
		text := "nil"
		if found {
			text, key = intoAny(v)
		}
		f.say("get %+q = %s %v %s", o.key, text, found, key)
	case "getInt":
		n, is := v.(int64)
		if found && !is && v != nil {
			key = "ErrInvalidValue"
		}
		f.say("getInt %+q = %d %v %s", o.key, n, found, key)
	case "exists":
		f.say("exists %+q = %v %s", o.key, found, key)
	case "delete":
		if found {
			delete(kv, o.key)
		}
		f.say("delete %+q = %v %s", o.key, found, key)
	case "deleteMany":
		n, kind := 0, keysKind(o.keys)
		if kind == "ok" {
			for _, k := range o.keys {
				if _, found := kv[k]; found {
					n++
					if f.m.wrong != "deleteMany deletes one" || n == 1 {
						delete(kv, k)
					}
				}
			}
		}
		f.say("deleteMany = %d %s", n, kind)
	case "getMany":
		kind := keysKind(o.keys)
		f.say("getMany = %s", kind)
		if kind == "ok" {
			for _, k := range slices.Compact(slices.Sorted(slices.Values(o.keys))) {
				if v, found := kv[k]; found {
					f.sayEntry(k, v)
				}
			}
		}
	case "list":
		f.list(o)
	default:
		f.sql(o)
	}
}

func (f *modelFrame) sayEntry(key string, v any) {
	text, kind := intoAny(v)
	f.say("- %+q %s %s", key, text, kind)
}

// putMany is all or nothing (K11). Histories give it one bad entry at most, so it has one error.
func (f *modelFrame) putMany(values map[string]any) string {
	if len(values) > maxKeys {
		return "ErrTooManyKeys"
	}
	for k, v := range values {
		if kind := entryKind(k, v); kind != "ok" {
			return kind
		}
	}
	maps.Copy(f.x().now.kv, values)
	return "ok"
}

// inList asks each rule of K14 to K19 by itself.
func inList(o kvstorage.ListOptions, key string) bool {
	return key >= o.Start && (o.StartAfter == "" || key > o.StartAfter) && (o.End == "" || key < o.End) && strings.HasPrefix(key, o.Prefix)
}

// list looks for each entry in what there is by then (K23).
func (f *modelFrame) list(o op) {
	f.say("list")
	if o.list.Limit < 0 || o.list.Start != "" && o.list.StartAfter != "" {
		f.say("- ErrInvalidOptions")
		return
	}
	last := ""
	for n := 0; o.list.Limit == 0 || n < o.list.Limit; {
		var next string
		found := false
		for key := range f.x().now.kv {
			switch {
			case !inList(o.list, key):
			case n > 0 && !o.list.Reverse && key <= last, n > 0 && o.list.Reverse && key >= last:
			case !found, !o.list.Reverse && key < next, o.list.Reverse && key > next:
				next, found = key, true
			}
		}
		if !found {
			return
		}
		last = next
		f.sayEntry(next, f.x().now.kv[next])
		if n++; n == o.at {
			if f.run(o); f.dead() {
				return
			}
		}
	}
}
