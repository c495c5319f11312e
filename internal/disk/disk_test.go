package disk_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/durablego/do/internal/disk"
)

// each runs a test on every file system; dir is an empty folder of it.
func each(t *testing.T, test func(t *testing.T, fsys disk.FS, dir string)) {
	for _, v := range []struct {
		name string
		fs   disk.FS
	}{{"os", disk.OS()}, {"mem", disk.Mem()}} {
		t.Run(v.name, func(t *testing.T) { test(t, v.fs, t.TempDir()) })
	}
}

func mustOpen(t *testing.T, fsys disk.FS, name string, flag int) disk.File {
	t.Helper()
	f, err := fsys.Open(name, flag)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestOpenAndRemove(t *testing.T) {
	each(t, func(t *testing.T, fsys disk.FS, dir string) {
		name := filepath.Join(dir, "a")
		if _, err := fsys.Open(name, os.O_RDWR); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Open of nothing = %v, want ErrNotExist", err)
		}
		if _, err := fsys.Stat(name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Stat of nothing = %v, want ErrNotExist", err)
		}
		if err := fsys.Remove(name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Remove of nothing = %v, want ErrNotExist", err)
		}
		f := mustOpen(t, fsys, name, os.O_RDWR|os.O_CREATE|os.O_EXCL)
		if _, err := fsys.Open(name, os.O_RDWR|os.O_CREATE|os.O_EXCL); !errors.Is(err, fs.ErrExist) {
			t.Errorf("exclusive Open of a file = %v, want ErrExist", err)
		}
		if _, err := f.WriteAt([]byte("hello"), 0); err != nil {
			t.Fatal(err)
		}
		again := mustOpen(t, fsys, name, os.O_RDWR|os.O_CREATE)
		p := make([]byte, 5)
		if _, err := again.ReadAt(p, 0); err != nil || string(p) != "hello" {
			t.Errorf("ReadAt by a second handle = %q, %v", p, err)
		}
		if size, err := fsys.Stat(name); err != nil || size != 5 {
			t.Errorf("Stat = %d, %v, want 5", size, err)
		}
		for _, f := range []disk.File{f, again} {
			if err := f.Close(); err != nil {
				t.Error(err)
			}
		}
		if err := fsys.Remove(name); err != nil {
			t.Error(err)
		}
	})
}

func TestReadWriteTruncate(t *testing.T) {
	each(t, func(t *testing.T, fsys disk.FS, dir string) {
		f := mustOpen(t, fsys, filepath.Join(dir, "a"), os.O_RDWR|os.O_CREATE)
		defer f.Close()
		content := func() []byte {
			size, err := f.Size()
			if err != nil {
				t.Fatal(err)
			}
			p := make([]byte, size+3)
			n, err := f.ReadAt(p, 0)
			if err != io.EOF || n != int(size) {
				t.Fatalf("short ReadAt = %d, %v, want %d, EOF", n, err, size)
			}
			return p[:n]
		}
		for _, step := range []struct {
			name string
			do   func() error
			want string
		}{
			{"beyond the end", func() error { _, err := f.WriteAt([]byte("cd"), 2); return err }, "\x00\x00cd"},
			{"over the start", func() error { _, err := f.WriteAt([]byte("abX"), 0); return err }, "abXd"},
			{"cut", func() error { return f.Truncate(1) }, "a"},
			{"lengthen", func() error { return f.Truncate(3) }, "a\x00\x00"},
			{"sync", f.Sync, "a\x00\x00"},
			{"empty write", func() error { _, err := f.WriteAt(nil, 1); return err }, "a\x00\x00"},
			{"empty", func() error { return f.Truncate(0) }, ""},
		} {
			if err := step.do(); err != nil {
				t.Fatalf("%s: %v", step.name, err)
			}
			if got := content(); string(got) != step.want {
				t.Errorf("%s: content %q, want %q", step.name, got, step.want)
			}
		}
		if n, err := f.ReadAt(make([]byte, 1), 100); n != 0 || err != io.EOF {
			t.Errorf("ReadAt beyond the end = %d, %v, want EOF", n, err)
		}
	})
}

func TestFolders(t *testing.T) {
	each(t, func(t *testing.T, fsys disk.FS, dir string) {
		sub := filepath.Join(dir, "x", "y")
		if _, err := fsys.ReadDir(sub); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("ReadDir of nothing = %v, want ErrNotExist", err)
		}
		if err := fsys.MkdirAll(sub); err != nil {
			t.Fatal(err)
		}
		if err := fsys.MkdirAll(sub); err != nil {
			t.Errorf("MkdirAll again: %v", err)
		}
		for _, name := range []string{"b", "a"} {
			if err := mustOpen(t, fsys, filepath.Join(dir, "x", name), os.O_RDWR|os.O_CREATE).Close(); err != nil {
				t.Fatal(err)
			}
		}
		names, err := fsys.ReadDir(filepath.Join(dir, "x"))
		if want := []string{"a", "b", "y"}; err != nil || !slices.Equal(names, want) {
			t.Errorf("ReadDir = %q, %v, want %q", names, err, want)
		}
		if err := fsys.SyncDir(sub); err != nil {
			t.Error(err)
		}
	})
}

func TestManyGoroutinesOnOneFile(t *testing.T) {
	each(t, func(t *testing.T, fsys disk.FS, dir string) {
		f := mustOpen(t, fsys, filepath.Join(dir, "a"), os.O_RDWR|os.O_CREATE)
		defer f.Close()
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				p := bytes.Repeat([]byte{byte(i)}, 100)
				got := make([]byte, 100)
				for range 20 {
					if _, err := f.WriteAt(p, int64(i)*100); err != nil {
						t.Error(err)
					}
					if _, err := f.ReadAt(got, int64(i)*100); err != nil || !bytes.Equal(got, p) {
						t.Errorf("read back %v, %v", got[:3], err)
					}
				}
				if err := f.Sync(); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	})
}

func TestErrorsNameTheFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a")
	f := mustOpen(t, disk.OS(), name, os.O_RDWR|os.O_CREATE)
	defer f.Close()
	err := f.Truncate(-1)
	var perr *fs.PathError
	if !errors.As(err, &perr) || perr.Path != name {
		t.Errorf("Truncate(-1) = %v, want a PathError of %s", err, name)
	}
}

func TestRename(t *testing.T) {
	each(t, func(t *testing.T, fsys disk.FS, dir string) {
		from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
		if err := fsys.Rename(from, to); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Rename of nothing = %v, want ErrNotExist", err)
		}
		if err := fsys.MkdirAll(from); err != nil {
			t.Fatal(err)
		}
		for name, content := range map[string]string{"a": "new", "b": "old"} {
			f := mustOpen(t, fsys, filepath.Join(from, name), os.O_RDWR|os.O_CREATE)
			if _, err := f.WriteAt([]byte(content), 0); err != nil {
				t.Fatal(err)
			}
			f.Close()
		}
		if err := fsys.Rename(filepath.Join(from, "a"), filepath.Join(from, "b")); err != nil {
			t.Fatal(err)
		}
		if err := fsys.Remove(from); err == nil {
			t.Error("a folder with a file in it was removed")
		}
		if err := fsys.Rename(from, to); err != nil { // with what is in it
			t.Fatal(err)
		}
		f := mustOpen(t, fsys, filepath.Join(to, "b"), os.O_RDWR)
		defer f.Close()
		p := make([]byte, 3)
		if _, err := f.ReadAt(p, 0); err != nil || string(p) != "new" {
			t.Errorf("content in the place of another file = %q, %v, want new", p, err)
		}
		if _, err := fsys.ReadDir(from); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("ReadDir of the old name = %v, want ErrNotExist", err)
		}
	})
}
