package catalog

import (
	"fmt"
	"slices"
	"strconv"
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

// parseKey gives the identity that a key was made of, but for one that a program has chosen.
func parseKey(key string) (n Namespace, ok bool) {
	n.UniqueKey = key
	base, count, twin := strings.Cut(key, "~")
	if i, err := strconv.Atoi(count); twin && (err != nil || i < 2) {
		return n, false
	}
	parts := strings.Split(base, ".")
	switch len(parts) {
	case 3:
		n.Environment, n.Script, n.StableID = unescape(parts[0]), unescape(parts[1]), unescape(parts[2])
	case 2:
		n.Script, n.StableID = unescape(parts[0]), unescape(parts[1])
	}
	return n, n.StableID != "" && n.Script != "" && UniqueKey(n.Environment, n.Script, n.StableID) == base
}

func unescape(part string) string {
	var b strings.Builder
	for i := 0; i < len(part); i++ {
		if part[i] == '%' && i+2 < len(part) {
			if c, err := strconv.ParseUint(part[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(c))
				i += 2
				continue
			}
		}
		b.WriteByte(part[i])
	}
	return b.String()
}

// keys hands out unique keys that nobody ever had in a data folder (I17). Some systems do
// not tell case apart in the names of folders.
type keys struct{ rows, names map[string]bool }

func newKeys(f Found) *keys {
	k := &keys{rows: map[string]bool{}, names: map[string]bool{}}
	for _, r := range f.Rows {
		k.rows[strings.ToLower(r.UniqueKey)] = true
	}
	for _, n := range f.Folders {
		k.rows[strings.ToLower(n.UniqueKey)] = true
	}
	for _, name := range f.Names {
		k.names[strings.ToLower(name)] = true
	}
	return k
}

// add gives the key of a new namespace. One that the program has chosen may be that of a
// folder which nobody knows, but not that of a namespace.
func (k *keys) add(n Namespace) (string, error) {
	base, chosen := n.UniqueKey, n.UniqueKey != ""
	if !chosen {
		base = UniqueKey(n.Environment, n.Script, n.StableID)
	} else if err := checkKey(base); err != nil {
		return "", err
	}
	for i := 1; ; i++ {
		key := base
		if i > 1 {
			key = fmt.Sprintf("%s~%d", base, i)
		}
		if len(key) > MaxUniqueKey {
			return "", fmt.Errorf("%w: its unique key would have %d bytes, at most %d are possible",
				doerr.ErrInvalidOptions, len(key), MaxUniqueKey)
		}
		if folded := strings.ToLower(key); !k.rows[folded] && (chosen || !k.names[folded]) {
			k.rows[folded] = true
			return key, nil
		}
		if chosen {
			return "", fmt.Errorf("%w: another namespace has the unique key %q", doerr.ErrInvalidOptions, key)
		}
	}
}
