package metamorphic

import (
	"flag"
	"fmt"
	"strings"
	"testing"
)

var (
	steps = flag.Int("steps", 10_000, "how many steps TestHistories runs, over all modes")
	seed  = flag.Uint64("seed", 1, "of the first history; those after it count on")
)

// historySteps is how many steps a history has: few, so that one that fails is found again soon.
const historySteps = 25

// TestHistories runs random histories in all modes beside the model: K7 to K25, S2 to S4, S6, S10, S12, S57, T3, T4, T6, T11, T12, T14,
// T22 to T31, T34.1 to T34.6, T34.9, D7 to D9, L14 to L18.
func TestHistories(t *testing.T) {
	total := *steps
	if raceEnabled {
		total /= 10
	}
	for _, m := range modes {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			n := max(1, total*m.share/shares()/historySteps)
			for i := range uint64(n) {
				check(t, m, *seed+i)
				if t.Failed() {
					return
				}
			}
		})
	}
}

// shares is the sum of all.
func shares() (sum int) {
	for _, m := range modes {
		sum += m.share
	}
	return sum
}

// check runs the history of a seed, and reports a difference.
func check(t *testing.T, m mode, seed uint64) {
	h := generate(seed, historySteps)
	d := attempt(t, m, h, "")
	if d == "" {
		return
	}
	small := shrink(h, 500, func(h history) bool { return attempt(t, m, h, "") != "" })
	t.Errorf("mode %s differs from the model. Again: -run='TestHistories/%s$' -seed=%d -steps=%d\n%s\nshrunk to %d operations:\n%s%s",
		m.name, strings.ReplaceAll(m.name, " ", "_"), seed, historySteps, d, small.size(), small, attempt(t, m, small, ""))
}

// attempt runs a history as a test of its own, whose runtime ends with it.
func attempt(t *testing.T, m mode, h history, wrong string) (difference string) {
	difference = "the test ended"
	if !t.Run("", func(t *testing.T) { difference = play(t, m, h, wrong) }) && difference == "" {
		difference = fmt.Sprintf("the runtime of a history of %d steps did not end well", len(h))
	}
	return difference
}

// TestHistoriesFindMistakes has a model that is wrong: it is found, and shrunk to little.
func TestHistoriesFindMistakes(t *testing.T) {
	for _, c := range []struct {
		wrong string
		most  int // operations, its steps included
	}{
		{"transactions are not undone", 4},
		{"deleteMany deletes one", 6},
	} {
		t.Run(c.wrong, func(t *testing.T) {
			t.Parallel()
			m := modes[0]
			for seed := uint64(1); seed < 100; seed++ {
				h := generate(seed, historySteps)
				if attempt(t, m, h, c.wrong) == "" {
					continue
				}
				small := shrink(h, 500, func(h history) bool { return attempt(t, m, h, c.wrong) != "" })
				if n := small.size(); n > c.most {
					t.Errorf("shrunk to %d operations, want at most %d:\n%s", n, c.most, small)
				}
				return
			}
			t.Error("not found")
		})
	}
}

// TestGeneratedHistoriesAreSound holds the generator to the rule of the package comment.
func TestGeneratedHistoriesAreSound(t *testing.T) {
	for seed := range uint64(500) {
		for i, o := range generate(seed, historySteps) {
			if !sound(o, nil) {
				t.Fatalf("seed %d, step %d resets an object that its chain has left and come back to:\n%s", seed, i, o)
			}
		}
	}
}
