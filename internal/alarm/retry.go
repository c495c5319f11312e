package alarm

import "time"

// Limits of retries (A12).
const (
	firstDelay = 2 * time.Second
	maxDoubled = 9 // 1,024 s
	maxCounted = 6 // failures that are retried; one more is the end
)

// Retry is how often, and how, the runs of an alarm failed. The zero value: never.
type Retry struct {
	counted   int
	doubled   int
	uncounted bool // the last failure was one
}

// Count is how many failures were counted.
func (r Retry) Count() int { return r.counted }

// Any says whether there was a failure, counted or not.
func (r Retry) Any() bool { return r != Retry{} }

// Failed adds a failure. It gives the delay before the next run, of which jitter gives the
// random part from what is the most; or says that there is none any more (A12, A13).
func (r Retry) Failed(counted bool, jitter func(most time.Duration) time.Duration) (next Retry, delay time.Duration, dead bool) {
	if counted {
		r.counted++
		if r.counted > maxCounted {
			return r, 0, true
		}
		if r.uncounted {
			r.doubled = 0
		}
	}
	r.uncounted = !counted
	delay = firstDelay << min(r.doubled, maxDoubled)
	r.doubled++
	return r, delay + jitter(delay/4), false
}
