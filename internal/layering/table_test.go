package layering_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A layer is one row of the table in CONTRIBUTING.md.
type layer struct {
	may   []string // import paths or prefixes with /*, production code
	tests []string // further ones for its tests
	why   string
}

// A house is the table, by import path.
type house map[string]layer

const tableHead = "| package | may import | its tests also | why |"

var quoted = regexp.MustCompile("`([^`]+)`")

// parseHouse reads the table: names in backquotes, a dash for none.
func parseHouse(text string) (house, error) {
	_, rest, found := strings.Cut(text, tableHead+"\n")
	if !found {
		return nil, fmt.Errorf("no table with the head %q", tableHead)
	}
	h := house{}
	for i, line := range strings.Split(rest, "\n") {
		if i == 0 { // the line under the head
			continue
		}
		if !strings.HasPrefix(line, "|") {
			break
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		if len(cells) != 4 {
			return nil, fmt.Errorf("row with %d cells, want 4: %s", len(cells), line)
		}
		name, err := names(cells[0])
		if err != nil || len(name) != 1 {
			return nil, fmt.Errorf("row without one package: %s", line)
		}
		if _, twice := h[name[0]]; twice {
			return nil, fmt.Errorf("two rows for %s", name[0])
		}
		l := layer{why: strings.TrimSpace(cells[3])}
		if l.may, err = names(cells[1]); err != nil {
			return nil, fmt.Errorf("%s, may import: %w", name[0], err)
		}
		if l.tests, err = names(cells[2]); err != nil {
			return nil, fmt.Errorf("%s, its tests also: %w", name[0], err)
		}
		if l.why == "" {
			return nil, fmt.Errorf("%s: a row needs its reason", name[0])
		}
		h[name[0]] = l
	}
	return h, nil
}

// names gives the import paths in a cell: `do` is the root, a first part with a dot is another module, the rest is ours.
func names(cell string) ([]string, error) {
	var paths []string
	for _, m := range quoted.FindAllStringSubmatch(cell, -1) {
		first, _, _ := strings.Cut(m[1], "/")
		switch {
		case m[1] == "do":
			paths = append(paths, module)
		case strings.Contains(first, "."):
			paths = append(paths, m[1])
		default:
			paths = append(paths, module+"/"+m[1])
		}
	}
	if rest := strings.TrimSpace(quoted.ReplaceAllString(cell, "")); len(paths) == 0 && rest != "–" || len(paths) > 0 && rest != "" {
		return nil, fmt.Errorf("cell %q is neither names in backquotes nor a dash", cell)
	}
	return paths, nil
}

// allows tells whether a list of paths and prefixes has the import.
func allows(list []string, imported string) bool {
	return slices.ContainsFunc(list, func(p string) bool {
		prefix, wild := strings.CutSuffix(p, "*")
		return p == imported || wild && strings.HasPrefix(imported, prefix)
	})
}

// reach gives what production code of a package may reach, step by step, itself included.
func (h house) reach(pkg string) []string {
	seen := []string{pkg}
	for i := 0; i < len(seen); i++ {
		for _, p := range h[seen[i]].may {
			if !slices.Contains(seen, p) {
				seen = append(seen, p)
			}
		}
	}
	return seen
}

// kit tells whether a package is there for tests and so may import package testing.
func kit(pkg string) bool {
	last := pkg[strings.LastIndex(pkg, "/")+1:]
	return strings.HasSuffix(last, "test") || strings.HasSuffix(pkg, "/internal/conformance")
}

// testingPackage tells whether a package of the standard library is for tests.
func testingPackage(imported string) bool {
	return imported == "testing" || strings.HasPrefix(imported, "testing/") || imported == "net/http/httptest"
}

func readHouse(t *testing.T) house {
	t.Helper()
	text, err := source(t).read("CONTRIBUTING.md")
	if err != nil {
		t.Fatal(err)
	}
	h, err := parseHouse(string(text))
	if err != nil {
		t.Fatalf("CONTRIBUTING.md: %v", err)
	}
	return h
}

func TestParseHouse(t *testing.T) {
	row := func(cells string) string {
		return "text\n" + tableHead + "\n|---|---|---|---|\n" + cells + "\nmore | text |\n"
	}
	h, err := parseHouse(row("| `do` | `internal/x` `modernc.org/*` | – | it is so |"))
	if err != nil {
		t.Fatal(err)
	}
	l := h[module]
	if len(h) != 1 || !slices.Equal(l.may, []string{module + "/internal/x", "modernc.org/*"}) || l.tests != nil || l.why != "it is so" {
		t.Errorf("parseHouse = %+v", h)
	}
	if !allows(l.may, "modernc.org/sqlite/lib") || allows(l.may, module+"/internal/xy") {
		t.Errorf("allows: a prefix ends in /*, a path is whole")
	}
	for _, bad := range []string{
		"| `do` | – | – |",
		"| `do` | internal/x | – | why |",
		"| `do` | `internal/x`, or so | – | why |",
		"| `do` | – | – | |",
		"| do | – | – | why |",
		"| `do` | – | – | why |\n| `do` | – | – | why |",
	} {
		if _, err := parseHouse(row(bad)); err == nil {
			t.Errorf("parseHouse accepted %q", bad)
		}
	}
	if _, err := parseHouse("no table"); err == nil {
		t.Error("parseHouse accepted a text without the table")
	}
}
