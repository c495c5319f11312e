package dotest_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/durablego/do"
)

// TestD12Bubble runs everything in a bubble: virtual time evicts the idle object (D14: the
// only wait is a sleep and synctest.Wait), and no channel, timer or goroutine outlives
// the bubble (D13), or synctest.Test would panic. Two bubbles follow each other, so that
// what the first left in a package variable would meet the second.
func TestD12Bubble(t *testing.T) {
	for range 2 {
		synctest.Test(t, func(t *testing.T) {
			env, stub, stops := setup(t, do.Options{})
			began := time.Now()
			add(t, stub(), 1, 1)
			if waited := time.Since(began); waited != 0 {
				t.Errorf("a call took %v of virtual time, want none", waited)
			}
			time.Sleep(10*time.Second - time.Nanosecond)
			synctest.Wait()
			if *stops != 0 {
				t.Error("evicted before its idle time")
			}
			memory(t, stub(), 1)
			time.Sleep(10 * time.Second)
			synctest.Wait()
			if *stops != 1 {
				t.Errorf("Stop ran %d times after the idle time, want 1", *stops)
			}
			memory(t, stub(), 0)
			env.Restart()
			add(t, stub(), 1, 2)
			env.FailSyncs(stub(), 1)
			if _, err := do.Call(t.Context(), stub(), (*Counter).Add, 1); !errors.Is(err, do.ErrReset) {
				t.Errorf("Add with a failing fsync = %v, want ErrReset", err)
			}
			env.Crash()
			add(t, stub(), 1, 3)
		})
	}
}
