package durable

import (
	"context"
	"errors"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/durablego/do/internal/commitlog"
	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/gate"
)

// Batch is what a Source puts its commits into.
type Batch = commitlog.Batch

// Source is a Target whose commits can be copied into a log shared with others, and need not be
// in its files.
type Source interface {
	Target
	// Name is the path of the main file.
	Name() string
	// Take puts what was committed since the last call into b, under the name given. It is
	// called by Log.Commit, and must not wait.
	Take(b *Batch, name string)
	// WriteBack brings what was committed up to durable into the main file, syncing nothing.
	// It asks durable once nobody else can write to that file. It may be called from any
	// goroutine, and until Journal.Closed: also when the Log is closed.
	WriteBack(durable func() Commit) error
}

// Journal is an Opener whose Logs write commits to a log that all share, so that the
// files they belong to need no sync of their own (see Shared). Whoever does more to the
// files than commit tells it. Paths are those of main files.
type Journal interface {
	Opener
	// Settled says that all that was written to the object's files, and their names, is
	// durable there. What follows in the files need not be ordered behind it.
	Settled(path string)
	// Forget is Settled that is durable when it returns nil.
	Forget(ctx context.Context, path string) error
	// Touched has the object named by the next replay, if there is one before the log forgets
	// it, and is durable when it returns nil: what a crash left in its files is going to be
	// used, and the log may never have heard of it.
	Touched(ctx context.Context, path string) error
	// Removed says that the object's files are to be removed, and is durable when it
	// returns nil. They are gone after a power cut, whether or not the removal got through.
	// Done or Doubt tells how that ended, and until then the log keeps it. It waits as long
	// as a commit may: who turned away could not know what the log says.
	Removed(path string) error
	// Done says that a sync which Syncing announced did not take place, or did no more than
	// it had to; or that files which Removed announced are gone, durably or not.
	Done(path string)
	// Syncing says that a sync of the object's files is about to begin; Settled, Forget, Done
	// or Doubt tells how it ended, and until then the log keeps what it has about the object.
	// It waits until none of the journal's own is under way. An error says that the
	// log is going to be replayed, after a sync that failed: who gets it closes the files.
	Syncing(path string) error
	// Doubt says that the sync failed: what it should have made durable is in the log only.
	Doubt(path string, err error)
	// Enter says that the object's files are about to be opened. It waits while the log is
	// replayed; its error says that they must not be touched. Each Enter without error has its
	// Leave.
	Enter(path string) error
	// Closed says that nobody has commits of the object but the log and the main file: that has
	// all that are durable, not durably, or else Removed or Doubt said so.
	Closed(path string)
	// Leave says that the files are not in use any more.
	Leave(path string)
}

// DefaultSegmentBytes is the size from which on a segment of the shared log is complete.
const DefaultSegmentBytes = 32 << 20

// SharedOptions are the settings of Shared. FS, Root and Dir are required.
type SharedOptions struct {
	FS   disk.FS
	Root string // the folder below which all files are
	Dir  string // of the log; it must not hold one

	// Timeout is the longest that a commit may wait for the disk, default DefaultTimeout;
	// negative: no limit.
	Timeout time.Duration
	// SegmentBytes is the size of a segment. Default DefaultSegmentBytes.
	SegmentBytes int64
	// All makes everything below Root durable that was written before the call. If it is
	// nil, or after it failed, files and folders are synced one by one.
	All func() error
	// Before runs before the log forgets the objects of these names: before a segment is
	// given up, or all is replayed. If it fails, that is tried again later.
	Before func(names map[string]struct{}) error
	// Fault is for tests: an error it gives for the main file of an object fails the next
	// sync of a batch with a commit of that object.
	Fault func(path string) error
	// Report is told of errors that nobody waits for.
	Report func(error)
}

// Shared is an Opener for many databases: their commits are copied into one log, and one
// write and one sync there cover all that came meanwhile (T13).
//
// When a segment of the log is complete, everything it speaks of is written to the files of the
// objects, where it is not yet, and made durable there, and the segment is used anew. After an unclean stop commitlog.Replay brings
// the files to the state of the log, before anything else touches them.
//
// A failed write or sync of the log breaks the tickets of all commits that wait for it,
// and no others (T15): then the files of all objects in the log are synced, for the first
// time since, and a new log begins. If files cannot be synced, all open Logs die; when
// their owners have closed the files, the log is replayed and a new one begins.
type Shared struct {
	o   SharedOptions
	log *commitlog.Log // of the goroutine that writes

	mu       sync.Mutex     // guards following; held for field access and copying only
	next     *batch         // commits and marks gather here
	flying   *batch         // being written; nil: none
	spare    *batch         // empty, to be used next; nil: none
	running  bool           // a goroutine writes
	opening  bool           // … and is opening tickets
	good     commitlog.End  // of the batches whose tickets were opened
	dead     error          // the log failed: it has to be replaced
	ruined   error          // files it speaks of are not to be trusted: it has to be replayed
	users    map[string]int // of each object whose files are in use
	open     map[*sharedLog]struct{}
	timer    *time.Timer
	names    map[string]struct{}   // of objects in the present segment
	number   uint64                // of the present segment
	full     []*complete           // segments not given up yet, in order
	placing  bool                  // a goroutine gives them up
	doubtful map[string]error      // nil: a sync is under way
	sources  map[string]*sharedLog // of objects whose main files may lack commits, until Closed
	moved    chan struct{}         // closed when one of these moves; nil: nobody waits
}

// batch is a batch in the making, and who waits for it.
type batch struct {
	records commitlog.Batch
	began   time.Time
	commits int
	logs    []*sharedLog
	marks   []string     // names in records that belong to no Log
	pending []string     // those of them whose files have yet to go
	waiters []chan error // with room for one
	failed  bool         // the outcome does not count any more
}

// busyFrom is the number of commits in a batch from which on others are likely to come while it is
// being written, which the processors had better work for.
const busyFrom = 2

// maxFull is how many complete segments there may be before batches wait.
const maxFull = 3

// NewShared returns the shared log of a folder. It does no I/O.
func NewShared(o SharedOptions) *Shared {
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	if o.SegmentBytes == 0 {
		o.SegmentBytes = DefaultSegmentBytes
	}
	log := commitlog.New(o.FS, o.Dir)
	return &Shared{
		o: o, log: log, good: log.End(), next: &batch{}, number: 1, names: map[string]struct{}{},
		users: map[string]int{}, doubtful: map[string]error{}, sources: map[string]*sharedLog{}, open: map[*sharedLog]struct{}{},
	}
}

// name is that of a path in the log.
func (s *Shared) name(path string) string {
	name, err := filepath.Rel(s.o.Root, path)
	if err != nil {
		return path // it will be refused by the replay; there is no such path
	}
	return name
}

// Open implements Opener. t must be a Source.
func (s *Shared) Open(t Target, g *gate.Gate, failed func(error)) Log {
	src := t.(Source)
	l := &sharedLog{shared: s, source: src, name: s.name(src.Name()), gate: g, failed: failed}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open[l] = struct{}{}
	s.sources[l.name] = l
	if s.ruined != nil { // its files were opened before that
		l.dead, l.reporting = &SyncError{Err: s.ruined}, true
		go s.bury(l)
	}
	return l
}

// startLocked makes sure that a goroutine writes what gathers.
func (s *Shared) startLocked() {
	if s.next.began.IsZero() {
		s.next.began = time.Now()
		s.armLocked()
	}
	if !s.running {
		s.running = true
		go s.run()
	}
}

// run writes until nothing is left.
func (s *Shared) run() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for !s.next.began.IsZero() {
		s.gatherLocked()
		s.writeLocked()
	}
	s.running = false
	s.wakeLocked()
}

// gatherLocked lets what can run now run first, as long as that commits more.
func (s *Shared) gatherLocked() {
	for range gatherings {
		before := s.next.records.Len()
		s.mu.Unlock()
		runtime.Gosched()
		s.mu.Lock()
		if s.next.records.Len() == before {
			return
		}
	}
}

// writeLocked writes what has gathered and tells who waits for it. REQUIRES: mu held; it
// is released meanwhile.
func (s *Shared) writeLocked() {
	if s.dead != nil {
		s.replaceLocked()
	}
	s.makeRoomLocked()
	b := s.next
	if s.dead != nil || b.began.IsZero() {
		// All that waited was told of a failure. What came since must not go to a log that is
		// to be replaced: marks of before are not in it.
		return
	}
	s.next, s.flying, s.spare = s.spare, b, nil
	if s.next == nil {
		s.next = &batch{}
	}
	for _, l := range b.logs {
		l.covering, l.queued, l.flying = l.newest, false, true
		if l.segment != s.number {
			l.segment = s.number
			s.names[l.name] = struct{}{}
		}
	}
	for _, name := range b.marks {
		s.names[name] = struct{}{}
	}
	s.mu.Unlock()
	err := s.fault(b)
	if err == nil {
		err = s.log.Append(&b.records, b.commits >= busyFrom)
	}
	s.mu.Lock()
	s.flying = nil
	switch {
	case b.failed: // timed out, and everybody was told
		for _, l := range b.logs {
			l.flying = false
			l.wakeLocked()
		}
	case err != nil:
		s.failLocked(&SyncError{Err: err}, b)
	default:
		s.good = s.log.End()
		for _, name := range b.pending {
			s.doubtful[name] = nil
		}
		s.openLocked(b)
		if s.log.Size() >= s.o.SegmentBytes {
			s.rotateLocked()
		}
	}
	b.reset()
	s.spare = b
	s.armLocked()
}

func (s *Shared) fault(b *batch) (err error) {
	if s.o.Fault != nil {
		for _, l := range b.logs {
			err = errors.Join(err, s.o.Fault(l.source.Name()))
		}
	}
	return err
}

// reset empties the batch and keeps its room.
func (b *batch) reset() {
	b.records.Reset()
	clear(b.logs)
	clear(b.waiters)
	*b = batch{records: b.records, logs: b.logs[:0], marks: b.marks[:0], pending: b.pending[:0], waiters: b.waiters[:0]}
}

// openLocked opens the tickets of a batch that is durable. REQUIRES: mu held; it is
// released meanwhile.
func (s *Shared) openLocked(b *batch) {
	for _, l := range b.logs {
		l.durable = l.covering
	}
	s.opening = true
	s.mu.Unlock()
	for _, l := range b.logs {
		l.gate.Open(l.covering.Ticket)
	}
	for _, w := range b.waiters {
		w <- nil
	}
	s.mu.Lock()
	s.opening = false
	s.wakeLocked()
	for _, l := range b.logs {
		l.opened, l.flying = l.covering.Ticket, false
		l.wakeLocked()
	}
}

// waitLocked waits for the next change. REQUIRES: mu held; it is released meanwhile.
func (s *Shared) waitLocked() {
	if s.moved == nil {
		s.moved = make(chan struct{})
	}
	moved := s.moved
	s.mu.Unlock()
	<-moved
	s.mu.Lock()
}

// wakeLocked tells who waits that something has changed.
func (s *Shared) wakeLocked() {
	if s.moved != nil {
		close(s.moved)
		s.moved = nil
	}
}
