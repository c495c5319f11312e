package dotest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
	"github.com/durablego/do/kvstorage"
)

// Counter counts on disk and in memory.
type Counter struct {
	state  *do.State
	memory int
	stops  *int
}

func (c *Counter) Add(ctx context.Context, n int) (int, error) {
	total, _, err := kvstorage.Get[int](ctx, c.state.KV(), "total")
	if err != nil {
		return 0, err
	}
	c.memory += n
	return total + n, c.state.KV().Put(ctx, "total", total+n)
}

func (c *Counter) Memory(context.Context) (int, error) { return c.memory, nil }

func (c *Counter) Fetch(ctx context.Context, _ *http.Request) (*http.Response, error) {
	total, err := c.Add(ctx, 1)
	if err != nil {
		return nil, err
	}
	return do.Text(http.StatusOK, strconv.Itoa(total)), nil
}

func (c *Counter) Stop(context.Context, do.StopReason) error {
	*c.stops++
	return nil
}

// counters gives a script with the class, and counts its Stops.
func counters() (*do.Script, *int) {
	s, stops := do.NewScript("counters"), new(int)
	do.RegisterIn(s, do.Class[*Counter]{
		Binding: "COUNTER",
		New: func(_ context.Context, state *do.State, _ *do.Env) (*Counter, error) {
			return &Counter{state: state, stops: stops}, nil
		},
	})
	return s, stops
}

// setup gives a runtime with counters and the stub of one.
func setup(t *testing.T, o do.Options) (*dotest.Runtime, func() *do.Stub, *int) {
	t.Helper()
	script, stops := counters()
	o.Scripts = []*do.Script{script}
	env := dotest.New(t, dotest.Options{Runtime: o})
	return env, func() *do.Stub { return env.Namespace("COUNTER").GetByName("hits") }, stops
}

func add(t *testing.T, s *do.Stub, n, want int) {
	t.Helper()
	got, err := do.Call(t.Context(), s, (*Counter).Add, n)
	if err != nil || got != want {
		t.Fatalf("Add(%d) = %d, %v, want %d", n, got, err, want)
	}
}

func memory(t *testing.T, s *do.Stub, want int) {
	t.Helper()
	got, err := do.Call0(t.Context(), s, (*Counter).Memory)
	if err != nil || got != want {
		t.Fatalf("Memory = %d, %v, want %d", got, err, want)
	}
}

func TestD2StubsOfAnOldRuntime(t *testing.T) {
	for name, end := range map[string]func(*dotest.Runtime){
		"Restart": (*dotest.Runtime).Restart,
		"Crash":   (*dotest.Runtime).Crash,
	} {
		t.Run(name, func(t *testing.T) {
			env, stub, _ := setup(t, do.Options{})
			old := stub()
			add(t, old, 1, 1)
			end(env)
			if _, err := do.Call(t.Context(), old, (*Counter).Add, 1); !errors.Is(err, do.ErrClosed) {
				t.Errorf("Add through an old stub = %v, want ErrClosed", err)
			}
			if err := env.Evict(old); !errors.Is(err, do.ErrClosed) {
				t.Errorf("Evict of an old stub = %v, want ErrClosed", err)
			}
			add(t, stub(), 1, 2)
		})
	}
}

func TestD3Fetch(t *testing.T) {
	script, _ := counters()
	handlers := 0
	env := dotest.New(t, dotest.Options{
		Runtime: do.Options{Scripts: []*do.Script{script}},
		Handler: func(rt *do.Runtime) http.Handler {
			handlers++
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				res, err := rt.Namespace("COUNTER").GetByName(r.URL.Path).Fetch(r.Context(), r)
				if err != nil {
					http.Error(w, err.Error(), http.StatusInternalServerError)
					return
				}
				defer res.Body.Close()
				w.WriteHeader(res.StatusCode)
				_, _ = io.Copy(w, res.Body)
			})
		},
	})
	get := func(want string) {
		t.Helper()
		res := env.Fetch(httptest.NewRequest("GET", "http://localhost/x", nil))
		body, err := io.ReadAll(res.Body)
		if err != nil || string(body) != want || res.StatusCode != http.StatusOK {
			t.Errorf("GET /x = %d %q, %v, want %q", res.StatusCode, body, err, want)
		}
	}
	get("1")
	env.Restart()
	get("2")
	env.Crash()
	get("3")
	if handlers != 3 {
		t.Errorf("Handler was called %d times, want once per runtime: 3", handlers)
	}
}

func TestD4RunInObject(t *testing.T) {
	env, stub, _ := setup(t, do.Options{})
	add(t, stub(), 2, 2)
	boom := errors.New("boom")
	err := dotest.RunInObject(env, stub(), func(ctx context.Context, c *Counter, state *do.State) error {
		if c.memory != 2 || state.ID().Name() != "hits" {
			t.Errorf("instance has %d, name %q", c.memory, state.ID().Name())
		}
		if err := state.KV().Put(ctx, "total", 40); err != nil {
			return err
		}
		return boom
	})
	if err != boom {
		t.Errorf("RunInObject = %v, want the very error", err)
	}
	env.Crash() // the write was committed (T12), and the answer waited until it was durable (T14)
	add(t, stub(), 2, 42)
	err = dotest.RunInObject(env, stub(), func(context.Context, *other, *do.State) error { return nil })
	if err != do.ErrWrongClass {
		t.Errorf("RunInObject with another class = %v, want ErrWrongClass", err)
	}
}

type other struct{ do.Object }

func TestD7Evict(t *testing.T) {
	env, stub, stops := setup(t, do.Options{})
	if err := env.Evict(stub()); !errors.Is(err, do.ErrNotRunning) {
		t.Errorf("Evict of an object that never ran = %v, want ErrNotRunning", err)
	}
	add(t, stub(), 3, 3)
	memory(t, stub(), 3)
	if err := env.Evict(stub()); err != nil {
		t.Fatal(err)
	}
	if *stops != 1 {
		t.Errorf("Stop ran %d times, want 1", *stops)
	}
	if err := env.Evict(stub()); !errors.Is(err, do.ErrNotRunning) {
		t.Errorf("second Evict = %v, want ErrNotRunning", err)
	}
	memory(t, stub(), 0)
	add(t, stub(), 1, 4)
}

func TestD7EvictWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env, stub, _ := setup(t, do.Options{})
		busy := func(d time.Duration) {
			go func() {
				_ = dotest.RunInObject(env, stub(), func(context.Context, *Counter, *do.State) error {
					time.Sleep(d)
					return nil
				})
			}()
			synctest.Wait()
		}
		busy(20 * time.Second)
		began := time.Now()
		if err := env.Evict(stub()); err != nil || time.Since(began) != 20*time.Second {
			t.Errorf("Evict = %v after %v, want nil after the event, 20 s", err, time.Since(began))
		}
		busy(40 * time.Second)
		began = time.Now()
		if err := env.Evict(stub()); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 30*time.Second {
			t.Errorf("Evict = %v after %v, want DeadlineExceeded after 30 s", err, time.Since(began))
		}
		time.Sleep(20 * time.Second)
		synctest.Wait()
	})
}

func TestD8Restart(t *testing.T) {
	env, stub, stops := setup(t, do.Options{})
	add(t, stub(), 3, 3)
	env.Restart()
	if *stops != 1 {
		t.Errorf("Stop ran %d times, want 1: the close is clean", *stops)
	}
	memory(t, stub(), 0)
	add(t, stub(), 1, 4)
}

func TestD9Crash(t *testing.T) {
	for _, relaxed := range []bool{false, true} {
		t.Run("Relaxed "+strconv.FormatBool(relaxed), func(t *testing.T) {
			env, stub, stops := setup(t, do.Options{Relaxed: relaxed})
			add(t, stub(), 3, 3)
			held := make(chan error)
			began := make(chan struct{})
			go func() {
				held <- dotest.RunInObject(env, stub(), func(ctx context.Context, c *Counter, _ *do.State) error {
					if _, err := c.Add(ctx, 10); err != nil {
						return err
					}
					close(began)
					<-ctx.Done() // cut off before its commit
					_, err := c.Add(ctx, 1)
					if err == nil {
						t.Error("a write after the crash worked")
					}
					return err
				})
			}()
			<-began
			env.Crash()
			if err := <-held; !errors.Is(err, do.ErrClosed) {
				t.Errorf("the running event got %v, want ErrClosed", err)
			}
			if *stops != 0 {
				t.Errorf("Stop ran %d times, want 0: nothing is drained", *stops)
			}
			memory(t, stub(), 0)
			add(t, stub(), 1, 4)
		})
	}
}

// TestD9CrashDropsWhatWasNotDurable looks at a commit that no fsync has covered: an answer
// may not leave, and after the crash it is gone. In a Relaxed runtime it is answered and
// stays.
func TestD9CrashDropsWhatWasNotDurable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env, stub, _ := setup(t, do.Options{})
		add(t, stub(), 1, 1)
		hold := make(chan struct{})
		dotest.HoldSyncs(env, hold)
		answer := make(chan error, 1)
		go func() {
			_, err := do.Call(t.Context(), stub(), (*Counter).Add, 1)
			answer <- err
		}()
		synctest.Wait()
		memory2 := make(chan int, 1)
		go func() {
			_ = dotest.RunInObject(env, stub(), func(_ context.Context, c *Counter, _ *do.State) error {
				memory2 <- c.memory
				return nil
			})
		}()
		synctest.Wait()
		if got := <-memory2; got != 2 {
			t.Errorf("the next event sees %d, want 2: it does not wait for the fsync", got)
		}
		if len(answer) > 0 {
			t.Fatal("answered before the fsync")
		}
		crashed := make(chan struct{})
		go func() {
			env.Crash()
			close(crashed)
		}()
		synctest.Wait()
		close(hold)
		<-crashed
		if err := <-answer; err == nil {
			t.Error("the held answer left although its write is gone")
		}
		add(t, stub(), 0, 1)
	})
}

// TestD9CrashLeavesNothingOpen: what cannot be closed cleanly any more is closed all the
// same, connection and file handles included (L21, T34.12).
func TestD9CrashLeavesNothingOpen(t *testing.T) {
	env, stub, _ := setup(t, do.Options{})
	for i := range 3 {
		add(t, env.Namespace("COUNTER").GetByName(strconv.Itoa(i)), 1, 1)
	}
	err := dotest.RunInObject(env, stub(), func(context.Context, *Counter, *do.State) error { panic("an object without instance") })
	if !errors.Is(err, do.ErrReset) {
		t.Fatal(err)
	}
	old := dotest.Present(env)
	env.Crash()
	if n, left := old.OpenDatabases(), old.InMemory(); n > 0 || len(left) > 0 {
		t.Errorf("after a crash %d databases are open, in memory are %v", n, left)
	}
}

func TestD11FailCommits(t *testing.T) {
	env, stub, _ := setup(t, do.Options{})
	add(t, stub(), 1, 1)
	env.FailCommits(stub(), 2)
	for range 2 {
		_, err := do.Call(t.Context(), stub(), (*Counter).Add, 1)
		var e *do.Error
		if !errors.Is(err, do.ErrReset) || !errors.As(err, &e) || !e.Retryable || !e.Reset {
			t.Fatalf("Add with a failing commit = %v, want ErrReset, Retryable", err)
		}
	}
	memory(t, stub(), 0)
	add(t, stub(), 1, 2)
	env.FailCommits(env.Namespace("COUNTER").GetByName("somebody else"), 1)
	add(t, stub(), 1, 3)
	env.FailCommits(stub(), 0)
	add(t, stub(), 1, 4)
}

func TestD11FailSyncs(t *testing.T) {
	env, stub, _ := setup(t, do.Options{})
	env.FailSyncs(stub(), 1) // also the first one of a new file
	if _, err := do.Call(t.Context(), stub(), (*Counter).Add, 1); !errors.Is(err, do.ErrReset) {
		t.Fatalf("Add with a failing fsync = %v, want ErrReset", err)
	}
	add(t, stub(), 1, 1)
	env.FailSyncs(stub(), 1)
	if _, err := do.Call(t.Context(), stub(), (*Counter).Add, 1); !errors.Is(err, do.ErrReset) {
		t.Fatalf("Add with a failing fsync = %v, want ErrReset", err)
	}
	add(t, stub(), 1, 2)
	env.Crash()
	add(t, stub(), 1, 3)
}

func TestPredictableIDsI8(t *testing.T) {
	script, _ := counters()
	env := dotest.New(t, dotest.Options{Runtime: do.Options{Scripts: []*do.Script{script}}, PredictableIDs: true})
	for i := range 3 {
		id := env.Namespace("COUNTER").NewUniqueID().String()
		if want := "0" + strconv.Itoa(i) + "000000000000000000000000000000"; id[:32] != want {
			t.Errorf("id %d begins with %s, want %s", i, id[:32], want)
		}
	}
}
