package crash

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestKillAlarms kills the program while alarms are set and run. Each that was answered for
// runs at least once, none early, and none again once its run was kept (A5, A6, A10, A15,
// T34.13), also where only a crash of the process is survived (A5).
func TestKillAlarms(t *testing.T) {
	for _, relaxed := range []string{"", "1"} {
		t.Run("relaxed="+relaxed, func(t *testing.T) {
			t.Setenv(relaxedVariable, relaxed)
			rng, dir := newRand(t), t.TempDir()
			known := make([]wanted, ledgers)
			sets := 0
			for i := range max(2, *kills/5) {
				c := startChild(t, dir, 0)
				if i > 0 {
					wantRings(t, c, known)
				}
				sets += setAndKill(t, c, known, rng)
				quickCheckOf(t, dir, ringers)
				if t.Failed() {
					t.Fatalf("after kill %d", i+1)
				}
			}
			c := startChild(t, dir, 0)
			wantRings(t, c, known)
			c.kill(t)
			t.Logf("%d alarms were answered for", sets)
			if sets < 100 {
				t.Errorf("only %d alarms were answered for: there was no load", sets)
			}
		})
	}
}

// wanted is what is known of a ringer's alarms: the number that was asked for last, and the
// one that was answered for last.
type wanted struct{ asked, answered int }

func (c *child) ringer(name int, method, path string, answer any) error {
	at := *c
	at.url = strings.TrimSuffix(c.url, "ledger/") + "ringer/"
	return at.ask(method, fmt.Sprint("ringer", name), path, nil, answer)
}

// enough alarms are set before a kill.
const enough = 60

// setAndKill has one client per ringer set one alarm after the other, until the kill.
func setAndKill(t *testing.T, c *child, known []wanted, rng *rand.Rand) (answered int) {
	t.Helper()
	var wg sync.WaitGroup
	var count atomic.Int64
	for i := range known {
		mine := rand.New(rand.NewPCG(rng.Uint64(), 0))
		wg.Go(func() {
			for {
				known[i].asked++
				var done string
				if err := c.ringer(i, http.MethodPost, fmt.Sprint("/set/", known[i].asked), &done); err != nil {
					return // killed
				}
				known[i].answered = known[i].asked
				count.Add(1)
				if mine.IntN(4) == 0 {
					<-time.After(time.Duration(mine.IntN(60)) * time.Millisecond) // some get to run
				}
			}
		})
	}
	<-time.After(200*time.Millisecond + time.Duration(rng.Int64N(int64(200*time.Millisecond))))
	for end := time.Now().Add(time.Minute); count.Load() < enough && time.Now().Before(end); {
		<-time.After(time.Millisecond) // a slow machine
	}
	c.kill(t)
	wg.Wait()
	return int(count.Load())
}

// wantRings waits until no alarm is left, without a look at the ringers, which would have the
// runtime look too, and checks that all ran.
func wantRings(t *testing.T, c *child, known []wanted) {
	t.Helper()
	at := *c
	at.url = strings.TrimSuffix(c.url, "ledger/") + "alarms"
	for end, left := time.Now().Add(time.Minute), 1; left > 0; <-time.After(20 * time.Millisecond) {
		if err := at.ask(http.MethodGet, "", "", nil, &left); err != nil || time.Now().After(end) {
			t.Errorf("%d alarms do not run: %v\n%s", left, err, c.errors)
			return
		}
	}
	for i, w := range known {
		var v rings
		err := c.ringer(i, http.MethodGet, "/rings", &v)
		if err != nil || v.Want < w.answered || v.Want > w.asked || v.Early != 0 || v.Want > 0 && v.Ran[v.Want] == 0 {
			t.Errorf("ringer %d: %+v, %v, known %+v\n%s", i, v, err, w, c.errors)
		}
		for number, n := range v.Ran {
			if n > 1 {
				t.Errorf("ringer %d: alarm %d ran %d times, and each run was kept", i, number, n)
			}
		}
	}
}
