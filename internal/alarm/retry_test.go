package alarm

import (
	"testing"
	"time"
)

func none(time.Duration) time.Duration { return 0 }

// TestA12Delays: 2, 4 … 64 s, then dead; up to 1,024 s where failures are not counted (A13, N16).
func TestA12Delays(t *testing.T) {
	c, u := true, false
	for _, x := range []struct {
		name  string
		fails []bool
		want  []time.Duration // in seconds; 0: dead
	}{
		{"counted", []bool{c, c, c, c, c, c, c}, []time.Duration{2, 4, 8, 16, 32, 64, 0}},
		{"uncounted", []bool{u, u, u, u, u, u, u, u, u, u, u, u}, []time.Duration{2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 1024, 1024}},
		{"mixed", []bool{c, u, u, c, c, u, c, c, c, c}, []time.Duration{2, 4, 8, 2, 4, 8, 2, 4, 8, 0}},
	} {
		var r Retry
		for i, counted := range x.fails {
			next, delay, dead := r.Failed(counted, none)
			if want := x.want[i] * time.Second; delay != want || dead != (want == 0) {
				t.Errorf("%s: failure %d: %v, dead %v, want %v", x.name, i+1, delay, dead, want)
			}
			r = next
		}
	}
	var most time.Duration
	_, delay, _ := Retry{}.Failed(true, func(d time.Duration) time.Duration { most = d; return 7 })
	if most != 500*time.Millisecond || delay != 2*time.Second+7 {
		t.Errorf("jitter of up to %v, delay %v", most, delay)
	}
}

// TestA9Decide is the table of A9.
func TestA9Decide(t *testing.T) {
	for _, x := range []struct {
		name           string
		set            bool
		at             int64
		early, handled bool
		want           Decision
	}{
		{"A9.1, A9.2", true, 100, false, true, Go},
		{"A9.3", true, 101, false, true, Wait},
		{"A9.3, a retry", true, 101, true, true, Go},
		{"A9.4", false, 50, true, true, Skip},
		{"A9.5", true, 101, false, false, Bury},
	} {
		if got := Decide(x.set, x.at, 100, x.early, x.handled); got != x.want {
			t.Errorf("%s: %d, want %d", x.name, got, x.want)
		}
	}
}
