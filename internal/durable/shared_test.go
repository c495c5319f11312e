package durable_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/durablego/do/internal/commitlog"
	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/disk/disktest"
	"github.com/durablego/do/internal/durable"
	"github.com/durablego/do/internal/gate"
)

// shared is a folder with a shared log, and what happens on its disk.
type shared struct {
	*durable.Shared
	t     *testing.T
	root  string
	fs    *disktest.Faulty
	mem   disk.FS
	holds map[string]chan error // operations that wait for the test, by kind and suffix of the name

	mu       sync.Mutex // guards following
	held     int
	reported []error
}

func newShared(t *testing.T, setup ...func(*durable.SharedOptions)) *shared {
	s := &shared{t: t, root: "/data", mem: disk.Mem(), holds: map[string]chan error{}}
	s.fs = disktest.NewFaulty(s.mem)
	if err := s.fs.MkdirAll(s.root); err != nil {
		t.Fatal(err)
	}
	s.fs.Hook(func(op disktest.Op, name string) error {
		s.mu.Lock()
		var hold chan error
		for what, c := range s.holds {
			if kind, suffix, _ := strings.Cut(what, " "); kind == op.String() && strings.HasSuffix(name, suffix) {
				hold = c
				s.held++
			}
		}
		s.mu.Unlock()
		if hold != nil {
			return <-hold
		}
		return nil
	})
	o := durable.SharedOptions{FS: s.fs, Root: s.root, Dir: filepath.Join(s.root, "commits"), Report: func(err error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.reported = append(s.reported, err)
	}}
	for _, f := range setup {
		f(&o)
	}
	s.Shared = durable.NewShared(o)
	return s
}

// short are segments that are complete after each batch.
func short(o *durable.SharedOptions) { o.SegmentBytes = 1 }

// hold makes operations wait until the test says how they end, or releases them all.
func (s *shared) hold(what string) (end chan error, release func()) {
	end = make(chan error)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.holds[what] = end
	return end, func() {
		s.mu.Lock()
		delete(s.holds, what)
		s.mu.Unlock()
		close(end)
	}
}

func (s *shared) path(name string) string { return filepath.Join(s.root, name) }

// syncs counts those of files since the last call.
func (s *shared) syncs(before int) int { return s.fs.Count(disktest.Sync) - before }

func (s *shared) write(name, content string) {
	s.t.Helper()
	f, err := s.mem.Open(s.path(name), os.O_RDWR|os.O_CREATE)
	if err == nil {
		_, err = f.WriteAt([]byte(content), 0)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		s.t.Fatal(err)
	}
}

// read gives what a file holds, "-" if there is none.
func (s *shared) read(name string) string {
	s.t.Helper()
	size, err := s.mem.Stat(s.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return "-"
	}
	f, err := s.mem.Open(s.path(name), os.O_RDWR)
	if err != nil {
		s.t.Fatal(err)
	}
	p := make([]byte, size)
	_, err = f.ReadAt(p, 0)
	if err := errors.Join(err, f.Close()); err != nil {
		s.t.Fatal(err)
	}
	return string(p)
}

func (s *shared) want(name, content string) {
	s.t.Helper()
	if got := s.read(name); got != content {
		s.t.Errorf("%s holds %q, want %q", name, got, content)
	}
}

// replayed is what a replay of the log as it is now speaks of.
func (s *shared) replayed() []string {
	s.t.Helper()
	found, err := commitlog.Replay(s.mem, s.root, filepath.Join(s.root, "commits"))
	if err != nil {
		s.t.Fatal(err)
	}
	return found.Names
}

func (s *shared) close() {
	s.t.Helper()
	if err := s.Close(); err != nil {
		s.t.Errorf("Close = %v", err)
	}
	if names, err := s.mem.ReadDir(filepath.Join(s.root, "commits")); err != nil && !errors.Is(err, fs.ErrNotExist) || len(names) > 0 {
		s.t.Errorf("Close left %v, %v", names, err)
	}
}

// T13: one sync covers the commits of all objects that came before it began; those that
// come meanwhile go with the next. No file of an object is synced.
func TestT13SharedSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShared(t)
		a, b, first := s.enter("a"), s.enter("b"), s.enter("first")
		end, release := s.hold("sync .log")
		before := s.syncs(0)
		first.commit("1")
		synctest.Wait()
		a.commit("1")
		b.commit("1")
		synctest.Wait()
		end <- nil
		synctest.Wait()
		first.wantOpen(1)
		a.wantOpen(0)
		a.commit("2")
		b.commit("2")
		synctest.Wait()
		end <- nil
		synctest.Wait()
		a.wantOpen(1)
		b.wantOpen(1)
		if d := a.log.Durable(); d != (durable.Commit{Ticket: 1, Frames: 1}) {
			t.Errorf("Durable() = %+v, want the first commit", d)
		}
		release()
		synctest.Wait()
		a.wantOpen(2)
		b.wantOpen(2)
		if got := s.syncs(before); got != 3 {
			t.Errorf("%d syncs, want 3", got)
		}
		for _, name := range []string{"a", "b"} {
			s.want(name, "")
			s.write(name, "xxxx") // as a power cut might
		}
		s.replayed()
		s.want("a", "12")
		s.want("b", "12")
		a.leave()
		b.leave()
		first.leave()
		s.close()
	})
}

// T15: a failed write or sync of the log breaks exactly the tickets that wait for it. Then
// what the log says is made durable in the files, and a new log begins.
func TestT15SharedFailure(t *testing.T) {
	for _, op := range []string{"write .log", "sync .log"} {
		t.Run(op, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newShared(t)
				a, b := s.enter("a"), s.enter("b")
				b.save("1")
				a.save("1")
				end, release := s.hold(op)
				a.commit("2")
				synctest.Wait()
				before := s.syncs(0)
				end <- errDisk
				release()
				synctest.Wait()
				a.wantDead(errDisk)
				a.wantOpen(1)
				if d := a.log.Durable(); d != (durable.Commit{Ticket: 1, Frames: 1}) {
					t.Errorf("Durable() = %+v, want the first commit", d)
				}
				b.wantAlive()
				a.commit("3")
				a.wantBroken(errDisk)
				b.save("2")
				b.wantOpen(2)
				if got := s.syncs(before); got < 3 { // two files and the new log
					t.Errorf("%d syncs since the failure, want the files and the new log", got)
				}
				s.want("a", "1") // and nothing that was refused
				s.want("b", "1")
				if got := s.replayed(); len(got) != 1 || got[0] != "b" {
					t.Errorf("the new log speaks of %v, want b", got)
				}
				a.leave()
				b.leave()
				s.close()
			})
		})
	}
}

// T16: a batch that takes too long fails, and its late success changes nothing; who waits
// for a record is told as well, even if the write ends while owners hear of the failure.
func TestT16SharedTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShared(t)
		a, b := s.enter("a"), s.enter("b")
		a.save("1")
		_, release := s.hold("sync .log")
		slow := s.Open(a, new(gate.Gate), func(error) { // an owner that is slow to hear of it
			release()
			time.Sleep(time.Second)
		})
		a.commit("2")
		slow.Commit(durable.Commit{Ticket: 1}) // which says nothing: alone it would not be written
		forgotten := make(chan error, 1)
		go func() { forgotten <- s.Forget(context.Background(), s.path("c")) }()
		synctest.Wait()
		time.Sleep(durable.DefaultTimeout - time.Nanosecond)
		a.wantAlive()
		time.Sleep(2 * time.Second)
		synctest.Wait()
		a.wantDead(durable.ErrTimeout)
		a.wantOpen(1)
		select {
		case err := <-forgotten:
			if !errors.Is(err, durable.ErrTimeout) {
				t.Errorf("Forget = %v, want ErrTimeout", err)
			}
		default:
			t.Error("Forget was not told of the failure")
		}
		b.save("1") // in a new log
		if d := a.log.Durable(); d.Ticket != 1 {
			t.Errorf("Durable() = %+v after a late success", d)
		}
		slow.Close()
		a.leave()
		b.leave()
		s.close()
	})
}
