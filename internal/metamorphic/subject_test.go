package metamorphic

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/durablego/do"
	"github.com/durablego/do/kvstorage"
)

// subject is the class whose objects run the histories.
type subject struct {
	w     *world
	state *do.State
	env   *do.Env
	count int // events so far: what is lost with the instance
}

// builtKey is the key that the constructor counts up, if there is a number behind it: its writes belong to the first event's turn (T28).
const builtKey = "built"

func newSubject(ctx context.Context, state *do.State, env *do.Env) (*subject, error) {
	n, found, err := kvstorage.Get[int64](ctx, state.KV(), builtKey)
	if err == nil && found {
		err = state.KV().Put(ctx, builtKey, n+1)
	}
	if err != nil && kind(err) != "ErrInvalidValue" {
		return nil, err
	}
	return &subject{w: env.Var("world").(*world), state: state, env: env}, nil
}

// Fetch is not used.
func (s *subject) Fetch(context.Context, *http.Request) (*http.Response, error) {
	return do.Text(http.StatusNotFound, ""), nil
}

// Work runs the script that is kept under ticket.
func (s *subject) Work(ctx context.Context, ticket int64) (int64, error) {
	script := s.w.script(ticket)
	s.w.running.Add(1)
	defer s.w.running.Done()
	if ticket != script.root {
		s.w.point(ctx, script.root)
	}
	s.count++
	script.trace.say("event %d", s.count)
	f := &frame{s: s, script: script}
	err := f.run(ctx, script.op)
	if err == errStop {
		err = nil
	}
	return ticket, err
}

// world is what a runtime's objects share with the test: the scripts of their events.
type world struct {
	running sync.WaitGroup // frames

	mu      sync.Mutex // guards following
	names   []string   // of the objects
	scripts map[int64]script
	last    int64
	step    *stepping
}

// script is what an event does.
type script struct {
	op    op
	trace *trace
	root  int64 // the ticket of the step's own event
}

// stepping is the step that runs.
type stepping struct {
	root    int64
	spawned []*spawn      // by WaitUntil, in order
	points  int           // until the power fails; below 1: not
	reached chan struct{} // closed at that point
	over    chan struct{} // closed when the power has failed
}

// spawn is what a WaitUntil began.
type spawn struct {
	began   atomic.Bool
	release chan struct{} // closed when it may go on
	done    chan struct{} // closed when it is over
}

// add keeps a script and gives its ticket; a root of 0 makes it a step's.
func (w *world) add(o op, t *trace, root int64) int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last++
	if root == 0 {
		root = w.last
	}
	w.scripts[w.last] = script{op: o, trace: t, root: root}
	return w.last
}

func (w *world) script(ticket int64) script {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.scripts[ticket]
}

// begin makes a step of root the one that runs.
func (w *world) begin(root int64, points int) *stepping {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.step = &stepping{root: root, points: points, reached: make(chan struct{}), over: make(chan struct{})}
	return w.step
}

// spawn notes that a WaitUntil of the step that root began was asked for.
func (w *world) spawn(root int64) *spawn {
	w.mu.Lock()
	defer w.mu.Unlock()
	sp := &spawn{release: make(chan struct{}), done: make(chan struct{})}
	if w.step.root == root {
		w.step.spawned = append(w.step.spawned, sp)
	}
	return sp
}

// point is a durable point of the step that root began: everything committed so far is durable. If the power is to fail here, it does
// before point returns.
func (w *world) point(ctx context.Context, root int64) {
	w.mu.Lock()
	st := w.step
	if st.root != root {
		w.mu.Unlock()
		return
	}
	st.points--
	w.mu.Unlock()
	if st.points == 0 {
		close(st.reached)
		<-st.over
	}
}
