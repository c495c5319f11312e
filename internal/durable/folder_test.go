package durable_test

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/durable"
)

// slowDir is an FS whose SyncDir takes a second and may fail. It notes what names had
// been made when each one began.
type slowDir struct {
	disk.FS
	mu    sync.Mutex
	made  int
	fails bool
	seen  []int
}

func (s *slowDir) SyncDir(string) error {
	s.mu.Lock()
	s.seen = append(s.seen, s.made)
	fails := s.fails
	s.mu.Unlock()
	time.Sleep(time.Second)
	if fails {
		return errDisk
	}
	return nil
}

// make makes a name, syncs the folder, and checks that a SyncDir that began afterwards
// covered it.
func (s *slowDir) make(t *testing.T, f *durable.Folder) {
	s.mu.Lock()
	s.made++
	mine := s.made
	s.mu.Unlock()
	if err := f.Sync(); err != nil {
		t.Error(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, made := range s.seen {
		if made >= mine {
			return
		}
	}
	t.Errorf("no SyncDir covered name %d: %v", mine, s.seen)
}

func TestFolderGathersSyncs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := &slowDir{}
		f := durable.NewFolder(dir, "x")
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() { dir.make(t, f) })
		}
		all.Wait()
		if n := len(dir.seen); n != 2 {
			t.Errorf("%d SyncDir calls for 100 names at once, want 2: the first and one for the others", n)
		}
		dir.make(t, f)
		if n := len(dir.seen); n != 3 {
			t.Errorf("%d SyncDir calls, want 3", n)
		}
	})
}

func TestFolderFailureReachesAllItCovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := &slowDir{}
		f := durable.NewFolder(dir, "x")
		results := make(chan error, 11)
		sync := func() { results <- f.Sync() }
		go sync()
		synctest.Wait()
		dir.fails = true
		for range 10 {
			go sync()
		}
		if err := <-results; err != nil {
			t.Errorf("Sync that began before the trouble = %v", err)
		}
		for range 10 {
			if err := <-results; !errors.Is(err, errDisk) {
				t.Errorf("Sync = %v, want the failure", err)
			}
		}
		dir.fails = false
		if err := f.Sync(); err != nil {
			t.Errorf("Sync after the trouble = %v", err)
		}
	})
}

// TestFolderSettles syncs again only after a sync that failed.
func TestFolderSettles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := &slowDir{}
		f := durable.NewFolder(dir, "x")
		settle := func(want error, syncs int) {
			t.Helper()
			if err := f.Settle(); err != want || len(dir.seen) != syncs {
				t.Errorf("Settle = %v after %d syncs, want %v after %d", err, len(dir.seen), want, syncs)
			}
		}
		settle(nil, 0)
		dir.fails = true
		if err := f.Sync(); err != errDisk {
			t.Errorf("Sync = %v", err)
		}
		settle(errDisk, 2)
		dir.fails = false
		settle(nil, 3)
		settle(nil, 3)
	})
}
