package disk_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/durablego/do/internal/disk"
)

// T13: the sync a batch waits for. More run at once than there are contexts for.
func TestSyncAside(t *testing.T) {
	dir := t.TempDir()
	var syncs sync.WaitGroup
	for i := range 4 * disk.MaxAsides {
		syncs.Go(func() {
			f, err := disk.OS().Open(filepath.Join(dir, string(rune('a'+i))), os.O_RDWR|os.O_CREATE)
			if err != nil {
				t.Error(err)
				return
			}
			for n := range 20 {
				if _, err := f.WriteAt([]byte("content"), int64(n)); err != nil {
					t.Error(err)
				}
				if err := disk.SyncAside(f); err != nil {
					t.Error(err)
				}
			}
			if err := f.Close(); err != nil {
				t.Error(err)
			}
			if err := disk.SyncAside(f); !errors.Is(err, syscall.EBADF) {
				t.Errorf("SyncAside of a closed file = %v, want EBADF", err)
			}
		})
	}
	syncs.Wait()
	free, made := disk.Asides()
	if free > disk.MaxAsides || free != made && made != disk.MaxAsides {
		t.Errorf("%d contexts of %d are free when nothing runs, of at most %d", free, made, disk.MaxAsides)
	}
	if free == 0 {
		t.Log("this system has no asynchronous calls")
	}
}

// T15: an error is told, by the file's name, and the context is of use after it.
func TestSyncAsideFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	pipe, err := disk.OS().Open(path, os.O_RDWR)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 * disk.MaxAsides {
		err := disk.SyncAside(pipe)
		if e, ok := errors.AsType[*fs.PathError](err); !ok || e.Path != path || e.Err != syscall.EINVAL {
			t.Fatalf("SyncAside of a pipe = %v, want EINVAL by its name", err)
		}
	}
	if err := pipe.Close(); err != nil {
		t.Fatal(err)
	}
}

// T15: what the kernel says of a call that was begun and failed is passed on.
func TestAsideOutcome(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	begun, err := disk.FailingAside(f)
	if !begun {
		t.Skip("this system has no asynchronous calls")
	}
	if err != syscall.EFAULT {
		t.Errorf("a read to nowhere = %v, want EFAULT", err)
	}
}
