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

// member is an object whose commits go to the shared log: bytes behind each other in its
// write-ahead log.
type member struct {
	*shared
	name string
	gate *gate.Gate
	log  durable.Log
	text string // committed
	kept bool
	was  int // of text, taken
	told chan error
}

// enter opens an object as its owner does.
func (s *shared) enter(name string) *member {
	s.t.Helper()
	m := &member{shared: s, name: name, gate: new(gate.Gate), told: make(chan error, 1)}
	var err error
	if m.kept, err = s.Enter(s.path(name)); err != nil {
		s.t.Fatal(err)
	}
	if s.read(name) == "-" {
		s.write(name, "main")
	}
	m.log = s.Open(m, m.gate, func(err error) { m.told <- err })
	return m
}

func (m *member) Sync() error  { panic("the files of an object are synced by its owner") }
func (m *member) Name() string { return m.path(m.name) }

func (m *member) Take(b *durable.Batch, name string) {
	b.Write(name, int64(m.was), []byte(m.text[m.was:]))
	m.was = len(m.text)
}

// commit announces a commit, which is in the write-ahead log.
func (m *member) commit(text string) (ticket uint64) {
	m.text += text
	m.write(m.name+"-wal", m.text)
	ticket = m.gate.Take()
	m.log.Commit(durable.Commit{Ticket: ticket, Frames: len(m.text)})
	return ticket
}

// save commits and waits until that is durable.
func (m *member) save(text string) {
	m.t.Helper()
	m.commit(text)
	if err := m.log.Flush(context.Background()); err != nil {
		m.t.Fatalf("%s: Flush = %v", m.name, err)
	}
}

// leave closes an object.
func (m *member) leave(keep bool) {
	m.log.Close()
	m.Leave(m.path(m.name), keep)
}

func (m *member) wantOpen(want uint64) {
	m.t.Helper()
	if got := m.gate.Opened(); got != want {
		m.t.Errorf("%s: open up to ticket %d, want %d", m.name, got, want)
	}
}

// wantDead checks that the Log died of an error, and that its owner was told first.
func (m *member) wantDead(want error) {
	m.t.Helper()
	select {
	case err := <-m.told:
		if !errors.Is(err, want) {
			m.t.Errorf("%s died of %v, want %v", m.name, err, want)
		}
	default:
		m.t.Errorf("%s is alive", m.name)
	}
	if err := m.log.Flush(context.Background()); !errors.Is(err, want) {
		m.t.Errorf("%s: Flush = %v, want %v", m.name, err, want)
	}
	m.wantBroken(want)
}

func (m *member) wantAlive() {
	m.t.Helper()
	select {
	case err := <-m.told:
		m.t.Errorf("%s died of %v", m.name, err)
	default:
	}
}

// T13: one sync covers the commits of all objects that came before it began; those that
// come meanwhile go with the next. No file of an object is synced.
func TestT13SharedSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShared(t)
		a, b := s.enter("a"), s.enter("b")
		end, release := s.hold("sync .log")
		before := s.syncs(0)
		a.commit("1")
		b.commit("1")
		synctest.Wait()
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
		if got := s.syncs(before); got != 2 {
			t.Errorf("%d syncs, want 2", got)
		}
		for _, name := range []string{"a-wal", "b-wal"} {
			s.write(name, "xx") // as a power cut might
		}
		s.replayed()
		s.want("a-wal", "12")
		s.want("b-wal", "12")
		a.leave(false)
		b.leave(false)
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
				if got := s.syncs(before); got < 3 { // two write-ahead logs and the new log
					t.Errorf("%d syncs since the failure, want the files and the new log", got)
				}
				if got := s.replayed(); len(got) != 1 || got[0] != "b" {
					t.Errorf("the new log speaks of %v, want b", got)
				}
				a.leave(false)
				b.leave(false)
				s.close()
			})
		})
	}
}

// wantBroken checks that tickets which are not open broke.
func (m *member) wantBroken(want error) {
	m.t.Helper()
	newest := m.gate.Newest()
	if newest == m.gate.Opened() {
		return
	}
	if err := m.gate.Wait(context.Background(), newest); !errors.Is(err, want) {
		m.t.Errorf("%s: the newest ticket: %v, want %v", m.name, err, want)
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
		slow.Commit(durable.Commit{Ticket: 1})
		a.commit("2")
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
		a.leave(false)
		b.leave(false)
		s.close()
	})
}
