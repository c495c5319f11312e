package do

import (
	"encoding/binary"
	"fmt"
	"path/filepath"
	"sync"

	"github.com/durablego/do/internal/actor"
	"github.com/durablego/do/internal/catalog"
	"github.com/durablego/do/internal/durable"
	"github.com/durablego/do/internal/index"
	"github.com/durablego/do/internal/socket"
)

// Namespace is the objects of one class behind one binding. Safe for concurrent use.
type Namespace struct {
	*served
	owner *actor.Life // of an object's Env: only this instance may use it (T7); or nil
}

// served is a class in a runtime: its identity on disk and its objects in memory.
type served struct {
	rt       *Runtime
	class    *class
	identity catalog.Namespace
	key      *idKey
	dir      string
	folder   *durable.Folder
	away     *away // it is in another process; nothing below is used but unserved
	unserved bool  // its data is left alone (L23); nothing below is used

	index *index.Index
	space int // of its alarms

	found foundForeign // of the reference's, until Open is done

	making chan struct{} // held by who makes the folder; guards made
	made   bool

	predictable bool // I8
	countMu     sync.Mutex
	count       uint64

	shards [64]shard
}

type shard struct {
	mu    sync.Mutex
	cells map[[16]byte]*cell
	kept  map[[16]byte]*socket.Set // what absent objects said of their sockets (W6, W20)
}

// IDFromName derives the id of the object called name. A name may be any text, of any
// length, also empty; its bytes count as they are (I2, I6). No I/O.
func (n *Namespace) IDFromName(name string) ID { return n.key.fromName(name) }

// NewUniqueID makes an id that nobody has. No I/O (I3).
func (n *Namespace) NewUniqueID() ID {
	if n.predictable {
		n.countMu.Lock()
		defer n.countMu.Unlock()
		var base [16]byte
		binary.LittleEndian.PutUint64(base[:], n.count)
		n.count++
		return n.key.fromBase(base)
	}
	return n.key.unique()
}

// IDFromString reads what ID.String gave: 64 hex digits of either case, else ErrInvalidID,
// of this namespace, else ErrForeignID. The result has no name (I7).
func (n *Namespace) IDFromString(s string) (ID, error) { return n.key.parse(s) }

// Get makes a stub. No I/O, and nothing is created; a zero id or one of another namespace
// fails at the first call (I15), and so does any of a namespace that is not served (L23).
func (n *Namespace) Get(id ID) *Stub {
	return &Stub{ns: n, id: id, err: n.check(id)}
}

// check says whether the object may be called.
func (s *served) check(id ID) error {
	if err := s.rests(); err != nil {
		return err
	}
	return s.key.check(id)
}

// rests says why no object of the namespace may be called, if so.
func (s *served) rests() error {
	if s.unserved {
		return fmt.Errorf("%w: %q of script %q", ErrUnserved, s.class.namespaceID, s.class.script)
	}
	return nil
}

// GetByName is Get(IDFromName(name)).
func (n *Namespace) GetByName(name string) *Stub {
	return &Stub{ns: n, id: n.key.fromName(name), err: n.rests()}
}

// cell gives the object's cell, made if it has none; nil once the runtime is closed.
func (s *served) cell(id ID) *cell {
	key := [16]byte(id.bytes[:16])
	sh := &s.shards[key[0]%64]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	c := sh.cells[key]
	if c == nil && s.rt.closed.Load() {
		return nil // under the lock: Close sees every cell that was made before
	}
	if c == nil {
		c = newCell(s, ID{bytes: id.bytes})
		if sh.cells == nil {
			sh.cells = map[[16]byte]*cell{}
		}
		sh.cells[key] = c
		if set := sh.kept[key]; set != nil {
			set.Adopt((*socketHost)(c))
			c.sockets.Store(set)
			delete(sh.kept, key)
		}
	}
	return c
}

// peek gives the object's cell if it has one.
func (s *served) peek(id ID) *cell {
	key := [16]byte(id.bytes[:16])
	sh := &s.shards[key[0]%64]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	return sh.cells[key]
}

// forget drops a cell whose mailbox is gone.
func (s *served) forget(c *cell) {
	key := [16]byte(c.id.bytes[:16])
	sh := &s.shards[key[0]%64]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.cells[key] != c {
		return
	}
	delete(sh.cells, key)
	if set := c.sockets.Load(); set != nil && !set.Settled() {
		if sh.kept == nil {
			sh.kept = map[[16]byte]*socket.Set{}
		}
		sh.kept[key] = set
	}
}

func (s *served) all() []*cell {
	var cells []*cell
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		for _, c := range sh.cells {
			cells = append(cells, c)
		}
		sh.mu.Unlock()
	}
	return cells
}

// path is the main file of an object's database.
func (s *served) path(id ID) string { return filepath.Join(s.dir, id.String()+".sqlite") }
