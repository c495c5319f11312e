package do_test

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/durablego/do"
	"github.com/durablego/do/internal/bridge"
)

// BenchmarkMany writes to 1,000 objects by 32 callers, durable before the answer.
func BenchmarkMany(b *testing.B) {
	ns := openTallies(b)
	var stubs []*do.Stub
	for i := range 1000 {
		stubs = append(stubs, ns.GetByName(fmt.Sprint("m", i)))
	}
	for _, s := range stubs {
		if _, err := do.Call(b.Context(), s, (*tally).Store, 1); err != nil {
			b.Fatal(err)
		}
	}
	var n atomic.Int64
	b.ResetTimer()
	b.SetParallelism(max(1, 32/runtime.GOMAXPROCS(0)))
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := do.Call(b.Context(), stubs[n.Add(1)*7919%1000], (*tally).Store, 1); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// BenchmarkWake evicts an object with data and reads from it: close, open, constructor.
func BenchmarkWake(b *testing.B) {
	s := do.NewScript("bench")
	do.RegisterIn(s, do.Class[*tally]{Binding: "TALLY", New: newTally})
	opened, control, err := bridge.Open(do.Options{Dir: b.TempDir(), Scripts: []*do.Script{s}}, bridge.Config{})
	if err != nil {
		b.Fatal(err)
	}
	rt := opened.(*do.Runtime)
	stub := rt.Namespace("TALLY").GetByName("warm")
	if _, err := do.Call(b.Context(), stub, (*tally).Store, 1); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := control.Evict(b.Context(), stub, false); err != nil {
			b.Fatal(err)
		}
		if _, err := do.Call(b.Context(), stub, (*tally).Load, 0); err != nil {
			b.Fatal(err)
		}
	}
	if err := rt.Close(context.Background()); err != nil {
		b.Error(err)
	}
	if n := control.Cells(); n != 0 {
		b.Errorf("%d objects in memory after Close, want none", n)
	}
}
