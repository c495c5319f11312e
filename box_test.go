package do_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
	"github.com/durablego/do/internal/bridge"
	"github.com/durablego/do/kvstorage"
)

// box is the object of the tests in this folder: an instance with a field, whose events
// are functions of the test.
type box struct {
	state *do.State
	env   *do.Env
	n     int // nothing guards it but the rule of one event at a time

	fetch func(ctx context.Context, r *http.Request) (*http.Response, error)
	stop  func(ctx context.Context, reason do.StopReason) error
}

// Fetch answers "ok" unless the test says otherwise.
func (b *box) Fetch(ctx context.Context, r *http.Request) (*http.Response, error) {
	if b.fetch != nil {
		return b.fetch(ctx, r)
	}
	return do.Text(http.StatusOK, "ok"), nil
}

// Stop implements do.Stopper.
func (b *box) Stop(ctx context.Context, reason do.StopReason) error {
	if b.stop != nil {
		return b.stop(ctx, reason)
	}
	return nil
}

// Add adds to what is stored.
func (b *box) Add(ctx context.Context, n int) (int, error) {
	total, err := b.Total(ctx)
	if err != nil {
		return 0, err
	}
	b.n += n
	return total + n, b.state.KV().Put(ctx, "total", total+n)
}

// Total is what is stored.
func (b *box) Total(ctx context.Context) (int, error) {
	total, _, err := kvstorage.Get[int](ctx, b.state.KV(), "total")
	return total, err
}

// Memory is the field.
func (b *box) Memory(context.Context) (int, error) { return b.n, nil }

// class is a class of boxes under the binding BOX. build, which may be nil, is the rest of
// its constructor.
func class(build func(ctx context.Context, b *box) error) do.Class[*box] {
	return do.Class[*box]{Binding: "BOX", New: func(ctx context.Context, state *do.State, env *do.Env) (*box, error) {
		b := &box{state: state, env: env}
		if build != nil {
			if err := build(ctx, b); err != nil {
				return nil, err
			}
		}
		return b, nil
	}}
}

// boxes are Options that serve a class of boxes.
func boxes(c do.Class[*box]) do.Options {
	s := do.NewScript("main")
	do.RegisterIn(s, c)
	return do.Options{Scripts: []*do.Script{s}}
}

// newBoxes gives a runtime with plain boxes.
func newBoxes(t *testing.T) *dotest.Runtime {
	t.Helper()
	return dotest.New(t, dotest.Options{Runtime: boxes(class(nil))})
}

// named is the stub of a box.
func named(env *dotest.Runtime, name string) *do.Stub { return env.Namespace("BOX").GetByName(name) }

// run runs fn as an event of a box.
func run(env *dotest.Runtime, stub *do.Stub, fn func(ctx context.Context, b *box) error) error {
	return dotest.RunInObject(env, stub, func(ctx context.Context, b *box, _ *do.State) error { return fn(ctx, b) })
}

// start is run in a goroutine. Its error comes from the channel.
func start(env *dotest.Runtime, stub *do.Stub, fn func(ctx context.Context, b *box) error) <-chan error {
	answer := make(chan error, 1)
	go func() { answer <- run(env, stub, fn) }()
	return answer
}

// bubble runs f in a synctest bubble with a runtime of plain boxes.
func bubble(t *testing.T, f func(t *testing.T, env *dotest.Runtime)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(t, newBoxes(t)) })
}

// wantTotal checks what is stored.
func wantTotal(t *testing.T, stub *do.Stub, want int) {
	t.Helper()
	if got, err := do.Call0(t.Context(), stub, (*box).Total); err != nil || got != want {
		t.Errorf("stored total = %d, %v, want %d", got, err, want)
	}
}

// wantMemory checks the field of the instance.
func wantMemory(t *testing.T, stub *do.Stub, want int) {
	t.Helper()
	if got, err := do.Call0(t.Context(), stub, (*box).Memory); err != nil || got != want {
		t.Errorf("field of the instance = %d, %v, want %d", got, err, want)
	}
}

// wantAdd adds n.
func wantAdd(t *testing.T, stub *do.Stub, n, want int) {
	t.Helper()
	if got, err := do.Call(t.Context(), stub, (*box).Add, n); err != nil || got != want {
		t.Errorf("Add(%d) = %d, %v, want %d", n, got, err, want)
	}
}

// answered says whether an answer has come. In a bubble, after synctest.Wait.
func answered(answer <-chan error) bool { return len(answer) > 0 }

// wantErr takes an answer and checks its kind.
func wantErr(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s = %v, want %v", what, err, want)
	}
}

// request is a GET of path.
func request(t *testing.T, path string) *http.Request {
	t.Helper()
	r, err := http.NewRequest("GET", "http://box"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// journal collects what happened, in order.
type journal struct {
	mu   sync.Mutex
	said []string
}

func (j *journal) say(what string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.said = append(j.said, what)
}

func (j *journal) want(t *testing.T, want string) {
	t.Helper()
	j.mu.Lock()
	defer j.mu.Unlock()
	if got := strings.Join(j.said, " "); got != want {
		t.Errorf("it happened: %s\nwant: %s", got, want)
	}
}

// errBoom is an error of the test's own.
var errBoom = errors.New("boom")

// is is errors.Is.
func is(err, kind error) bool { return errors.Is(err, kind) }

// errorOf gives the *do.Error that every failure of a call is (L25).
func errorOf(t *testing.T, err error) *do.Error {
	t.Helper()
	var e *do.Error
	if !errors.As(err, &e) {
		t.Fatalf("%v is no *do.Error", err)
	}
	if e.Class != "box" || e.Op == "" || e.ID.IsZero() {
		t.Errorf("Op %q, Class %q, ID %s: want all three", e.Op, e.Class, e.ID)
	}
	return e
}

// logged is a log to look at.
type logged struct {
	mu   sync.Mutex // guards text
	text strings.Builder
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *logged) has(text string) bool { return strings.Contains(l.String(), text) }

func (l *logged) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

// Slow takes d.
func (b *box) Slow(_ context.Context, d time.Duration) (int, error) {
	time.Sleep(d)
	return b.n, nil
}

// openBoxes opens a runtime without dotest, with the way into it.
func openBoxes(t *testing.T, o do.Options) (*do.Runtime, bridge.Control) {
	t.Helper()
	rt, control, err := bridge.Open(o, bridge.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeNow(t, rt.(*do.Runtime)) })
	return rt.(*do.Runtime), control
}
