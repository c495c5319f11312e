package alarm

import (
	"container/heap"
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// Key names an object: Space is the number of its namespace.
type Key struct {
	Space int
	ID    [32]byte
}

// Alarm is an object's alarm as its database has it; the zero value is none. Those that are
// equal are the same alarm.
type Alarm struct {
	At   int64 // nanoseconds since 1970
	Gen  uint64
	Dead bool
}

// IsSet says whether it is to run.
func (a Alarm) IsSet() bool { return a.At != 0 && !a.Dead }

// State is what the index has to know of an alarm.
type State uint8

// The states.
const (
	None State = iota
	Set
	Dead
	Begun // set, and its handler may have begun (A15)
)

// Stored is an alarm in the index.
type Stored struct {
	At    int64
	ID    [32]byte
	Begun bool
}

// Options of a Schedule. Run and Store are required.
type Options struct {
	Spaces int // namespaces, numbered from 0
	Max    int // runs at once; 0 or negative: no limit
	// Held has nothing run by itself: only what is claimed.
	Held bool
	// Horizon is how many alarms of a namespace are read at once. At most about twice as many
	// that wait for their time are in memory. Default 10,000.
	Horizon int
	// Run runs on a goroutine of its own and has to end the Run.
	Run func(*Run)
	// Store writes to the index, what a commit has made of an alarm only when that is durable,
	// and calls Stored after that. ticket is the commit's, or 0. It must not block, nor call the Schedule
	// itself.
	Store func(k Key, at int64, s State, ticket uint64)
	// Load reads the alarms behind one, in the order of time and id. Nil: there are none but
	// those that were told.
	Load func(ctx context.Context, space int, after Stored, limit int) ([]Stored, error)
	// Failed is told that Load failed. It is tried again. Nil: nobody is told.
	Failed func(space int, err error)
	// Jitter gives a random duration from 0 to most. Nil: whole milliseconds, uniformly (A12).
	Jitter func(most time.Duration) time.Duration
}

const (
	defaultHorizon = 10_000
	longest        = time.Minute // sleep of a timer (A10)
)

// unknown is the Gen of an alarm that nobody has seen: only that there may be one.
const unknown = ^uint64(0)

// Schedule knows when which alarm is to run. All methods may be called from any goroutine.
type Schedule struct {
	o       Options
	ctx     context.Context // of loads; ends with Close
	stop    context.CancelFunc
	loaders sync.WaitGroup

	mu      sync.Mutex // guards following
	entries map[Key]*entry
	waiting waiting
	spaces  []space
	running int // runs that count against Max
	timer   *time.Timer
	closed  bool
}

// entry is an alarm in memory: it waits or runs.
type entry struct {
	key    Key
	alarm  Alarm // as told last; none only while it runs
	when   int64 // to run, while it waits
	place  int   // in waiting; -1: not there
	retry  Retry
	vague  bool // alarm's Gen is not known
	run    *Run
	again  bool            // somebody has to look when the run is over
	claims []chan struct{} // closed when the run ends
}

// New gives a schedule that waits for Start.
func New(o Options) *Schedule {
	if o.Horizon == 0 {
		o.Horizon = defaultHorizon
	}
	if o.Jitter == nil {
		o.Jitter = func(most time.Duration) time.Duration {
			return time.Duration(rand.Int64N(most.Milliseconds()+1)) * time.Millisecond
		}
	}
	s := &Schedule{o: o, entries: map[Key]*entry{}, spaces: make([]space, o.Spaces)}
	s.ctx, s.stop = context.WithCancel(context.Background())
	for i := range s.spaces {
		s.spaces[i].complete = o.Load == nil
	}
	return s
}

// Start begins with what is stored.
func (s *Schedule) Start() { s.tick() }

// Close runs no more alarms, and returns when nothing is read any more. Runs go on, and what
// is told goes on to Store.
func (s *Schedule) Close() {
	s.mu.Lock()
	s.closed = true
	if s.timer != nil {
		s.timer.Stop()
	}
	s.mu.Unlock()
	s.stop()
	s.loaders.Wait()
}

// Told says how an alarm stands since the commit of a ticket.
func (s *Schedule) Told(k Key, a Alarm, ticket uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.toldLocked(k, a, ticket)
}

// Stored says that the index was told of an alarm some time after Store: what was read of it
// meanwhile may lack that.
func (s *Schedule) Stored(k Key, at int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sp := &s.spaces[k.Space]
	if a := (Alarm{At: at}); s.entries[k] == nil && sp.covers(a) {
		sp.touch(k)
		s.entries[k] = &entry{key: k, alarm: a, when: at, place: -1, vague: true}
		s.waitLocked(s.entries[k])
		s.trimLocked(k.Space)
	}
	s.advanceLocked()
}

// Saw says how an alarm stands, as somebody has found it, perhaps as known (A6).
func (s *Schedule) Saw(k Key, a Alarm) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sawLocked(k, a, 0)
}

// Forget says that the object has no data any more; nothing is stored.
func (s *Schedule) Forget(k Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clearLocked(k)
}

// Check has somebody look at an object whose alarm may be another one than was told last:
// its run begins at once, or when the one that runs is over, unless one waits for a retry.
func (s *Schedule) Check(k Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.entries[k]; e != nil && (e.run != nil || e.retry.Any()) {
		e.again = e.run != nil
		return
	}
	a := Alarm{At: time.Now().UnixNano(), Gen: unknown}
	s.o.Store(k, a.At, Set, 0) // whatever happens before somebody has looked
	s.putLocked(k, a)
	s.advanceLocked()
}

func (s *Schedule) toldLocked(k Key, a Alarm, ticket uint64) {
	switch {
	case a.Dead:
		s.o.Store(k, a.At, Dead, ticket)
	case !a.IsSet():
		s.o.Store(k, 0, None, ticket)
	default:
		s.o.Store(k, a.At, Set, ticket)
		s.putLocked(k, a)
		s.trimLocked(k.Space)
		s.advanceLocked()
		return
	}
	s.clearLocked(k)
}

func (s *Schedule) sawLocked(k Key, a Alarm, ticket uint64) {
	e := s.entries[k]
	switch {
	case e == nil && a.At == 0: // should the index know better, it fires in vain
	case e != nil && e.vague && e.alarm.At == a.At && a.IsSet():
		e.alarm, e.vague = a, false
	case e == nil || e.alarm != a:
		s.toldLocked(k, a, ticket)
	}
}

// putLocked has an alarm wait, if it is within the horizon. A new one has not failed yet.
func (s *Schedule) putLocked(k Key, a Alarm) {
	sp := &s.spaces[k.Space]
	sp.touch(k)
	e := s.entries[k]
	switch {
	case e != nil && e.alarm == a:
		return
	case e == nil && !sp.covers(a):
		return
	case e == nil:
		e = &entry{key: k, place: -1}
		s.entries[k] = e
	case e.run == nil && !sp.covers(a):
		s.dropLocked(e)
		return
	}
	e.alarm, e.when, e.retry, e.vague = a, a.At, Retry{}, false
	if e.run == nil {
		s.waitLocked(e)
	}
}

// clearLocked takes an alarm away; a run of it goes on.
func (s *Schedule) clearLocked(k Key) {
	s.spaces[k.Space].touch(k)
	if e := s.entries[k]; e != nil && e.run != nil {
		e.alarm = Alarm{}
	} else if e != nil {
		s.dropLocked(e)
		s.advanceLocked()
	}
}

func (s *Schedule) waitLocked(e *entry) {
	if e.place >= 0 {
		heap.Fix(&s.waiting, e.place)
		return
	}
	s.spaces[e.key.Space].waiting++
	heap.Push(&s.waiting, e)
}

func (s *Schedule) unwaitLocked(e *entry) {
	if e.place >= 0 {
		s.spaces[e.key.Space].waiting--
		heap.Remove(&s.waiting, e.place)
	}
}

func (s *Schedule) dropLocked(e *entry) {
	s.unwaitLocked(e)
	delete(s.entries, e.key)
}

func (s *Schedule) tick() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advanceLocked()
}

// advanceLocked begins what is due, has more read where little is left, and sets the timer.
func (s *Schedule) advanceLocked() {
	if s.closed || s.o.Held {
		return
	}
	now := time.Now().UnixNano()
	for len(s.waiting) > 0 && s.waiting[0].when <= now && s.freeLocked() {
		e := s.waiting[0]
		s.running++
		go s.o.Run(s.beginLocked(e))
	}
	next := s.loadLocked(now)
	if len(s.waiting) > 0 && s.freeLocked() {
		next = min(next, s.waiting[0].when)
	}
	if next == never {
		if s.timer != nil {
			s.timer.Stop()
		}
		return
	}
	sleep := min(time.Duration(next-now), longest)
	if s.timer == nil {
		s.timer = time.AfterFunc(sleep, s.tick)
	} else {
		s.timer.Reset(sleep)
	}
}

func (s *Schedule) freeLocked() bool { return s.o.Max <= 0 || s.running < s.o.Max }
