package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
)

// A process is the runtime under test, as the caller's side sees it. It outlives restarts.
type process interface {
	Namespace(binding string) *do.Namespace
	Evict(stub *do.Stub, options ...dotest.EvictOption) error
	Dial(stub *do.Stub, path string, edit ...func(*http.Request)) (*dotest.WebSocket, error)
	Restart()
	Crash()
}

// A caller takes a case's steps. Each case has its own.
type caller struct {
	w       *world
	c       *Case
	process process
	after   func(ctx context.Context) error // what the mode does after every event
	mu      sync.Mutex                      // guards started, clients and cut
	started map[string]*startedStep
	clients map[string]*client
	cut     chan struct{} // closed by a restart: who waits for an answer then gets none
	running sync.WaitGroup
}

// errDisconnected is what a caller gets whose process went away.
var errDisconnected = errors.New("conformance: disconnected")

// A startedStep is a step that start began.
type startedStep struct {
	done   chan struct{}
	result any // set before done is closed
}

// play takes all steps and gives their results. It returns when nothing it began is running any more.
func (r *caller) play(ctx context.Context) []any {
	ctx, cancel := context.WithCancel(ctx)
	defer r.running.Wait()
	defer cancel()
	got := make([]any, 0, len(r.c.Steps))
	for _, s := range r.c.Steps {
		got = append(got, r.step(ctx, s))
	}
	return got
}

// step takes one step and gives its result.
func (r *caller) step(ctx context.Context, s Node) any {
	result, err := r.do(ctx, s)
	if err != nil {
		return failure(err)
	}
	return result
}

func (r *caller) do(ctx context.Context, s Node) (any, error) {
	switch s.kind() {
	case "turn":
		result, err := r.turn(ctx, s, nil)
		return r.event(ctx, result, err)
	case "stub":
		result, err := r.calls(ctx, s)
		return r.event(ctx, result, err)
	case "rpc":
		result, err := r.rpc(ctx, s)
		return r.event(ctx, result, err)
	case "evict":
		stub, err := r.stub(s)
		if err != nil {
			return nil, err
		}
		return done(r.process.Evict(stub))
	case "restart":
		r.disconnect()
		if s.text("how") == "kill" {
			r.process.Crash()
		} else {
			r.process.Restart()
		}
		time.Sleep(milliseconds(s.number("down"))) // the time down passes after the start: nothing can stop in between
		return okay, nil
	case "wait":
		time.Sleep(milliseconds(s.number("ms")))
		return okay, nil
	case "parallel":
		return r.parallel(ctx, s), nil
	case "start":
		r.start(ctx, s)
		return okay, nil
	case "await":
		r.mu.Lock()
		p := r.started[s.text("as")]
		r.mu.Unlock()
		if p == nil {
			return nil, fmt.Errorf("nothing was started as %q", s.text("as"))
		}
		<-p.done
		return p.result, nil
	case "program":
		r.w.setProgram(r.full(s), asNode(s["handlers"]))
		return okay, nil
	case "log":
		only, _ := s["only"].([]any)
		events := r.w.awaitEvents(r.full(s), only, int(s.number("count")), milliseconds(s.number("timeout")))
		return map[string]any{"events": events}, nil
	}
	if step, ok := socketSteps[s.kind()]; ok {
		return step(r, ctx, s)
	}
	if step, ok := idSteps[s.kind()]; ok {
		return step(r, s)
	}
	return nil, fmt.Errorf("unknown step %q", s.kind())
}

// event is called when an event has ended: it is the mode's turn.
func (r *caller) event(ctx context.Context, result any, err error) (any, error) {
	if r.after != nil {
		err = errors.Join(err, r.after(ctx))
	}
	return result, err
}

// full gives the full name of a step's object.
func (r *caller) full(s Node) string { return r.c.Topic + "/" + r.c.Name + "/" + s.text("on") }

// siblingOf gives the full name of another object of the same case.
func siblingOf(full, on string) string { return full[:strings.LastIndex(full, "/")+1] + on }

// namespace gives the namespace a step names.
func (r *caller) namespace(s Node) *do.Namespace {
	if s.has("ns") {
		return r.process.Namespace(s.text("ns"))
	}
	return r.process.Namespace("main")
}

// stub gives the stub of a step's object.
func (r *caller) stub(s Node) (*do.Stub, error) {
	ns := r.namespace(s)
	switch s.text("addr") {
	case "id":
		id, err := ns.IDFromString(ns.IDFromName(r.full(s)).String())
		if err != nil {
			return nil, err
		}
		r.w.setName(id.String(), r.full(s))
		return ns.Get(id), nil
	case "exact":
		return ns.GetByName(s.text("name")), nil
	}
	return ns.GetByName(r.full(s)), nil
}

// turn runs ops on an object: over the stub, or over a new one.
func (r *caller) turn(ctx context.Context, s Node, stub *do.Stub) (any, error) {
	if stub == nil {
		var err error
		if stub, err = r.stub(s); err != nil {
			return nil, err
		}
	}
	text, err := json.Marshal(s["ops"])
	if err != nil {
		return nil, err
	}
	return r.answer(func() (any, error) {
		answer, err := do.Call(ctx, stub, turner.Turn, string(text))
		return parse(answer), err
	})
}

// answer waits for a call's answer, or for a restart to cut the connection. The call itself goes on then: what the object does is not the
// connection's.
func (r *caller) answer(call func() (any, error)) (result any, err error) {
	r.mu.Lock()
	cut := r.cut
	r.mu.Unlock()
	done := make(chan struct{})
	var v any
	var failed error
	r.running.Go(func() {
		defer close(done)
		v, failed = call()
	})
	select {
	case <-done:
		return v, failed
	case <-cut:
		return nil, errDisconnected
	}
}

// disconnect cuts the connections of all calls under way.
func (r *caller) disconnect() {
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.cut)
	r.cut = make(chan struct{})
}

// calls makes several calls over one stub.
func (r *caller) calls(ctx context.Context, s Node) (any, error) {
	stub, err := r.stub(s)
	if err != nil {
		return nil, err
	}
	calls := s.list("calls")
	got := make([]any, len(calls))
	one := func(i int, stub *do.Stub) {
		result, err := r.turn(ctx, calls[i], stub)
		if err != nil {
			result = failure(err)
		}
		got[i] = result
	}
	if s.text("order") != "pipelined" {
		for i, call := range calls {
			if call.flag("fresh") {
				if stub, err = r.stub(s); err != nil {
					return nil, err
				}
			}
			one(i, stub)
			if _, err := r.event(ctx, nil, nil); err != nil {
				return nil, err
			}
		}
		return map[string]any{"calls": got}, nil
	}
	release := r.w.hold(r.full(s))
	var wait sync.WaitGroup
	for i := range calls {
		wait.Go(func() { one(i, stub) })
		time.Sleep(time.Nanosecond) // of virtual time, which moves when everything waits: the call is in the queue
	}
	release()
	wait.Wait()
	return map[string]any{"calls": got}, nil
}

// parallel takes steps at the same time. Without a gap they arrive in their order, before any object does anything.
func (r *caller) parallel(ctx context.Context, s Node) any {
	steps := s.list("steps")
	got := make([]any, len(steps))
	var releases []func()
	var wait sync.WaitGroup
	for i, step := range steps {
		if !s.has("gap") && step.has("on") {
			releases = append(releases, r.w.hold(r.full(step)))
		}
		wait.Go(func() {
			time.Sleep(milliseconds(float64(i) * s.number("gap")))
			got[i] = r.step(ctx, step)
		})
		time.Sleep(time.Nanosecond)
	}
	for _, release := range releases {
		release()
	}
	wait.Wait()
	return map[string]any{"results": got}
}

func (r *caller) start(ctx context.Context, s Node) {
	p := &startedStep{done: make(chan struct{})}
	r.mu.Lock()
	r.started[s.text("as")] = p
	r.mu.Unlock()
	r.running.Go(func() {
		defer close(p.done)
		p.result = r.step(ctx, asNode(s["step"]))
	})
	lead := 50.0
	if s.has("lead") {
		lead = s.number("lead")
	}
	time.Sleep(milliseconds(lead))
}
