package do_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
	"github.com/durablego/do/internal/bridge"
	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/disk/disktest"
)

// slowDisk is a disk whose fsyncs of the commit log wait for the test, one permit each.
type slowDisk struct {
	*disktest.Faulty
	permits chan error
	syncs   atomic.Int32 // that began
}

// newSlowDisk gives a runtime on one. Permits are free until hold.
func newSlowDisk(t *testing.T, o do.Options) (*dotest.Runtime, *slowDisk) {
	t.Helper()
	d := &slowDisk{Faulty: disktest.NewFaulty(disk.OS()), permits: make(chan error, 100)}
	env := dotest.NewWith(t, dotest.Options{Runtime: o}, bridge.Config{FS: d})
	t.Cleanup(d.free)
	return env, d
}

func (d *slowDisk) hold() {
	d.Hook(func(op disktest.Op, name string) error {
		if op == disktest.Sync && strings.HasSuffix(name, ".log") {
			d.syncs.Add(1)
			return <-d.permits
		}
		return nil
	})
}

// permit lets one fsync go on, also one that comes later.
func (d *slowDisk) permit() { d.permits <- nil }

// free lets all go on.
func (d *slowDisk) free() {
	d.Hook(nil)
	for len(d.permits) < cap(d.permits) {
		d.permits <- nil
	}
}

// slow runs f in a bubble with a box that has data, on a disk that holds fsyncs.
func slow(t *testing.T, f func(t *testing.T, env *dotest.Runtime, stub *do.Stub, d *slowDisk)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		env, d := newSlowDisk(t, boxes(class(nil)))
		stub := named(env, "x")
		wantAdd(t, stub, 1, 1)
		d.hold()
		f(t, env, stub, d)
	})
}

// goAdd is Add in a goroutine.
func goAdd(t *testing.T, stub *do.Stub, n int) <-chan error {
	answer := make(chan error, 1)
	go func() { _, err := do.Call(t.Context(), stub, (*box).Add, n); answer <- err }()
	return answer
}

// TestT14 holds answers until the newest commit before them is durable, also after a turn
// that only read, and not for later ones; meanwhile the next events run (T13).
func TestT14AnswersWaitForTheNewestTicket(t *testing.T) {
	slow(t, func(t *testing.T, env *dotest.Runtime, stub *do.Stub, d *slowDisk) {
		first := goAdd(t, stub, 10)
		synctest.Wait()
		var seen int
		reader := start(env, stub, func(ctx context.Context, b *box) (err error) {
			seen, err = b.Total(ctx)
			return err
		})
		synctest.Wait()
		second := goAdd(t, stub, 100)
		synctest.Wait()
		if seen != 11 || answered(first) || answered(reader) || answered(second) {
			t.Fatalf("the reader saw %d; answered: %v %v %v, want 11 and none", seen, answered(first), answered(reader), answered(second))
		}
		d.permit()
		synctest.Wait()
		if !answered(first) || !answered(reader) || answered(second) {
			t.Errorf("after the first fsync answered: %v %v %v, want true true false", answered(first), answered(reader), answered(second))
		}
		d.permit()
		wantNil(t, <-second)
	})
}

// TestT13 gathers the commits that are made while an fsync runs into one.
func TestT13OneFsyncCoversAll(t *testing.T) {
	slow(t, func(t *testing.T, env *dotest.Runtime, stub *do.Stub, d *slowDisk) {
		var answers []<-chan error
		for range 50 {
			answers = append(answers, goAdd(t, stub, 1))
			synctest.Wait()
		}
		d.permit()
		d.permit()
		for _, a := range answers {
			wantNil(t, <-a)
		}
		if n := d.syncs.Load(); n != 2 {
			t.Errorf("%d fsyncs for 50 commits, want 2", n)
		}
		wantTotal(t, stub, 51) // a turn that wrote nothing waits for nothing
		if n := d.syncs.Load(); n != 2 {
			t.Error("a turn that wrote nothing was synced")
		}
	})
}

// TestT17 holds the head of an answer and each chunk of its body.
func TestT17BodyChunks(t *testing.T) {
	slow(t, func(t *testing.T, env *dotest.Runtime, stub *do.Stub, d *slowDisk) {
		wantNil(t, run(env, stub, func(_ context.Context, b *box) error {
			b.fetch = func(ctx context.Context, _ *http.Request) (*http.Response, error) {
				r, w := io.Pipe()
				if _, err := b.Add(ctx, 1); err != nil {
					return nil, err
				}
				err := b.state.WaitUntil(ctx, func(ctx context.Context) error {
					err := b.state.Run(ctx, func(ctx context.Context) error { _, err := b.Add(ctx, 1); return err })
					if err == nil {
						_, err = io.WriteString(w, "chunk")
					}
					return w.CloseWithError(err)
				})
				return &http.Response{StatusCode: 200, Body: r}, err
			}
			return nil
		}))
		heads, chunks := make(chan *http.Response, 1), make(chan string, 1)
		go func() {
			res, err := stub.Fetch(t.Context(), request(t, "/"))
			wantNil(t, err)
			heads <- res
			text, err := io.ReadAll(res.Body)
			wantNil(t, err)
			wantNil(t, res.Body.Close())
			chunks <- string(text)
		}()
		synctest.Wait()
		if len(heads) > 0 {
			t.Fatal("the head left before its commit was durable")
		}
		d.permit()
		synctest.Wait()
		if len(heads) == 0 || len(chunks) > 0 {
			t.Fatalf("head left: %v, chunk left: %v, want true, false", len(heads) > 0, len(chunks) > 0)
		}
		d.permit()
		if text := <-chunks; text != "chunk" {
			t.Errorf("body = %q", text)
		}
	})
}

// TestT18 holds errors, and ErrReset after a panic; ErrReset by a failed commit leaves at
// once, although older commits are not durable yet, and those are kept (T34.7).
func TestT18Errors(t *testing.T) {
	for _, c := range []struct {
		name string
		fail func(env *dotest.Runtime, stub *do.Stub) <-chan error
		held bool
	}{
		{"error", func(env *dotest.Runtime, stub *do.Stub) <-chan error {
			return start(env, stub, func(context.Context, *box) error { return errBoom })
		}, true},
		{"panic", func(env *dotest.Runtime, stub *do.Stub) <-chan error {
			return start(env, stub, func(context.Context, *box) error { panic(errBoom) })
		}, true},
		{"failed commit", func(env *dotest.Runtime, stub *do.Stub) <-chan error {
			env.FailCommits(stub, 1)
			return start(env, stub, func(ctx context.Context, b *box) error { _, err := b.Add(ctx, 1); return err })
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			slow(t, func(t *testing.T, env *dotest.Runtime, stub *do.Stub, d *slowDisk) {
				older := goAdd(t, stub, 10)
				synctest.Wait()
				failed := c.fail(env, stub)
				synctest.Wait()
				if answered(failed) == c.held || answered(older) {
					t.Errorf("answered: the error %v, the older event %v, want %v, false", answered(failed), answered(older), !c.held)
				}
				d.free()
				if err := <-failed; err == nil {
					t.Error("no error")
				}
				wantNil(t, <-older)
				wantTotal(t, stub, 11)
			})
		})
	}
}

// TestT19 holds calls to other objects, also those made in Await and WaitUntil.
func TestT19Calls(t *testing.T) {
	call := func(ctx context.Context, b *box) error {
		_, err := do.Call(ctx, b.env.Namespace("BOX").GetByName("other"), (*box).Poke, 1)
		return err
	}
	for name, event := range map[string]func(ctx context.Context, b *box) error{
		"turn": call,
		"Await": func(ctx context.Context, b *box) error {
			return b.state.Await(ctx, func(ctx context.Context) error { return call(ctx, b) })
		},
		"WaitUntil": func(ctx context.Context, b *box) error {
			return b.state.WaitUntil(ctx, func(ctx context.Context) error { return call(ctx, b) })
		},
		"Run in WaitUntil": func(ctx context.Context, b *box) error {
			return b.state.WaitUntil(ctx, func(ctx context.Context) error {
				// T30: it returns before its writes are durable, so the call after it is held
				err := b.state.Run(ctx, func(ctx context.Context) error { _, err := b.Add(ctx, 1); return err })
				if err != nil {
					return err
				}
				return call(ctx, b)
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			slow(t, func(t *testing.T, env *dotest.Runtime, stub *do.Stub, d *slowDisk) {
				answer := start(env, stub, func(ctx context.Context, b *box) error {
					if _, err := b.Add(ctx, 1); err != nil {
						return err
					}
					return event(ctx, b)
				})
				synctest.Wait()
				wantMemory(t, named(env, "other"), 0) // the call has not left
				d.permit()
				synctest.Wait()
				if name == "Run in WaitUntil" {
					wantMemory(t, named(env, "other"), 0)
					d.permit()
					synctest.Wait()
				}
				wantMemory(t, named(env, "other"), 1)
				wantNil(t, <-answer)
			})
		})
	}
}

// Poke adds to the field.
func (b *box) Poke(_ context.Context, n int) (int, error) {
	b.n += n
	return b.n, nil
}

// TestT19Requests holds requests of HTTPClient, which are waits. It uses the network, so
// it is no bubble: a request that left early would find the disk still held.
func TestT19Requests(t *testing.T) {
	env, d := newSlowDisk(t, boxes(class(nil)))
	stub := named(env, "x")
	wantAdd(t, stub, 1, 1)
	d.hold()
	var permitted atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/held" && !permitted.Load() {
			t.Error("the request left before the writes were durable")
		}
	}))
	defer server.Close()
	get := func(client *http.Client, ctx context.Context, path string) error {
		r, err := http.NewRequestWithContext(ctx, "GET", server.URL+path, nil)
		if err != nil {
			return err
		}
		res, err := client.Do(r)
		if err != nil {
			return err
		}
		return res.Body.Close()
	}
	parked := make(chan struct{})
	answer := start(env, stub, func(ctx context.Context, b *box) error {
		if _, err := b.Add(ctx, 1); err != nil {
			return err
		}
		close(parked)
		return get(b.state.HTTPClient(), ctx, "/held")
	})
	<-parked
	next := make(chan struct{})
	other := start(env, stub, func(context.Context, *box) error { close(next); return nil })
	<-next // the request is a wait: other events run
	for range 20 {
		wantNil(t, get(server.Client(), t.Context(), "/free"))
	}
	permitted.Store(true)
	d.free()
	wantNil(t, <-answer)
	wantNil(t, <-other)
}

// TestT21Relaxed answers once the commit is in the write-ahead log.
func TestT21Relaxed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := boxes(class(nil))
		o.Relaxed = true
		env, d := newSlowDisk(t, o)
		d.hold()
		began := time.Now()
		wantAdd(t, named(env, "x"), 1, 1)
		if n := d.syncs.Load(); n != 0 || time.Since(began) != 0 {
			t.Errorf("%d fsyncs before the answer, want none", n)
		}
		d.free()
		env.Crash() // of the process
		wantTotal(t, named(env, "x"), 1)
	})
}
