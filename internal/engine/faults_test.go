package engine_test

import (
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"

	"github.com/durablego/do/internal/disk/disktest"
)

// T15, T34.7, T34.8: the n-th operation of each kind fails, for n = 1, 2, … until a run
// of the same history is clean. No write whose ticket opened is lost, nothing refused
// comes back, and once the disk is well the next event works. history checks that.
func TestEveryFault(t *testing.T) {
	for op := disktest.Open; op <= disktest.Stat; op++ {
		for _, kind := range []disktest.Fault{
			{Op: op}, {Op: op, Count: 3}, {Op: op, Short: true, Err: syscall.ENOSPC},
		} {
			if kind.Short && op != disktest.Write {
				continue
			}
			t.Run(fmt.Sprintf("%s×%d short=%v", op, max(kind.Count, 1), kind.Short), func(t *testing.T) {
				t.Parallel()
				for n := 1; n < 2000; n += max(kind.Count, 1) {
					h := newHistory(t, rand.New(rand.NewPCG(11, 7)), historyOptions{oneFault: true})
					kind.N = n
					h.note("fault: %s %d", op, n)
					h.faulty.Fail(kind)
					for range 20 {
						h.step()
					}
					h.finish()
					if h.faulty.Fired() == 0 {
						if n < 3 && op != disktest.Truncate { // only a cut truncates, after a failure
							t.Errorf("only %d operations of kind %s: the history tests nothing", n-1, op)
						}
						break
					}
				}
			})
		}
	}
}
