package actor_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/durablego/do/internal/actor"
)

// call is one event of a test, and its task.
type call struct {
	actor.Event
	h     *host
	fn    func(ctx context.Context, o *object) error
	ends  chan error    // its answer
	drops int           // guarded by h.mu
	did   chan struct{} // closed when fn has returned
}

func (c *call) Do(ctx context.Context, instance any) error {
	defer close(c.did)
	o, _ := instance.(*object)
	return c.fn(ctx, o)
}

func (c *call) Drop() {
	c.h.mu.Lock()
	defer c.h.mu.Unlock()
	c.drops++
}

func (h *host) event(ctx context.Context, fn func(context.Context, *object) error) *call {
	c := &call{h: h, fn: fn, ends: make(chan error, 1), did: make(chan struct{})}
	c.Init(c)
	c.SetCaller(ctx)
	return c
}

// post queues fn and waits for its answer in the background.
func (h *host) post(fn func(context.Context, *object) error) *call {
	return h.postCtx(context.Background(), fn)
}

func (h *host) postCtx(ctx context.Context, fn func(context.Context, *object) error) *call {
	c := h.event(ctx, fn)
	if err := h.mb.Post(&c.Event); err != nil {
		c.ends <- err
		return c
	}
	go func() { c.ends <- h.mb.Wait(ctx, &c.Event) }()
	return c
}

// do runs fn and gives its answer.
func (h *host) do(fn func(context.Context, *object) error) error { return <-h.post(fn).ends }

// answered says whether the answer is there; with a test's synctest.Wait before it.
func (c *call) answered() bool { return len(c.ends) > 0 }

func (c *call) dropped() int { return c.h.get(func() int { return c.drops }) }

// await is State.Await.
func await(ctx context.Context, fn func(context.Context) error) error {
	return actor.From(ctx).Wait(ctx, fn)
}

func life(ctx context.Context) *actor.Life { return actor.From(ctx).Life() }

// gateOf makes a function that waits until the test closes the channel, or its ctx ends.
func until(c <-chan struct{}) func(context.Context) error {
	return func(ctx context.Context) error {
		select {
		case <-c:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// number gives the number of the instance that runs an event.
func (h *host) number() int {
	n := 0
	if err := h.do(func(_ context.Context, o *object) error { n = o.number; return nil }); err != nil {
		h.t.Errorf("a plain event = %v", err)
	}
	return n
}

func wantErr(t testing.TB, what string, err error, kinds ...error) {
	t.Helper()
	for _, kind := range kinds {
		if !errors.Is(err, kind) {
			t.Errorf("%s = %v, want %v", what, err, kind)
		}
	}
}

func wantNil(t testing.TB, what string, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("%s = %v, want nil", what, err)
	}
}

func want[T comparable](t testing.TB, what string, got, wanted T) {
	t.Helper()
	if got != wanted {
		t.Errorf("%s = %v, want %v", what, got, wanted)
	}
}

// reason gives the reset in err.
func reason(t testing.TB, err error) *actor.ResetError {
	t.Helper()
	var why *actor.ResetError
	if !errors.As(err, &why) {
		t.Fatalf("%v is no reset", err)
	}
	return why
}

// track is a list of what happened, in order.
type track struct {
	mu   sync.Mutex
	list []string
}

func (s *track) add(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = append(s.list, what)
}

func (s *track) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.list, " ")
}

// noting gives an event's code that notes its name.
func noting(s *track, name string) func(context.Context, *object) error {
	return func(context.Context, *object) error { s.add(name); return nil }
}

// after runs f when virtual time has passed and everything stands still.
func after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func countOf(text, part string) int { return strings.Count(text, part) }
