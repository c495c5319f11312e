package crash

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/sqlite"
)

// quickCheckCopy runs quick_check on a copy of every object's database: looking at the
// files themselves would repair them.
func quickCheckCopy(t *testing.T, dir string) {
	t.Helper()
	quickCheckOf(t, dir, binding)
}

// quickCheckOf is quickCheckCopy for the objects behind a binding.
func quickCheckOf(t *testing.T, dir, binding string) {
	t.Helper()
	source, copied := filepath.Join(dir, "main."+binding), t.TempDir()
	if err := os.CopyFS(copied, os.DirFS(source)); err != nil {
		t.Fatal(err)
	}
	paths, err := filepath.Glob(filepath.Join(copied, "*.sqlite"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("%d databases in %s, %v", len(paths), source, err)
	}
	for _, path := range paths {
		if info, err := os.Stat(path); err == nil && info.Size() == 0 {
			continue // made, and not yet filled
		}
		if result, err := quickCheck(path); err != nil || result != "ok" {
			t.Errorf("quick_check of %s: %s, %v", filepath.Base(path), result, err)
		}
	}
}

func quickCheck(path string) (result string, err error) {
	conn, err := sqlite.Open(path, sqlite.Options{FS: disk.OS(), WAL: true})
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	s, _, err := conn.Prepare("PRAGMA quick_check")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, s.Finalize()) }()
	var lines []string
	for {
		row, err := s.Step()
		if err != nil || !row {
			return strings.Join(lines, "; "), err
		}
		lines = append(lines, s.ColumnText(0))
	}
}
