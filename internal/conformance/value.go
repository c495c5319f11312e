package conformance

import (
	"encoding/base64"
	"fmt"
	"hash/fnv"
	"math"
	"strconv"
	"strings"
	"unicode/utf16"
)

// undefined is the scenario's "no value". The library has none: a program would leave the call out.
type undefined struct{}

// decode turns the scenario's notation into a Go value: nil, bool, float64, string, []byte, []any, map[string]any or undefined.
// Numbers are float64, as they were in the reference.
func decode(v any) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = decode(x)
		}
		return out
	case map[string]any:
		if len(v) == 1 {
			for name, x := range v {
				if special, ok := decodeSpecial(name, x); ok {
					return special
				}
			}
		}
		out := make(map[string]any, len(v))
		for name, x := range v {
			out[name] = decode(x)
		}
		return out
	}
	return v
}

func decodeSpecial(name string, x any) (any, bool) {
	args, _ := x.([]any)
	arg := func(i int) any {
		if i < len(args) {
			return args[i]
		}
		return nil
	}
	count := func(v any) int { n, _ := v.(float64); return int(n) }
	switch name {
	case "$bytes":
		s, _ := x.(string)
		b, err := base64.StdEncoding.DecodeString(s)
		return b, err == nil
	case "$num":
		s, _ := x.(string)
		f, err := strconv.ParseFloat(s, 64) // knows NaN, Infinity and -0
		return f, err == nil
	case "$undefined":
		return undefined{}, true
	case "$repeat":
		return strings.Repeat(asText(arg(0)), count(arg(1))), true
	case "$concat":
		var b strings.Builder
		for _, part := range args {
			b.WriteString(asText(decode(part)))
		}
		return b.String(), true
	case "$join":
		parts := make([]string, count(arg(0)))
		for i := range parts {
			parts[i] = strings.ReplaceAll(asText(arg(1)), "#", strconv.Itoa(i))
		}
		return strings.Join(parts, asText(arg(2))), true
	case "$zeros":
		return make([]byte, count(x)), true
	case "$list":
		out := make([]any, count(arg(1)))
		for i := range out {
			out[i] = decode(arg(0))
		}
		return out, true
	case "$nest":
		out := decode(arg(0))
		for range count(arg(1)) {
			out = []any{out}
		}
		return out, true
	}
	return nil, false
}

func asText(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	return fmt.Sprint(v)
}

// Longer text and bytes are recorded as length and hash; text must be over both limits.
const (
	longBytes = 600
	longUnits = 200 // UTF-16 code units
)

// encode turns a Go value into the notation of results. A value that a Go program has and the scenario format has not shows as $other.
func encode(v any) any {
	switch v := v.(type) {
	case nil, bool:
		return v
	case undefined:
		return map[string]any{"$undefined": true}
	case int:
		return float64(v)
	case int64:
		return float64(v)
	case uint64:
		return float64(v)
	case float64:
		return encodeNumber(v)
	case string:
		if len(v) <= longBytes || len(utf16.Encode([]rune(v))) <= longUnits {
			return v
		}
		return long("text", []byte(v))
	case []byte:
		if len(v) <= longBytes {
			return map[string]any{"$bytes": base64.StdEncoding.EncodeToString(v)}
		}
		return long("bytes", v)
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = encode(x)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, x := range v {
			out[name] = encode(x)
		}
		return out
	}
	return map[string]any{"$other": fmt.Sprintf("%T", v)}
}

func encodeNumber(f float64) any {
	switch {
	case math.IsNaN(f):
		return map[string]any{"$num": "NaN"}
	case math.IsInf(f, 1):
		return map[string]any{"$num": "Infinity"}
	case math.IsInf(f, -1):
		return map[string]any{"$num": "-Infinity"}
	case f == 0 && math.Signbit(f):
		return map[string]any{"$num": "-0"}
	}
	return f
}

func long(kind string, b []byte) any {
	h := fnv.New32a()
	h.Write(b) // a hash.Hash never fails
	return map[string]any{"$long": kind, "len": float64(len(b)), "fnv1a32": fmt.Sprintf("%08x", h.Sum32())}
}
