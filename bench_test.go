package do_test

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/durablego/do"
	"github.com/durablego/do/kvstorage"
)

// tally is the object of the benchmarks.
type tally struct {
	state *do.State
	n     int
}

func newTally(_ context.Context, state *do.State, _ *do.Env) (*tally, error) {
	return &tally{state: state}, nil
}

func (c *tally) Fetch(context.Context, *http.Request) (*http.Response, error) {
	c.n++
	return do.Text(http.StatusOK, "ok"), nil
}

func (c *tally) Add(_ context.Context, n int) (int, error) {
	c.n += n
	return c.n, nil
}

func (c *tally) Store(ctx context.Context, n int) (int, error) {
	total, _, err := kvstorage.Get[int](ctx, c.state.KV(), "n")
	if err != nil {
		return 0, err
	}
	return total + n, c.state.KV().Put(ctx, "n", total+n)
}

func (c *tally) Load(ctx context.Context, _ int) (int, error) {
	n, _, err := kvstorage.Get[int](ctx, c.state.KV(), "n")
	return n, err
}

func openTallies(b *testing.B) *do.Namespace {
	b.Helper()
	s := do.NewScript("bench")
	do.RegisterIn(s, do.Class[*tally]{Binding: "TALLY", New: newTally})
	rt, err := do.Open(do.Options{Dir: b.TempDir(), Scripts: []*do.Script{s}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := rt.Close(context.Background()); err != nil {
			b.Error(err)
		}
	})
	return rt.Namespace("TALLY")
}

// BenchmarkHandOff is the yardstick of BenchmarkCall: a question and an answer between two
// bare goroutines.
func BenchmarkHandOff(b *testing.B) {
	ask, answer := make(chan int), make(chan int)
	go func() {
		for n := range ask {
			answer <- n + 1
		}
		close(answer)
	}()
	b.ReportAllocs()
	for b.Loop() {
		ask <- 1
		<-answer
	}
	close(ask)
	<-answer
}

// BenchmarkCall is a typed call of a warm object: at most 3 hand-offs and 4 allocations.
func BenchmarkCall(b *testing.B) {
	stub := openTallies(b).GetByName("warm")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := do.Call(b.Context(), stub, (*tally).Add, 1); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkGet(b *testing.B) {
	stub := openTallies(b).GetByName("warm")
	if _, err := do.Call(b.Context(), stub, (*tally).Store, 1); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := do.Call(b.Context(), stub, (*tally).Load, 0); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPut reads, adds and writes, durable before the answer, with several callers of
// one object: one fsync serves those that wait together.
func BenchmarkPut(b *testing.B) {
	for _, callers := range []int{1, 16, 256} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			stub := openTallies(b).GetByName("warm")
			b.ReportAllocs()
			b.SetParallelism((callers + 1) / 2)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, err := do.Call(b.Context(), stub, (*tally).Store, 1); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}

// BenchmarkNew makes an object with data for each call.
func BenchmarkNew(b *testing.B) {
	ns := openTallies(b)
	var n atomic.Int64
	b.ReportAllocs()
	b.SetParallelism(max(1, 32/runtime.GOMAXPROCS(0)))
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			stub := ns.GetByName(fmt.Sprint("new", n.Add(1)))
			if _, err := do.Call(b.Context(), stub, (*tally).Store, 1); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
