package catalog

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/durablego/do/internal/doerr"
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

// checkKey says whether a unique key that was given can name a folder beside ours, on every system (I17).
func checkKey(key string) error {
	refuse := func(why string) error {
		return fmt.Errorf("%w: its unique key %q %s", doerr.ErrInvalidOptions, key, why)
	}
	lower := strings.ToLower(key)
	switch {
	case !utf8.ValidString(key):
		return refuse("is not UTF-8")
	case strings.ContainsAny(key, `/\:*?"<>|`) || strings.ContainsFunc(key, unicode.IsControl):
		return refuse("cannot be the name of a folder")
	case key == "." || key == "..", strings.HasSuffix(key, "."), strings.HasSuffix(key, " "):
		return refuse("cannot be the name of a folder")
	case strings.HasPrefix(lower, File), strings.HasSuffix(strings.TrimSuffix(lower, "-wal"), ".partial"), slices.Contains(others, lower):
		return refuse("is the name of something else in the data folder")
	}
	return nil
}

// others are in a data folder too, in lower case.
var others = []string{"lock", "unclean", "unclean.partial", "commits"}

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
