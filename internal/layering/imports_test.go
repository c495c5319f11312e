package layering_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// pathOf gives the import path of a folder.
func pathOf(folder string) string {
	if folder == "." {
		return module
	}
	return module + "/" + folder
}

func TestImports(t *testing.T) {
	h := readHouse(t)
	for _, f := range source(t).code {
		pkg := pathOf(f.folder)
		l, known := h[pkg]
		if !known {
			continue // TestEveryPackageHasARow says so once
		}
		may := l.may
		if f.test {
			may = slices.Concat(h.reach(pkg), l.tests)
		}
		for _, imported := range f.imports() {
			first, _, _ := strings.Cut(imported, "/")
			switch {
			case testingPackage(imported):
				if !f.test && !kit(pkg) {
					t.Errorf("%s imports %s: only test kits may, programs must not carry it", f.name, imported)
				}
			case !strings.Contains(first, "."): // the standard library
				if imported == "C" || imported == "plugin" {
					t.Errorf("%s imports %q: the module builds without a C compiler", f.name, imported)
				}
			case !allows(may, imported):
				t.Errorf("%s imports %s, which %s may not: %s (the table is in CONTRIBUTING.md)", f.name, imported, pkg, l.why)
			}
		}
	}
}

func TestEveryPackageHasARow(t *testing.T) {
	h := readHouse(t)
	packages := source(t).packages()
	for _, folder := range packages {
		if _, known := h[pathOf(folder)]; !known {
			t.Errorf("package %s has no row in CONTRIBUTING.md: say what it may import, and why", pathOf(folder))
		}
	}
	for pkg := range h {
		folder := strings.TrimPrefix(strings.TrimPrefix(pkg, module), "/")
		if folder == "" {
			folder = "."
		}
		if !slices.Contains(packages, folder) {
			t.Errorf("CONTRIBUTING.md has a row for %s, which does not exist", pkg)
		}
	}
}

// TestTableRunsDownward holds the table itself: no circle, nothing public below internal code that it should not know, one importer of
// the driver.
func TestTableRunsDownward(t *testing.T) {
	h := readHouse(t)
	for pkg, l := range h {
		for _, below := range l.may {
			if slices.Contains(h.reach(below), pkg) {
				t.Errorf("the table lets %s and %s reach each other", pkg, below)
			}
			if strings.HasPrefix(below, "modernc.org/") && pkg != module+"/internal/sqlite" {
				t.Errorf("the table lets %s import %s: internal/sqlite is the only one", pkg, below)
			}
			if !kit(pkg) && kit(below) {
				t.Errorf("the table lets %s import the test kit %s in production code", pkg, below)
			}
		}
		for _, extra := range l.tests {
			if strings.HasPrefix(extra, "modernc.org/") {
				t.Errorf("the table lets tests of %s import %s: internal/sqlite is the only one", pkg, extra)
			}
		}
	}
}

// TestProgramsCarryNoTestingPackage follows dependencies into other modules as well.
func TestProgramsCarryNoTestingPackage(t *testing.T) {
	list := exec.Command("go", "list", "-deps", "-f", "{{.ImportPath}}", ".", "./router")
	list.Dir = source(t).root
	var stderr strings.Builder
	list.Stderr = &stderr
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	for imported := range strings.FieldsSeq(string(out)) {
		if testingPackage(imported) {
			t.Errorf("a program that imports %s carries %s", module, imported)
		}
	}
}
