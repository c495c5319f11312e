package dotest_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
	"github.com/durablego/do/kvstorage"
)

// A counter's test: what was answered for outlives eviction, restart and crash.
func ExampleNew() {
	_ = func(t *testing.T) { // TestHits
		env := dotest.New(t, dotest.Options{})
		hit := func(want int) {
			t.Helper()
			stub := env.Namespace("COUNTER").GetByName("hits") // a stub belongs to one runtime
			if got, err := do.Call(t.Context(), stub, (*Counter).Add, 1); err != nil || got != want {
				t.Errorf("Add = %d, %v, want %d", got, err, want)
			}
		}
		hit(1)
		if err := env.Evict(env.Namespace("COUNTER").GetByName("hits")); err != nil {
			t.Error(err)
		}
		hit(2)
		env.Restart()
		hit(3)
		env.Crash()
		hit(4)
	}
}

// Time is virtual in a bubble: an idle object leaves memory after ten seconds that take none.
func ExampleNew_virtualTime() {
	_ = func(t *testing.T) { // TestIdleCounter
		synctest.Test(t, func(t *testing.T) {
			env := dotest.New(t, dotest.Options{})
			stub := env.Namespace("COUNTER").GetByName("hits")
			if _, err := do.Call(t.Context(), stub, (*Counter).Add, 1); err != nil {
				t.Fatal(err)
			}
			time.Sleep(11 * time.Second)
			synctest.Wait()
			if n, err := do.Call0(t.Context(), stub, (*Counter).Memory); err != nil || n != 0 {
				t.Errorf("Memory = %d, %v, want 0: it is a new instance", n, err)
			}
		})
	}
}

// RunInObject looks at an instance and its storage from the inside.
func ExampleRunInObject() {
	_ = func(t *testing.T) { // TestStoredTotal
		env := dotest.New(t, dotest.Options{})
		stub := env.Namespace("COUNTER").GetByName("hits")
		err := dotest.RunInObject(env, stub, func(ctx context.Context, c *Counter, state *do.State) error {
			total, _, err := kvstorage.Get[int](ctx, state.KV(), "total")
			if err != nil {
				return err
			}
			if total != 0 || c.memory != 0 {
				t.Errorf("a new counter has %d stored, %d in memory", total, c.memory)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// A commit that fails resets the object and undoes the event's writes.
func ExampleRuntime_FailCommits() {
	_ = func(t *testing.T) { // TestDiskTrouble
		env := dotest.New(t, dotest.Options{})
		stub := env.Namespace("COUNTER").GetByName("hits")
		env.FailCommits(stub, 1)
		if _, err := do.Call(t.Context(), stub, (*Counter).Add, 1); err == nil {
			t.Error("Add worked without its write")
		}
		if total, err := do.Call(t.Context(), stub, (*Counter).Add, 1); err != nil || total != 1 {
			t.Errorf("the next Add = %d, %v, want 1", total, err)
		}
	}
}
