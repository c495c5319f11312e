package layering_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// module is the path that go.mod declares.
const module = "github.com/durablego/do"

// goFile is one Go file of the module, whatever system it is for.
type goFile struct {
	name   string // slashed, below the module's root
	folder string // "." is the root
	test   bool
	lines  int
	syntax *ast.File
}

// A tree is the module's source, read once.
type tree struct {
	root  string
	files []string // every file, slashed, nested modules and testdata included
	code  []goFile
	fset  *token.FileSet
}

// source reads the module; a file that does not parse fails every test.
func source(t *testing.T) *tree {
	t.Helper()
	tr, err := readTree()
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

var readTree = sync.OnceValues(func() (*tree, error) {
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		return nil, err
	}
	tr := &tree{root: root, fset: token.NewFileSet()}
	if tr.files, err = listFiles(root); err != nil {
		return nil, err
	}
	var nested []string
	for _, name := range tr.files {
		if strings.HasSuffix(name, "/go.mod") {
			nested = append(nested, path.Dir(name)+"/")
		}
	}
	for _, name := range tr.files {
		inside := func(dir string) bool { return strings.HasPrefix(name, dir) }
		if path.Ext(name) != ".go" || slices.ContainsFunc(nested, inside) || strings.Contains("/"+name, "/testdata/") {
			continue
		}
		text, err := tr.read(name)
		if err != nil {
			return nil, err
		}
		syntax, err := parser.ParseFile(tr.fset, name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		tr.code = append(tr.code, goFile{
			name: name, folder: path.Dir(name), test: strings.HasSuffix(name, "_test.go"),
			lines: bytes.Count(text, []byte("\n")), syntax: syntax,
		})
	}
	return tr, nil
})

// listFiles gives the files that are in git or would be taken in; without git, those that are there. It walks in both cases: what it
// opens tells the go command when a cached result is stale.
func listFiles(root string) ([]string, error) {
	known := func(string) bool { return true }
	git := exec.Command("git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	if out, err := git.Output(); err == nil {
		names := map[string]bool{}
		for name := range strings.SplitSeq(string(out), "\x00") {
			names[name] = true
		}
		if names["go.mod"] { // else this copy of the module lies ignored in somebody else's repository
			known = func(name string) bool { return names[name] }
		}
	}
	var files []string
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == ".git" || d.Name() == "node_modules"):
			return fs.SkipDir
		case d.Type().IsRegular() && known(name):
			files = append(files, name)
		}
		return nil
	})
	return files, err
}

// read gives a file's content.
func (tr *tree) read(name string) ([]byte, error) {
	return os.ReadFile(filepath.Join(tr.root, filepath.FromSlash(name)))
}

// packages gives the folders that hold Go files, sorted.
func (tr *tree) packages() []string {
	var folders []string
	for _, f := range tr.code {
		folders = append(folders, f.folder)
	}
	slices.Sort(folders)
	return slices.Compact(folders)
}

// imports gives the import paths of a file.
func (f goFile) imports() []string {
	var paths []string
	for _, spec := range f.syntax.Imports {
		if p, err := strconv.Unquote(spec.Path.Value); err == nil {
			paths = append(paths, p)
		}
	}
	return paths
}
