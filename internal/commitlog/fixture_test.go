package commitlog_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/durablego/do/internal/commitlog"
	"github.com/durablego/do/internal/disk"
)

// folder is a data folder with a log.
type folder struct {
	t    *testing.T
	fs   disk.FS
	root string
	log  *commitlog.Log
}

func newFolder(t *testing.T) *folder {
	f := &folder{t: t, fs: disk.OS(), root: t.TempDir()}
	f.log = commitlog.New(f.fs, f.dir())
	t.Cleanup(func() {
		if err := f.log.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

func (f *folder) dir() string { return filepath.Join(f.root, "commits") }

// add appends a batch that fill makes.
func (f *folder) add(fill func(b *commitlog.Batch)) {
	f.t.Helper()
	var b commitlog.Batch
	fill(&b)
	if err := f.log.Append(&b, false); err != nil {
		f.t.Fatal(err)
	}
}

func (f *folder) replay() commitlog.Found {
	f.t.Helper()
	found, err := commitlog.Replay(f.fs, f.root, f.dir())
	if err != nil {
		f.t.Fatal(err)
	}
	return found
}

func (f *folder) write(name, content string) {
	f.t.Helper()
	path := filepath.Join(f.root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		f.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		f.t.Fatal(err)
	}
}

// want checks what a file holds; "-" stands for no file.
func (f *folder) want(name, content string) {
	f.t.Helper()
	got, err := os.ReadFile(filepath.Join(f.root, name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		got = []byte("-")
	case err != nil:
		f.t.Fatal(err)
	}
	if !bytes.Equal(got, []byte(content)) {
		f.t.Errorf("%s holds %.40q (%d bytes), want %.40q (%d)", name, got, len(got), content, len(content))
	}
}

// small is a disk that makes no large files.
type small struct{ disk.FS }

type smallFile struct{ disk.File }

func (s small) Open(name string, flag int) (disk.File, error) {
	f, err := s.FS.Open(name, flag)
	return smallFile{f}, err
}

var errLarge = errors.New("too large")

func (f smallFile) Truncate(size int64) error {
	if size > 1<<22 {
		return errLarge
	}
	return f.File.Truncate(size)
}

func (f smallFile) WriteAt(p []byte, off int64) (int, error) {
	if off > 1<<22 {
		return 0, errLarge
	}
	return f.File.WriteAt(p, off)
}

func (s small) Remove(name string) error { return s.FS.Remove(name) }
