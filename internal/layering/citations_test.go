package layering_test

import (
	"go/ast"
	"go/token"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A rule is a number of the specification: K7 is {'K', 7, 0}, T34.1 is {'T', 34, 1}.
type rule struct {
	letter      byte
	number, row int
}

func (r rule) String() string {
	s := string(r.letter) + strconv.Itoa(r.number)
	if r.row > 0 {
		s += "." + strconv.Itoa(r.row)
	}
	return s
}

// citations gives the rules a test file cites.
func citations(f *ast.File) []rule {
	var all []rule
	for _, c := range f.Comments {
		all = append(all, rulesIn(c.Text())...)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if n.Recv == nil {
				all = append(all, rulesInName(n.Name.Name)...)
			}
		case *ast.BasicLit:
			if s, err := strconv.Unquote(n.Value); err == nil && n.Kind == token.STRING {
				if _, end, ok := ruleAt(s, 0); ok && !wordAt(s, end) {
					all = append(all, rulesIn(s)...)
				}
			}
		}
		return true
	})
	return all
}

// rulesIn gives the rules a text cites: K7, T34.1, and ranges such as K14–K22, T34.1-T34.8, K1 to K3, K14–22.
func rulesIn(text string) []rule {
	var all []rule
	for i := 0; i < len(text); i++ {
		first, end, ok := ruleAt(text, i)
		if !ok || i > 0 && wordAt(text, i-1) || i > 0 && text[i-1] == '.' || wordAt(text, end) {
			continue
		}
		last := first
		for _, dash := range []string{"–", "-", " – ", " to "} {
			from, found := end+len(dash), strings.HasPrefix(text[end:], dash)
			if !found {
				continue
			}
			if r, stop, ok := ruleAt(text, from); ok && !wordAt(text, stop) {
				last, end = r, stop
			} else if n, stop, ok := numberAt(text, from); ok && dash == "–" && !wordAt(text, stop) {
				if end = stop; first.row > 0 {
					last.row = n
				} else {
					last.number = n
				}
			}
			break
		}
		all = append(all, span(first, last)...)
		i = end - 1
	}
	return all
}

// span gives the rules from first to last, or both when that is no range.
func span(first, last rule) []rule {
	between := []rule{first}
	switch {
	case first == last:
	case first.letter == last.letter && first.number == last.number && 0 < first.row && first.row < last.row:
		for row := first.row + 1; row <= last.row; row++ {
			between = append(between, rule{first.letter, first.number, row})
		}
	case first.letter == last.letter && first.row == 0 && last.row == 0 && first.number < last.number && last.number < 100:
		for n := first.number + 1; n <= last.number; n++ {
			between = append(between, rule{first.letter, n, 0})
		}
	default:
		between = append(between, last)
	}
	return between
}

// rulesInName gives the rules a function's name cites: TestK7NullExists, TestT34_1, TestGet_K8_K9.
func rulesInName(name string) []rule {
	if !strings.HasPrefix(name, "Test") && !strings.HasPrefix(name, "Fuzz") && !strings.HasPrefix(name, "Example") {
		return nil
	}
	var all []rule
	for i := 1; i < len(name); i++ {
		before := name[i-1]
		if before >= 'A' && before <= 'Z' {
			continue // the tail of an initialism: UTF8, SHA256
		}
		r, end, ok := ruleAt(name, i)
		if !ok {
			continue
		}
		if end < len(name) && name[end] == '_' {
			if row, _, ok := numberAt(name, end+1); ok {
				r.row = row
			}
		}
		all = append(all, r)
	}
	return all
}

// ruleAt reads a rule at text[i:] and gives where it ends.
func ruleAt(text string, i int) (r rule, end int, ok bool) {
	if i >= len(text) || !strings.Contains("IKSTAWLFPBDNVE", text[i:i+1]) {
		return rule{}, 0, false
	}
	r.letter = text[i]
	if r.number, end, ok = numberAt(text, i+1); !ok {
		return rule{}, 0, false
	}
	if end < len(text) && text[end] == '.' {
		if row, stop, ok := numberAt(text, end+1); ok {
			r.row, end = row, stop
		}
	}
	return r, end, true
}

// numberAt reads a number from 1 to 999 at text[i:].
func numberAt(text string, i int) (n, end int, ok bool) {
	for end = i; end < len(text) && end < i+3 && '0' <= text[end] && text[end] <= '9'; end++ {
		n = 10*n + int(text[end]-'0')
	}
	return n, end, n > 0 && text[i] != '0'
}

// wordAt tells whether text[i] is part of a word.
func wordAt(text string, i int) bool {
	if i >= len(text) {
		return false
	}
	c := text[i] | 0x20
	return 'a' <= c && c <= 'z' || '0' <= text[i] && text[i] <= '9' || text[i] == '_'
}

func TestRulesIn(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"K7", "K7"},
		{"see K7, K9 (T34.1) and L24.10.", "K7 K9 L24.10 T34.1"},
		{"K14–K16: ranges", "K14 K15 K16"},
		{"K14-K16", "K14 K15 K16"},
		{"K14 – K16", "K14 K15 K16"},
		{"K14 to K16", "K14 K15 K16"},
		{"K14–16", "K14 K15 K16"},
		{"T34.7–T34.9", "T34.7 T34.8 T34.9"},
		{"T34.7–9", "T34.7 T34.8 T34.9"},
		{"L1–K2", "K2 L1"},
		{"K3–K1", "K1 K3"},
		{"K1/K2+K3", "K1 K2 K3"},
		{"UTF8 SHA256 k7 XK7 K7b K07 A.K7 K", ""},
		{"K10-byte", "K10"},
	} {
		got := map[rule]bool{}
		for _, r := range rulesIn(c.text) {
			got[r] = true
		}
		if s := joined(got); s != c.want {
			t.Errorf("rulesIn(%q) = %q, want %q", c.text, s, c.want)
		}
	}
}

func TestRulesInName(t *testing.T) {
	for _, c := range []struct{ name, want string }{
		{"TestK7NullExists", "K7"},
		{"TestT34_1", "T34.1"},
		{"TestT34_1Error_T12", "T12 T34.1"},
		{"TestGet_K8_K9", "K8 K9"},
		{"TestUTF8", ""},
		{"TestInt64", ""},
		{"helperK7", ""},
	} {
		got := map[rule]bool{}
		for _, r := range rulesInName(c.name) {
			got[r] = true
		}
		if s := joined(got); s != c.want {
			t.Errorf("rulesInName(%q) = %q, want %q", c.name, s, c.want)
		}
	}
}

// joined gives the rules of a set in order, with blanks between.
func joined(set map[rule]bool) string {
	var list []string
	for _, r := range slices.SortedFunc(maps.Keys(set), func(a, b rule) int {
		if a.letter != b.letter {
			return int(a.letter) - int(b.letter)
		}
		return (a.number-b.number)*1000 + a.row - b.row
	}) {
		list = append(list, r.String())
	}
	return strings.Join(list, " ")
}
