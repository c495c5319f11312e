package dotest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
)

// fake is a test whose failures are looked at instead of counted.
type fake struct {
	testing.TB
	mu       sync.Mutex // guards following
	cleanups []func()
	errors   []string
}

func (f *fake) Cleanup(fn func()) { f.cleanups = append(f.cleanups, fn) }
func (f *fake) Helper()           {}
func (f *fake) Output() io.Writer { return io.Discard }
func (f *fake) Failed() bool      { return len(f.failures()) > 0 }
func (f *fake) Fatalf(format string, args ...any) {
	f.Errorf(format, args...)
	f.SkipNow()
}

func (f *fake) Errorf(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.errors = append(f.errors, fmt.Sprintf(format, args...))
}

func (f *fake) failures() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.errors
}

// end does what happens at the end of a test.
func (f *fake) end() []string {
	for i := len(f.cleanups) - 1; i >= 0; i-- {
		f.cleanups[i]()
	}
	return f.failures()
}

// Holder is an object that keeps things open.
type Holder struct{ state *do.State }

func (h *Holder) Fetch(context.Context, *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader("streamed"))}, nil
}

func holders() *do.Script {
	s := do.NewScript("holders")
	do.RegisterIn(s, do.Class[*Holder]{Binding: "HOLDER", New: func(_ context.Context, state *do.State, _ *do.Env) (*Holder, error) {
		return &Holder{state}, nil
	}})
	return s
}

// TestD1 leaves things open at the end of a test, in a bubble and outside.
func TestD1(t *testing.T) {
	for _, leak := range []struct {
		name  string
		leave func(t *testing.T, env *dotest.Runtime, stub *do.Stub, release <-chan struct{})
		want  string // in the failure; "": none
	}{
		{"nothing", func(*testing.T, *dotest.Runtime, *do.Stub, <-chan struct{}) {}, ""},
		{"a body that is closed", func(t *testing.T, _ *dotest.Runtime, stub *do.Stub, _ <-chan struct{}) {
			if err := fetch(t, stub).Close(); err != nil {
				t.Error(err)
			}
		}, ""},
		{"an open body", func(t *testing.T, _ *dotest.Runtime, stub *do.Stub, _ <-chan struct{}) { fetch(t, stub) }, "Holder/"},
		{"WaitUntil work", func(t *testing.T, env *dotest.Runtime, stub *do.Stub, release <-chan struct{}) {
			err := dotest.RunInObject(env, stub, func(ctx context.Context, _ *Holder, state *do.State) error {
				return state.WaitUntil(ctx, func(context.Context) error {
					<-release
					return nil
				})
			})
			if err != nil {
				t.Error(err)
			}
		}, "Holder/"},
		{"a handler", func(_ *testing.T, env *dotest.Runtime, stub *do.Stub, release <-chan struct{}) {
			began := make(chan struct{})
			go func() {
				_ = dotest.RunInObject(env, stub, func(context.Context, *Holder, *do.State) error {
					close(began)
					<-release
					return nil
				})
			}()
			<-began
		}, "Holder/"},
		{"WaitUntil work that ends with its context", func(t *testing.T, env *dotest.Runtime, stub *do.Stub, _ <-chan struct{}) {
			err := dotest.RunInObject(env, stub, func(ctx context.Context, _ *Holder, state *do.State) error {
				return state.WaitUntil(ctx, func(ctx context.Context) error {
					<-ctx.Done()
					return nil
				})
			})
			if err != nil {
				t.Error(err)
			}
		}, "Holder/"},
	} {
		run := func(t *testing.T) {
			release := make(chan struct{})
			f := &fake{TB: t}
			env := dotest.New(f, dotest.Options{Runtime: do.Options{Scripts: []*do.Script{holders()}}})
			if leak.want != "" && strings.Contains(t.Name(), "/outside/") {
				dotest.Hurry(env)
			}
			leak.leave(t, env, env.Namespace("HOLDER").GetByName("x"), release)
			failures := strings.Join(f.end(), "\n")
			close(release)
			if (leak.want == "") != (failures == "") || !strings.Contains(failures, leak.want) {
				t.Errorf("failures: %q, want some with %q", failures, leak.want)
			}
		}
		t.Run("bubble/"+leak.name, func(t *testing.T) { synctest.Test(t, run) })
		t.Run("outside/"+leak.name, func(t *testing.T) {
			t.Parallel()
			run(t)
		})
	}
}

func fetch(t *testing.T, stub *do.Stub) io.ReadCloser {
	t.Helper()
	r, err := http.NewRequest("GET", "http://holder/", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := stub.Fetch(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return res.Body
}

// TestD1QuickCheck damages a database behind the runtime's back.
func TestD1QuickCheck(t *testing.T) {
	f := &fake{TB: t}
	script, _ := counters()
	dir := t.TempDir()
	env := dotest.New(f, dotest.Options{Runtime: do.Options{Dir: dir, Scripts: []*do.Script{script}}})
	stub := env.Namespace("COUNTER").GetByName("hits")
	err := dotest.RunInObject(env, stub, func(ctx context.Context, _ *Counter, state *do.State) error {
		for i := range 300 {
			if err := state.KV().Put(ctx, fmt.Sprintf("key %d", i), bytes.Repeat([]byte{byte(i)}, 200)); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		err = env.Evict(stub)
	}
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "counters.COUNTER", stub.ID().String()+".sqlite")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	copy(data[len(data)-4096:], bytes.Repeat([]byte{0xEE}, 64))
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	if failures := strings.Join(f.end(), "\n"); !strings.Contains(failures, "quick_check of "+path) {
		t.Errorf("failures: %q, want quick_check to name %s", failures, path)
	}
}

// TestD4Fatal ends a test from inside an object: the object is reset, nothing hangs.
func TestD4Fatal(t *testing.T) {
	f := &fake{TB: t}
	script, _ := counters()
	env := dotest.New(f, dotest.Options{Runtime: do.Options{Scripts: []*do.Script{script}}})
	stub := env.Namespace("COUNTER").GetByName("hits")
	add(t, stub, 1, 1)
	ended := make(chan bool)
	go func() {
		returned := false
		defer func() { ended <- returned }()
		_ = dotest.RunInObject(env, stub, func(ctx context.Context, c *Counter, _ *do.State) error {
			if _, err := c.Add(ctx, 1); err != nil {
				return err
			}
			f.Errorf("not what was expected")
			runtime.Goexit()
			return nil
		})
		returned = true
	}()
	if <-ended {
		t.Error("RunInObject returned after a Fatal")
	}
	memory(t, stub, 0)
	add(t, stub, 1, 2) // what the event wrote was undone
	f.end()
}

// TestT5AnotherGoroutine uses a turn's context from a second goroutine.
func TestT5AnotherGoroutine(t *testing.T) {
	env, stub, _ := setup(t, do.Options{})
	err := dotest.RunInObject(env, stub(), func(ctx context.Context, c *Counter, _ *do.State) error {
		if _, err := c.Add(ctx, 1); err != nil {
			return err
		}
		second := make(chan error)
		go func() {
			_, err := c.Add(ctx, 1)
			second <- err
		}()
		if err := <-second; !errors.Is(err, do.ErrOutsideTurn) {
			t.Errorf("Add from another goroutine = %v, want ErrOutsideTurn", err)
		}
		_, err := c.Add(ctx, 1)
		return err
	})
	if err != nil {
		t.Error(err)
	}
	add(t, stub(), 1, 3)
}
