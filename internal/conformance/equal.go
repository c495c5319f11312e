package conformance

import (
	"encoding/json"
	"fmt"
)

// equal is JSON equality: the order of members is irrelevant, numbers compare as float64. Both sides come from plain.
func equal(a, b any) bool {
	switch a := a.(type) {
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !equal(a[i], b[i]) {
				return false
			}
		}
		return true
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for name, x := range a {
			if y, ok := b[name]; !ok || !equal(x, y) {
				return false
			}
		}
		return true
	}
	return a == b // of different types otherwise, or both comparable
}

// plain gives a value as encoding/json would read it back: nil, bool, float64, string, []any, map[string]any.
func plain(v any) any {
	text, err := json.Marshal(v)
	if err == nil {
		var out any
		if err = json.Unmarshal(text, &out); err == nil {
			return out
		}
	}
	return map[string]any{"error": "unclassified", "text": fmt.Sprintf("result %T: %v", v, err)}
}

// show gives a value as text for a report, cut if it is long.
func show(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	if len(text) > 400 {
		return string(text[:400]) + "…"
	}
	return string(text)
}

// asMap gives a result as an object, nil if it is none.
func asMap(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

// errorKind gives the kind of an error result, "" for all others.
func errorKind(v any) string {
	kind, _ := asMap(v)["error"].(string)
	return kind
}
