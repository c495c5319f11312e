package catalog

import (
	"fmt"
	"strings"
)

// MaxUniqueKey is the longest unique key, in bytes (N4).
const MaxUniqueKey = 200

// UniqueKey is the key of a new namespace: script.stableid, or environment.script.stableid.
// It names a folder, so every byte of a part outside A–Z a–z 0–9 _ - is written %XX (I17).
func UniqueKey(environment, script, stableID string) string {
	key := escape(script) + "." + escape(stableID)
	if environment != "" {
		key = escape(environment) + "." + key
	}
	return key
}

func escape(part string) string {
	var b strings.Builder
	for i := range len(part) {
		switch c := part[i]; {
		case 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '_', c == '-':
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
