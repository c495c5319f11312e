package conformance

import (
	"strings"
	"testing"
)

func TestStraddlesLimit(t *testing.T) {
	const limit = referenceRowBytes
	many := make([]any, 1_000_000)
	for i := range many {
		many[i] = 1.5
	}
	for _, x := range []struct {
		name  string
		value any
		want  bool
	}{
		{"small", "x", false},
		{"8 MiB of text", strings.Repeat("x", 8<<20), false}, // 34 bytes below the limit
		{"8 MiB of bytes", make([]byte, 8<<20), false},
		{"8,000,000 bytes", make([]byte, 8_000_000), false},
		{"8,400,000 bytes of text", strings.Repeat("x", 8_400_000), false},
		{"just below the limit", make([]byte, limit-10), true},
		{"beyond it", make([]byte, limit), false},
		{"Latin-1 text: twice as long for us", strings.Repeat("é", 5_000_000), true},
		{"Latin-1 text that fits both", strings.Repeat("é", 4_000_000), false},
		{"Chinese text: two bytes there, three here", strings.Repeat("中", 3_000_000), true},
		{"Chinese text that is too large for both", strings.Repeat("中", 5_000_000), false},
		{"numbers: one to nine bytes", many, true},
		{"members", map[string]any{"a": make([]byte, 4_000_000), "b": []any{make([]byte, 4_000_000)}}, false},
	} {
		if got := straddles("k", x.value); got != x.want {
			t.Errorf("%s: %v, want %v", x.name, got, x.want)
		}
	}
	if !straddles(strings.Repeat("k", limit-10), nil) {
		t.Error("a key that long")
	}
}
