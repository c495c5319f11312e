package durable_test

import (
	"context"
	"errors"
	"os"
	"sync"

	"github.com/durablego/do/internal/durable"
	"github.com/durablego/do/internal/gate"
)

// member is an object whose commits go to the shared log: bytes behind each other, which its file
// has when they are written back.
type member struct {
	*shared
	name  string
	gate  *gate.Gate
	log   durable.Log
	texts sync.Mutex // guards text
	text  string     // committed
	was   int        // of text, taken
	loose bool       // Take does not tell the file's size
	told  chan error
}

// enter opens an object as its owner does.
func (s *shared) enter(name string) *member {
	s.t.Helper()
	m := &member{shared: s, name: name, gate: new(gate.Gate), told: make(chan error, 1)}
	if err := s.Enter(s.path(name)); err != nil {
		s.t.Fatal(err)
	}
	if s.read(name) == "-" {
		s.write(name, "")
	}
	m.text = s.read(name)
	m.was = len(m.text)
	m.log = s.Open(m, m.gate, func(err error) { m.told <- err })
	return m
}

func (m *member) Sync() error  { panic("the files of an object are synced by its owner") }
func (m *member) Name() string { return m.path(m.name) }

func (m *member) Take(b *durable.Batch, name string) {
	size := len(m.text)
	if m.loose {
		size = 0
	}
	b.Write(name, int64(m.was), []byte(m.text[m.was:]), int64(size))
	m.was = len(m.text)
}

func (m *member) WriteBack(durable func() durable.Commit) error {
	f, err := m.fs.Open(m.path(m.name), os.O_RDWR)
	if err != nil {
		return err
	}
	m.texts.Lock()
	text := m.text[:durable().Frames]
	m.texts.Unlock()
	_, err = f.WriteAt([]byte(text), 0)
	return errors.Join(err, f.Close())
}

// commit announces a commit, which is in memory.
func (m *member) commit(text string) (ticket uint64) {
	m.texts.Lock()
	m.text += text
	m.texts.Unlock()
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
func (m *member) leave() {
	m.t.Helper()
	m.log.Close()
	if err := m.WriteBack(m.log.Durable); err != nil {
		m.t.Error(err)
	}
	m.lose()
}

// lose closes an object and does not write anything: the log is going to be replayed.
func (m *member) lose() {
	m.log.Close()
	m.Closed(m.path(m.name))
	m.Leave(m.path(m.name))
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
