package crash

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
)

// outcome is what a caller knows of a call.
type outcome struct {
	object string
	err    error
}

// startPeer starts the program, which will always have one address, and gives a runtime that
// is its peer.
func startPeer(t *testing.T, dir string) (*child, *dotest.Runtime) {
	t.Helper()
	c := startChild(t, dir, 0)
	address := strings.TrimSuffix(strings.TrimPrefix(c.url, "http://"), "/ledger/")
	t.Setenv(addressVariable, address)
	s := do.NewScript("caller")
	s.Bind(tallies, do.Ref{Script: "main", NamespaceID: tallies})
	return c, dotest.New(t, dotest.Options{Runtime: do.Options{
		Scripts: []*do.Script{s}, Peers: map[string]do.Peer{"main": {URL: "http://" + address + "/peer", Secret: peerSecret}},
	}})
}

// TestB15Kill kills the host in the middle of calls of a program that is its peer. No call runs
// twice; each that was answered ran; each that was said not to have left did not; of the rest
// nobody knows, and callers are told just that (L24.8). A socket through the peer sees 1006.
func TestB15Kill(t *testing.T) {
	rng, dir := newRand(t), t.TempDir()
	c, env := startPeer(t, dir)
	ns := env.Namespace(tallies)

	outcomes := map[string]outcome{}
	rounds := max(2, *kills/3)
	for round := range rounds {
		ws, err := env.Dial(ns.GetByName("socket"), "/")
		if err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex // guards outcomes
		var wg sync.WaitGroup
		began := make(chan struct{}, clients)
		for i := range clients {
			wg.Go(func() {
				for n, failed := 0, 0; failed < 2; n++ { // also when it is dead
					token, object := fmt.Sprintf("%d-%d-%d", round, i, n), fmt.Sprint("object", i%3)
					ran, err := do.Call(context.Background(), ns.GetByName(object), (*tally).Run, token)
					if err == nil && ran != 1 {
						t.Errorf("%s ran %d times", token, ran)
					}
					mu.Lock()
					outcomes[token] = outcome{object, err}
					mu.Unlock()
					if n == 0 {
						began <- struct{}{}
					}
					if err != nil {
						failed++
					}
				}
			})
		}
		for range clients {
			<-began
		}
		<-time.After(time.Duration(rng.Int64N(int64(20 * time.Millisecond))))
		c.kill(t)
		wg.Wait()
		if info, err := ws.Closed(t.Context()); err != nil || info.Code != 1006 || info.Clean {
			t.Errorf("the socket ended with %+v, %v, want 1006 (W7.4)", info, err)
		}
		c = startChild(t, dir, 0)
	}
	defer c.kill(t)
	lookAtOutcomes(t, ns, dir+tallyFile, outcomes)
}

// lookAtOutcomes compares what callers know with what ran.
func lookAtOutcomes(t *testing.T, ns *do.Namespace, file string, outcomes map[string]outcome) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	runs := map[string]int{}
	for line := range bytes.Lines(text) {
		runs[strings.TrimSpace(string(line))]++
	}
	answered, lost, unreached := 0, 0, 0
	for token, o := range outcomes {
		stored, err := do.Call(t.Context(), ns.GetByName(o.object), (*tally).Ran, token)
		if err != nil {
			t.Fatal(err)
		}
		if runs[token] > 1 || stored > runs[token] {
			t.Errorf("%s ran %d times, and %d are stored", token, runs[token], stored)
		}
		var e *do.Error
		switch {
		case o.err == nil:
			if answered++; runs[token] != 1 || stored != 1 {
				t.Errorf("%s was answered: it ran %d times, and %d are stored", token, runs[token], stored)
			}
			continue
		case !errors.As(o.err, &e) || !e.Retryable || e.Remote || e.Overloaded || e.Reset:
			t.Errorf("%s: %#v, want Retryable alone", token, o.err)
		case errors.Is(o.err, do.ErrPeerLost):
			lost++
		default:
			if unreached++; runs[token] != 0 {
				t.Errorf("%s ran %d times, its caller was told that it did not leave: %v", token, runs[token], o.err)
			}
		}
	}
	t.Logf("%d answered, %d lost, %d not sent", answered, lost, unreached)
	if answered == 0 || lost == 0 || unreached == 0 {
		t.Error("of one kind there are none: there was no load")
	}
}

// TestB15Restart has a caller go on over the connections that it has when the host is killed
// and started between two calls: what was not sent is sent again, and nothing runs twice.
func TestB15Restart(t *testing.T) {
	dir := t.TempDir()
	c, env := startPeer(t, dir)
	stub := env.Namespace(tallies).GetByName("x")
	for i := range 5 {
		token := fmt.Sprint(i, rand.Uint64())
		ran, err := do.Call(t.Context(), stub, (*tally).Run, token)
		if errors.Is(err, do.ErrPeerLost) { // it met a dead connection that nobody had noticed
			ran, err = do.Call(t.Context(), stub, (*tally).Ran, token)
			if ran != 0 {
				t.Errorf("a call on a dead connection ran %d times", ran)
			}
			ran = 1
		}
		if err != nil || ran != 1 {
			t.Errorf("call %d: ran %d times, %v", i, ran, err)
		}
		c.kill(t)
		c = startChild(t, dir, 0)
	}
	c.kill(t)
}
