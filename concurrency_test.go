package do_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"net/http"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
)

// The crowd: so many goroutines on so many objects, so many events each.
const (
	crowd   = 64
	objects = 8
	rounds  = 60
)

// turnstile counts who is inside an object. Instances of one id share it.
type turnstile struct{ inside, events atomic.Int32 }

// pass runs a piece of a turn: nobody else may be inside, and the field is free to use.
func (b *box) pass(t *testing.T, ts *turnstile) {
	if n := ts.inside.Add(1); n != 1 {
		t.Errorf("%d turns of one object at once", n)
	}
	b.n++ // the race detector watches it
	runtime.Gosched()
	b.n++
	ts.events.Add(1)
	ts.inside.Add(-1)
}

// TestOneAtATime lets a crowd do everything at once to a few objects: waits, calls, panics,
// aborts, errors, blocked sections, background work, evictions and hang-ups. Promise 1: never
// two turns of an object at once. T1, T3, T10, L3, L14.
func TestOneAtATime(t *testing.T) {
	o := boxes(class(nil))
	o.Logger = (&logged{}).logger()
	o.MaxOpenDatabases = 3
	env := dotest.New(t, dotest.Options{Runtime: o})
	var stiles [objects]turnstile
	events := []func(ctx context.Context, b *box, i int) error{
		func(ctx context.Context, b *box, i int) error { _, err := b.Add(ctx, 1); return err },
		func(ctx context.Context, b *box, i int) error {
			err := b.state.Await(ctx, func(context.Context) error { runtime.Gosched(); return nil })
			if err == nil {
				b.pass(t, &stiles[i])
			}
			return err
		},
		func(ctx context.Context, b *box, i int) error { // to the next object, and perhaps back
			next := (i + 1) % objects
			_, err := do.Call(ctx, b.env.Namespace("BOX").GetByName(strconv.Itoa(next)), (*box).Poke, 2)
			if err == nil {
				b.pass(t, &stiles[i])
			}
			return err
		},
		func(ctx context.Context, b *box, i int) error {
			return b.state.BlockConcurrencyWhile(ctx, func(ctx context.Context) error {
				err := b.state.Await(ctx, func(context.Context) error { return nil })
				if err == nil {
					b.pass(t, &stiles[i])
				}
				return err
			})
		},
		func(ctx context.Context, b *box, i int) error {
			return b.state.WaitUntil(ctx, func(ctx context.Context) error {
				return b.state.Run(ctx, func(ctx context.Context) error {
					b.pass(t, &stiles[i])
					_, err := b.Add(ctx, 1)
					return err
				})
			})
		},
		func(ctx context.Context, b *box, i int) error { return errBoom },
		func(ctx context.Context, b *box, i int) error { panic(errBoom) },
		func(ctx context.Context, b *box, i int) error { b.state.Abort(ctx, errBoom); return nil },
		func(ctx context.Context, b *box, i int) error {
			if _, err := b.Add(ctx, 1); err != nil {
				return err
			}
			return b.state.Storage().Sync(ctx)
		},
	}
	var wg sync.WaitGroup
	for g := range crowd {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(1, uint64(g)))
			for range rounds {
				i := rng.IntN(objects)
				stub := named(env, strconv.Itoa(i))
				kind := rng.IntN(len(events) + 2)
				switch {
				case kind == len(events):
					if err := env.Evict(stub); err != nil && !errors.Is(err, do.ErrNotRunning) {
						t.Errorf("Evict = %v", err)
					}
				case kind > len(events): // hangs up
					ctx, cancel := context.WithCancel(t.Context())
					time.AfterFunc(time.Duration(rng.IntN(2000))*time.Microsecond, cancel)
					r, _ := http.NewRequest("GET", "http://box/", nil)
					if _, err := stub.Fetch(ctx, r); err != nil && ctx.Err() == nil && !is(err, do.ErrReset) {
						t.Errorf("Fetch = %v", err)
					}
					cancel()
				default:
					err := run(env, stub, func(ctx context.Context, b *box) error {
						b.pass(t, &stiles[i])
						return events[kind](ctx, b, i)
					})
					if err != nil && !is(err, errBoom) && !is(err, do.ErrReset) && !is(err, do.ErrDeadlock) {
						t.Errorf("event %d = %v", kind, err)
					}
				}
			}
		})
	}
	wg.Wait()
	total := int32(0)
	for i := range stiles {
		total += stiles[i].events.Load()
	}
	if total < crowd*rounds/2 {
		t.Errorf("only %d turns ran", total)
	}
	for i := range objects { // all of them still work
		if _, err := do.Call(t.Context(), named(env, strconv.Itoa(i)), (*box).Add, 1); err != nil {
			t.Errorf("object %d afterwards: %v", i, err)
		}
	}
}

// counting is the model of a counter: an operation adds and gives the sum. One whose
// outcome is unknown may have added or not.
var counting = porcupine.NondeterministicModel{
	Init: func() []any { return []any{0} },
	Step: func(state, input, output any) []any {
		sum := state.(int) + input.(int)
		switch output {
		case nil: // unknown
			return []any{state, sum}
		case sum:
			return []any{sum}
		}
		return nil
	},
	Equal: func(a, b any) bool { return a == b },
}

// TestLinearizable checks that the history of a counter is one that a single counter could
// have, in the face of resets, evictions, failed commits and fsyncs: an answer says what
// was kept, an error that the caller does not know.
func TestLinearizable(t *testing.T) {
	for _, relaxed := range []bool{false, true} {
		t.Run("Relaxed "+strconv.FormatBool(relaxed), func(t *testing.T) {
			o := boxes(class(nil))
			o.Logger, o.Relaxed = (&logged{}).logger(), relaxed
			env := dotest.New(t, dotest.Options{Runtime: o})
			stub := named(env, "counter")
			history, known := countTogether(t, env, stub, !relaxed)
			model := counting.ToModel()
			if result := porcupine.CheckOperationsTimeout(model, history, time.Minute); result != porcupine.Ok {
				t.Errorf("the history of %d operations is %s", len(history), result)
			}
			if known < len(history)/4 {
				t.Errorf("only %d of %d operations worked", known, len(history))
			}
			for i := range history { // the check can fail: one sum too many
				if history[i].Output != nil && history[i].Input.(int) > 0 {
					history[i].Output = history[i].Output.(int) + 1_000_000
					break
				}
			}
			if porcupine.CheckOperationsTimeout(model, history, time.Minute) == porcupine.Ok {
				t.Error("a wrong history passes")
			}
		})
	}
}

// countTogether lets some goroutines add while the object is disturbed.
func countTogether(t *testing.T, env *dotest.Runtime, stub *do.Stub, syncs bool) (history []porcupine.Operation, known int) {
	const clients = 8
	var mu sync.Mutex
	var wg, disturbers sync.WaitGroup
	stop := make(chan struct{})
	disturbances := []func(){
		func() { _ = env.Evict(stub) },
		func() { _ = run(env, stub, func(context.Context, *box) error { panic(errBoom) }) },
		func() { env.FailCommits(stub, 1) },
	}
	if syncs { // a Relaxed runtime has answered for what a failed fsync undoes
		disturbances = append(disturbances, func() { env.FailSyncs(stub, 1) })
	}
	var worked atomic.Int64
	for i, disturb := range disturbances {
		disturbers.Go(func() {
			for next := int64(0); ; {
				select {
				case <-stop:
					return
				default:
				}
				// Each may fail what all the clients wait for: not so often that little works,
				// whatever the scheduler does.
				if worked.Load() < next {
					_, _ = do.Call0(t.Context(), stub, (*box).Memory)
					continue
				}
				next = worked.Load() + int64(clients*(1+i))
				disturb()
			}
		})
	}
	began := time.Now()
	for client := range clients {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(2, uint64(client)))
			for range 60 {
				op := porcupine.Operation{ClientId: client, Input: rng.IntN(3)}
				ctx, cancel := context.WithCancel(t.Context())
				if rng.IntN(10) == 0 {
					time.AfterFunc(time.Duration(rng.IntN(1000))*time.Microsecond, cancel)
				}
				op.Call = time.Since(began).Nanoseconds()
				sum, err := do.Call(ctx, stub, (*box).Add, op.Input.(int))
				op.Return = time.Since(began).Nanoseconds()
				hungUp := ctx.Err() != nil
				cancel()
				switch {
				case err == nil:
					op.Output = sum
				case hungUp:
					op.Return = math.MaxInt64 // it may be running still
				case is(err, do.ErrReset) || is(err, syscall.EIO):
				default:
					t.Errorf("Add = %v", err)
				}
				mu.Lock()
				history = append(history, op)
				mu.Unlock()
				if err == nil {
					worked.Add(1)
				}
			}
		})
	}
	wg.Wait()
	close(stop)
	disturbers.Wait()
	return history, int(worked.Load())
}
