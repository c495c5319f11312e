package actor

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"time"

	"github.com/durablego/do/internal/doerr"
	"github.com/durablego/do/internal/gate"
)

// ErrGone says that the mailbox is being retired: its object left memory. The caller
// looks for the object's present mailbox and tries again.
var ErrGone = errors.New("actor: the mailbox is retired")

// Options of a mailbox. All are required unless they say otherwise.
type Options struct {
	Host         Host
	Gate         *gate.Gate
	QueueLimit   int           // events not started; beyond it ErrOverloaded (L13)
	BlockTimeout time.Duration // of a blocked section (T26)
	Answers      *Answers      // shared by the mailboxes of a runtime; nil: its own
	Workers      *Workers      // likewise; nil: a goroutine for each time there is work
	Hidden       any           // key that a turn does not show of its caller's context (F4), or nil
	// Stays says whether something outside needs the mailbox when an instance has left: then
	// it is not retired (L6). Nil: never.
	Stays func() bool
	// Ended is told of each reset, when the life is fenced or had not begun. From any
	// goroutine. Nil: nobody.
	Ended func(l *Life, why *ResetError)
	// Failure tells what a failure of storage means for callers: the error of a ticket that
	// broke, or of Recover. Nil: an I/O error, worth repeating (L24.5).
	Failure func(err error) *ResetError
}

// Mailbox hands one object its events, one at a time. Its methods may be called from
// any goroutine.
type Mailbox struct {
	host         Host
	gate         *gate.Gate
	limit        int
	blockTimeout time.Duration
	hidden       any
	classify     func(error) *ResetError
	stays        func() bool
	ended        func(*Life, *ResetError)
	answers      *Answers
	workers      *Workers

	mu         sync.Mutex // guards what follows
	queue      queue[*Event]
	visits     []*visit      // work on storage that waits for the baton; the first may have it
	through    queue[*Event] // behind a fence: those that events that began may wait for
	outside    queue[*Event] // patient ones for whom there is no room
	present    int           // events in queue and through whose callers have not gone
	waiting    int           // of these, the ones that count against limit
	busy       bool
	epoch      uint64
	life       *Life
	gone       bool
	retired    bool            // and the Host has been told
	killed     *ResetError     // answers every event from now on
	working    chan struct{}   // closed when the Host's work outside turns has ended; nil: none
	recovering *ResetError     // after it storage is being recovered
	refused    *ResetError     // … and takes long: events are refused
	idlers     []chan struct{} // closed when the mailbox is next quiet or gone
	watch      watchdog
}

// New makes the mailbox of an object that is not in memory.
func New(o Options) *Mailbox {
	mb := &Mailbox{
		host:         o.Host,
		gate:         o.Gate,
		limit:        o.QueueLimit,
		blockTimeout: o.BlockTimeout,
		hidden:       o.Hidden,
		classify:     o.Failure,
		stays:        o.Stays,
		ended:        o.Ended,
		answers:      o.Answers,
		workers:      o.Workers,
	}
	if mb.answers == nil {
		mb.answers = new(Answers)
	}
	return mb
}

// Do posts e and waits for its answer. A caller that gives up gets ctx's error at once;
// an event that had begun goes on (T10).
func (mb *Mailbox) Do(ctx context.Context, e *Event) error {
	if err := mb.Post(e); err != nil {
		return err
	}
	return mb.Wait(ctx, e)
}

// Post queues e: ErrOverloaded, ErrDeadlock, ErrGone or a reset's error if it cannot,
// and then e never starts.
func (mb *Mailbox) Post(e *Event) error {
	mb.mu.Lock()
	err := mb.refusalLocked(e)
	if err != nil && (!e.Patient || err != doerr.ErrOverloaded) {
		mb.mu.Unlock()
		return err
	}
	if e.done == nil && e.tell == nil {
		e.done = mb.answers.get()
	}
	if err != nil {
		mb.outside.push(e)
		mb.mu.Unlock()
		return nil
	}
	mb.queueLocked(e)
	start := !mb.busy && mb.readyLocked()
	mb.busy = mb.busy || start
	epoch := mb.epoch
	mb.mu.Unlock()
	if start {
		mb.workers.start(mb, epoch)
		if !e.Parks {
			// The worker runs next on this thread. A short event is done when it comes back,
			// and then Wait need not park.
			runtime.Gosched()
		}
	}
	return nil
}

func (mb *Mailbox) queueLocked(e *Event) {
	if mb.fencedLocked() && mb.passesFenceLocked(e) {
		mb.through.push(e)
	} else {
		mb.queue.push(e)
	}
	e.waits = true
	mb.present++
	if !e.Internal {
		mb.waiting++
	}
}

// refusalLocked says why e cannot be queued, or nil.
func (mb *Mailbox) refusalLocked(e *Event) error {
	switch l := mb.life; {
	case mb.gone:
		return ErrGone
	case mb.killed != nil:
		return mb.killed
	case mb.refused != nil:
		return mb.refused
	case l != nil && l.blocker != nil && e.turn.parent.within(l.blocker):
		return doerr.ErrDeadlock
	case !e.Internal && mb.limit > 0 && mb.waiting >= mb.limit:
		return doerr.ErrOverloaded
	}
	return nil
}

// Wait waits for the answer of a posted event.
func (mb *Mailbox) Wait(ctx context.Context, e *Event) error {
	select {
	case <-e.done:
		mb.answers.put(e.done)
		return e.err
	default:
	}
	gone := ctx.Done()
	if gone == nil {
		<-e.done
		mb.answers.put(e.done)
		return e.err
	}
	select {
	case <-e.done:
		mb.answers.put(e.done)
		return e.err
	case <-gone:
	}
	if e.state.CompareAndSwap(queued, cancelled) {
		mb.mu.Lock()
		mb.awayLocked(e)
		if mb.queue.len() > 2*mb.present+room { // else one that is stuck would collect them
			mb.queue.keep(func(e *Event) bool { return e.waits })
		}
		mb.mu.Unlock()
		return ctx.Err()
	}
	if e.state.CompareAndSwap(running, left) {
		return ctx.Err()
	}
	<-e.done
	return e.err
}

// awayLocked takes e off the events that wait: it leaves the queue, or its caller has gone.
func (mb *Mailbox) awayLocked(e *Event) {
	if !e.waits {
		return
	}
	e.waits = false
	mb.present--
	if !e.Internal {
		mb.waiting--
	}
	if mb.outside.len() > 0 && mb.waiting < mb.limit {
		mb.queueLocked(mb.outside.pop())
	}
}

// readyLocked says whether there is something that may run now.
func (mb *Mailbox) readyLocked() bool {
	l := mb.life
	if l != nil && l.blocker != nil {
		return l.back
	}
	if l != nil && l.resume.len() > 0 || mb.mayVisitLocked() {
		return true
	}
	if mb.fencedLocked() {
		return mb.through.len() > 0
	}
	return mb.present > 0
}

// quietLocked says whether nothing runs, waits or is held, and tells those who wait for it.
func (mb *Mailbox) quietLocked() bool {
	if mb.busy || mb.present > 0 {
		return false
	}
	if l := mb.life; l != nil && (l.parked > 0 || l.holds > 0 || l.resume.len() > 0) {
		return false
	}
	mb.wakeIdlersLocked()
	return true
}

func (mb *Mailbox) wakeIdlersLocked() {
	for _, c := range mb.idlers {
		close(c)
	}
	mb.idlers = nil
}

// next picks what the holder of the baton does: an event, or a turn to give the baton
// to. With neither the baton is put down, or a visit has it.
func (mb *Mailbox) next(epoch uint64) (*Event, *Turn) {
	mb.mu.Lock()
	for mb.epoch == epoch {
		if mb.grantLocked() {
			v := mb.visits[0]
			mb.mu.Unlock()
			mb.admitVisit(v)
			return nil, nil
		}
		l := mb.life
		if t, blocked := l.resumeLocked(); t != nil {
			mb.mu.Unlock()
			return nil, t
		} else if blocked {
			mb.busy = false
			break
		}
		from := &mb.queue
		if mb.fencedLocked() {
			from = &mb.through
		}
		if from.len() == 0 {
			mb.busy = false
			break
		}
		e := from.pop()
		mb.awayLocked(e)
		if e.bound != nil && e.bound != l {
			mb.mu.Unlock()
			e.refuse(e.bound.outside())
			mb.mu.Lock()
			continue
		}
		if !e.begin() {
			continue
		}
		if l == nil {
			l = &Life{mb: mb, dead: make(chan struct{})}
			mb.life = l
		}
		if e.bound == nil {
			l.stopped = false
		}
		l.push(e)
		e.turn.life = l
		mb.watch.beginLocked(mb)
		mb.mu.Unlock()
		return e, nil
	}
	quiet := mb.epoch == epoch && mb.quietLocked()
	mb.mu.Unlock()
	if quiet {
		mb.host.Quiet()
	}
	return nil, nil
}

// resumeLocked takes the turn that is to go on, if there is one. blocked says that nothing
// else may run.
func (l *Life) resumeLocked() (t *Turn, blocked bool) {
	switch {
	case l == nil:
		return nil, false
	case l.blocker != nil:
		if !l.back {
			return nil, true
		}
		l.back = false
		return l.blocker, true
	case l.resume.len() > 0:
		return l.resume.pop(), false
	}
	return nil, false
}

// occupyLocked says that the Host works on storage outside turns, so that a recovery waits
// for it; done says that it has ended.
func (mb *Mailbox) occupyLocked() (done func()) {
	c := make(chan struct{})
	mb.working = c
	return func() {
		mb.mu.Lock()
		if mb.working == c {
			mb.working = nil
		}
		mb.mu.Unlock()
		close(c)
	}
}

// TryExclusive runs fn in the background as holder of the baton if no event runs or could
// run and no blocked section is open, and says whether it does.
func (mb *Mailbox) TryExclusive(fn func()) bool {
	mb.mu.Lock()
	if mb.busy || mb.gone || mb.readyLocked() || mb.life != nil && mb.life.blocker != nil {
		mb.mu.Unlock()
		return false
	}
	mb.busy = true
	done := mb.occupyLocked()
	epoch := mb.epoch
	mb.mu.Unlock()
	go func() {
		fn()
		done()
		mb.work(epoch)
	}()
	return true
}

// Running says whether the object has an instance in memory.
func (mb *Mailbox) Running() bool {
	mb.mu.Lock()
	defer mb.mu.Unlock()
	return mb.life != nil && mb.life.begun
}
