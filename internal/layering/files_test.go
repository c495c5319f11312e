package layering_test

import (
	"bytes"
	"go/ast"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

const (
	maxFileLines   = 400
	maxReadmeLines = 160
)

func TestFileLength(t *testing.T) {
	for _, f := range source(t).code {
		if f.lines > maxFileLines {
			t.Errorf("%s has %d lines, want at most %d: what second concept lives in it?", f.name, f.lines, maxFileLines)
		}
	}
}

func TestReadmeLength(t *testing.T) {
	text, err := source(t).read("README.md")
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(text, []byte("\n")); n > maxReadmeLines {
		t.Errorf("README.md has %d lines, want at most %d: the manual is doc.go and docs/", n, maxReadmeLines)
	}
}

func TestPackageNamesSayWhatTheyHold(t *testing.T) {
	vague := []string{"util", "utils", "common", "helper", "helpers", "types"}
	for _, f := range source(t).code {
		name := strings.TrimSuffix(f.syntax.Name.Name, "_test")
		if slices.Contains(vague, name) || slices.Contains(vague, path.Base(f.folder)) {
			t.Errorf("%s: package %s in %s says nothing about its job", f.name, name, f.folder)
		}
	}
}

func TestPackageComments(t *testing.T) {
	tr := source(t)
	for _, folder := range tr.packages() {
		var said bool
		for _, f := range tr.code {
			if f.folder == folder && f.syntax.Doc != nil {
				words := f.syntax.Doc.Text()
				said = said || strings.HasPrefix(words, "Package "+f.syntax.Name.Name+" ") ||
					f.syntax.Name.Name == "main" && strings.HasPrefix(words, "Command ")
			}
		}
		if !said {
			t.Errorf("%s has no package comment that begins with its name", folder)
		}
	}
}

func TestExamplesAreProgramsWithTests(t *testing.T) {
	tr := source(t)
	var examples int
	for _, folder := range tr.packages() {
		if !strings.HasPrefix(folder, "example/") {
			continue
		}
		examples++
		var program, shared, test bool
		for _, f := range tr.code {
			if f.folder == folder {
				program = program || !f.test && f.syntax.Name.Name == "main"
				test = test || f.test
			}
			shared = shared || !f.test && strings.HasPrefix(f.folder, path.Dir(folder)+"/") && slices.ContainsFunc(f.syntax.Imports, func(i *ast.ImportSpec) bool {
				return strings.HasSuffix(i.Path.Value, "/"+folder+`"`)
			})
		}
		if !program && !shared || !test {
			t.Errorf("%s: program %v, part of some %v, test %v; an example is a program, or a part of the programs beside it, with a test", folder, program, shared, test)
		}
	}
	if examples == 0 {
		t.Error("no example")
	}
}

// texts calls f with every text file that somebody wrote; sums and data made by programs are none.
func texts(t *testing.T, f func(name string, text []byte)) {
	t.Helper()
	tr := source(t)
	for _, name := range tr.files {
		if path.Base(name) == "go.sum" {
			continue
		}
		text, err := tr.read(name)
		if err != nil {
			t.Fatal(err)
		}
		if utf8.Valid(text) && !bytes.ContainsRune(text, 0) {
			f(name, text)
		}
	}
}

// where gives the line of a place in a text.
func where(text []byte, at int) int { return 1 + bytes.Count(text[:at], []byte("\n")) }

func TestNothingUnfinished(t *testing.T) {
	marks := regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME)\b`)
	code := []string{".go", ".md", ".sh", ".mjs", ".lua", ".capnp", ""}
	texts(t, func(name string, text []byte) {
		if !slices.Contains(code, path.Ext(name)) || strings.Contains("/"+name, "/testdata/") {
			return
		}
		for _, m := range marks.FindAllIndex(text, -1) {
			t.Errorf("%s:%d: %s: finish it, or say in an issue what is missing", name, where(text, m[0]), text[m[0]:m[1]])
		}
	})
}

// TestNoMachine keeps out paths and package registries of the machine somebody worked on.
func TestNoMachine(t *testing.T) {
	places := `(^|[^\w.~/-])/(wo` + `rk|ro` + `ot)/`
	if out, err := exec.Command("go", "env", "GOPROXY").Output(); err == nil {
		for _, m := range regexp.MustCompile(`https?://([^/,|\s]+)`).FindAllSubmatch(out, -1) {
			places += "|" + regexp.QuoteMeta(string(m[1]))
		}
	}
	for _, host := range []string{"proxy.golang" + ".org", "registry.npmjs" + ".org"} {
		places += "|" + regexp.QuoteMeta(host)
	}
	machine := regexp.MustCompile(`(?m)` + places)
	texts(t, func(name string, text []byte) {
		for _, m := range machine.FindAllIndex(text, -1) {
			t.Errorf("%s:%d: %q is a place of one machine", name, where(text, m[0]), bytes.TrimSpace(text[m[0]:m[1]]))
		}
	})
}
