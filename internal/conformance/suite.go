package conformance

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
)

// A Tally counts the outcomes of a topic. Accepted cases count as equal: what the list did not explain was equal.
type Tally struct {
	Topic                     string
	Equal, Different, Skipped int
	accepted, skipped         map[string]int // cases, by reason
}

// String gives the line of a topic.
func (t *Tally) String() string {
	return fmt.Sprintf("%s equal %d different %d skipped %d", t.Topic, t.Equal, t.Different, t.Skipped)
}

func (t *Tally) add(v Verdict) {
	switch v.Outcome {
	case Equal:
		t.Equal++
	case Accepted:
		t.Equal++
		count(&t.accepted, v.Reasons)
	case Different:
		t.Different++
	case Skipped:
		t.Skipped++
		count(&t.skipped, v.Reasons)
	}
}

func count(cases *map[string]int, reasons []string) {
	if *cases == nil {
		*cases = map[string]int{}
	}
	for _, r := range reasons {
		(*cases)[r]++
	}
}

// report writes the line of the topic and, indented, how many cases needed which entry of the list.
func (t *Tally) report(out io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", t)
	for _, r := range slices.Sorted(maps.Keys(t.accepted)) {
		fmt.Fprintf(&b, "    %d with results explained by %s\n", t.accepted[r], r)
	}
	for _, r := range slices.Sorted(maps.Keys(t.skipped)) {
		fmt.Fprintf(&b, "    skipped %d: %s\n", t.skipped[r], r)
	}
	_, err := io.WriteString(out, b.String()) // at once: topics run in parallel
	return err
}

// Suite runs the cases of all topics in all modes: a sub-test per topic, and one below it per case. A case is what its worst mode says.
// The line of each topic goes to out when its last case has ended. Modes that a case does not fit are left out; a case that fits none is
// skipped.
func Suite(t *testing.T, topics []*Topic, modes []Mode, out io.Writer) {
	for _, topic := range topics {
		t.Run(topic.Name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex // guards tally
			tally := &Tally{Topic: topic.Name}
			t.Cleanup(func() {
				if err := tally.report(out); err != nil {
					t.Error(err)
				}
			})
			for _, c := range topic.Cases {
				t.Run(c.Name, func(t *testing.T) {
					t.Parallel()
					v := judgeModes(t, c, modes)
					mu.Lock()
					tally.add(v)
					mu.Unlock()
					switch v.Outcome {
					case Different:
						v.show(t)
					case Accepted:
						t.Log(strings.Join(v.Reasons, "; "))
					case Skipped:
						t.Skip(strings.Join(v.Reasons, "; "))
					}
				})
			}
		})
	}
}

// show reports a different case: its first differences, as the others tend to follow from them.
func (v Verdict) show(t *testing.T) {
	t.Helper()
	for _, r := range v.Reasons {
		t.Logf("rewritten by %s", r)
	}
	const most = 5
	for i, d := range v.Diffs {
		if i == most {
			t.Errorf("and %d more", len(v.Diffs)-most)
			return
		}
		t.Error(d)
	}
	if len(v.Diffs) == 0 {
		t.Error("the runtime's own checks failed")
	}
}

func judgeModes(t *testing.T, c *Case, modes []Mode) Verdict {
	var v Verdict
	fits := 0
	for _, m := range modes {
		if m.fits != nil && !m.fits(c) && skipping(acceptList, c) < 0 {
			continue
		}
		fits++
		v = v.worse(Judge(c, func(c *Case) []any { return m.Run(t, c) }), m.Name)
		if t.Failed() { // by the runtime's own checks at its end
			v.Outcome = Different
		}
	}
	if fits == 0 {
		return Verdict{Outcome: Skipped, Reasons: []string{"mode: looks at what an instance remembers"}}
	}
	return v
}
