package layering_test

import (
	"go/ast"
	"go/token"
	"slices"
	"testing"
)

// The root package stays small enough to be read in one go; a new name needs a line in CHANGELOG.md.
const (
	maxRootTypes     = 32
	maxRootFunctions = 12
)

func TestRootSurface(t *testing.T) {
	var types, functions []string
	for _, f := range source(t).code {
		if f.folder != "." || f.test {
			continue
		}
		for _, decl := range f.syntax.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil && d.Name.IsExported() && !slices.Contains(functions, d.Name.Name) {
					functions = append(functions, d.Name.Name)
				}
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					if s, ok := spec.(*ast.TypeSpec); ok && d.Tok == token.TYPE && s.Name.IsExported() && !slices.Contains(types, s.Name.Name) {
						types = append(types, s.Name.Name)
					}
				}
			}
		}
	}
	slices.Sort(types)
	slices.Sort(functions)
	if len(types) > maxRootTypes {
		t.Errorf("the root package exports %d types, want at most %d: %v", len(types), maxRootTypes, types)
	}
	if len(functions) > maxRootFunctions {
		t.Errorf("the root package exports %d functions, want at most %d: %v", len(functions), maxRootFunctions, functions)
	}
	if len(types) == 0 || len(functions) == 0 {
		t.Errorf("the root package exports %d types and %d functions: is this test reading it?", len(types), len(functions))
	}
}
