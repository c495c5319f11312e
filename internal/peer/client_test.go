package peer_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/durablego/do/internal/doerr"
	"github.com/durablego/do/internal/peer"
	"github.com/durablego/do/internal/peer/peertest"
)

// TestB15Connecting tries three times, a little apart, and gives the last error.
func TestB15Connecting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var at []time.Time
		c := dialing(t, func(context.Context, string, string) (net.Conn, error) {
			at = append(at, time.Now())
			return nil, fmt.Errorf("try %d: %w", len(at), peertest.ErrRefused)
		})
		_, err := c.Call(t.Context(), callRequest(), nil)
		if len(at) != 3 || !errors.Is(err, peertest.ErrRefused) || !strings.Contains(err.Error(), "try 3") {
			t.Fatalf("%d attempts, %v, want the error of the third", len(at), err)
		}
		if f := failureOf(t, err); !f.Retryable || f.Remote || f.Overloaded || f.Reset || errors.Is(err, doerr.ErrPeerLost) {
			t.Errorf("%+v, want Retryable alone", f)
		}
		if a, b := at[1].Sub(at[0]), at[2].Sub(at[1]); a >= 100*time.Millisecond || b >= 200*time.Millisecond {
			t.Errorf("attempts %v and %v apart, want under 100 and 200 ms", a, b)
		}
		// A dial that takes too long ends neither the call nor its time.
		timeouts := 0
		far, stop := context.WithTimeout(t.Context(), time.Hour)
		defer stop()
		began := time.Now()
		_, err = dialing(t, func(context.Context, string, string) (net.Conn, error) {
			timeouts++
			return nil, &net.OpError{Op: "dial", Err: context.DeadlineExceeded} // which net.Dialer says of its own time
		}).Call(far, callRequest(), nil)
		if f := failureOf(t, err); timeouts != 3 || !f.Retryable || time.Since(began) > time.Minute {
			t.Errorf("%d dials that took too long, %+v after %v", timeouts, f, time.Since(began))
		}
		slow, begin := 0, time.Now()
		_, err = dialing(t, func(context.Context, string, string) (net.Conn, error) {
			slow++
			time.Sleep(15 * time.Second)
			return nil, peertest.ErrRefused
		}).Call(t.Context(), callRequest(), nil)
		if slow != 2 || time.Since(begin) > 31*time.Second {
			t.Errorf("%d slow attempts in %v, %v, want that none begins after 20 s", slow, time.Since(begin), err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
		defer cancel()
		<-ctx.Done()
		if _, err := c.Call(ctx, callRequest(), nil); err != context.DeadlineExceeded || len(at) != 3 {
			t.Errorf("a context that has ended: %v, and %d attempts", err, len(at)-3)
		}
	})
}

// TestB15Repeats: what a host refuses because it is closing is sent again, each time with
// another nonce; nothing else is, above all no overload.
func TestB15Repeats(t *testing.T) {
	for name, c := range map[string]struct {
		failure peer.Failure
		runs    int32
	}{
		"closing":          {peer.Failure{Kinds: []string{"closed"}, Retryable: true, Unstarted: true}, 3},
		"closed meanwhile": {peer.Failure{Kinds: []string{"closed"}, Retryable: true}, 1},
		"overloaded":       {peer.Failure{Kinds: []string{"overloaded"}, Overloaded: true}, 1},
		"reset":            {peer.Failure{Kinds: []string{"reset"}, Remote: true, Reset: true, Retryable: true}, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			var runs atomic.Int32
			client := serve(t, object{call: func(context.Context, *peer.Request, []byte) ([]byte, *peer.Failure) {
				runs.Add(1)
				return nil, &c.failure
			}})
			_, err := client.Call(t.Context(), callRequest(), nil)
			f := failureOf(t, err)
			if runs.Load() != c.runs {
				t.Errorf("%s: it ran %d times, want %d", name, runs.Load(), c.runs)
			}
			if f.Retryable != c.failure.Retryable || f.Remote != c.failure.Remote || f.Overloaded != c.failure.Overloaded || f.Reset != c.failure.Reset {
				t.Errorf("%s: %+v, want %+v", name, f, c.failure)
			}
		})
	}
}

// TestB15Recovers: what failed to connect, or met a host that was closing, works later.
func TestB15Recovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		runs := 0
		client := serve(t, object{call: func(context.Context, *peer.Request, []byte) ([]byte, *peer.Failure) {
			if runs++; runs == 1 {
				return nil, &peer.Failure{Unstarted: true}
			}
			return []byte("done"), nil
		}})
		if got, err := client.Call(t.Context(), callRequest(), nil); string(got) != "done" || err != nil || runs != 2 {
			t.Errorf("call = %q, %v after %d attempts, want done after 2", got, err, runs)
		}
	})
}

// rough serves connections by hand: it answers the first so many requests, and cuts the
// connection of those that follow once it has read them.
func rough(t *testing.T, answered int, counted *atomic.Int32) *peer.Client {
	w := peertest.NewWire()
	t.Cleanup(func() { _ = w.Close() })
	serve := func(conn net.Conn) {
		defer conn.Close()
		for in := bufio.NewReader(conn); ; {
			r, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			_, _ = in.Discard(int(r.ContentLength))
			if int(counted.Add(1)) > answered {
				return
			}
			_, _ = fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nDo-Version: 1\r\nContent-Length: 6\r\n\r\nR\x00\x00\x00\x01x")
		}
	}
	go func() {
		for conn, err := w.Accept(); err == nil; conn, err = w.Accept() {
			go serve(conn)
		}
	}()
	return dialing(t, w.Dial)
}

// TestB15Lost has connections cut under requests: each arrives once, on a new connection and
// on one that was used before, and its caller learns that nobody knows (L24.8).
func TestB15Lost(t *testing.T) {
	for _, answered := range []int{0, 1} {
		synctest.Test(t, func(t *testing.T) {
			var arrived atomic.Int32
			c := rough(t, answered, &arrived)
			for range answered {
				if got, err := c.Call(t.Context(), callRequest(), nil); string(got) != "x" || err != nil {
					t.Fatalf("call = %q, %v", got, err)
				}
			}
			synctest.Wait()
			_, err := c.Call(t.Context(), callRequest(), nil)
			if !errors.Is(err, doerr.ErrPeerLost) {
				t.Fatalf("a call whose connection was cut = %v, want ErrPeerLost", err)
			}
			if f := failureOf(t, err); !f.Retryable || f.Remote || f.Overloaded || f.Reset || f.Unstarted {
				t.Errorf("%+v, want Retryable alone", f)
			}
			if n := int(arrived.Load()); n != answered+1 {
				t.Errorf("%d requests arrived, want %d", n, answered+1)
			}
		})
	}
}

// TestAnswersThatAreNone are not of a peer.
func TestAnswersThatAreNone(t *testing.T) {
	for status, want := range map[int]error{401: doerr.ErrPeerAuth, 502: doerr.ErrPeerLost, 503: doerr.ErrPeerLost, 404: nil, 307: nil, 200: nil} {
		var arrived atomic.Int32
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			arrived.Add(1)
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(status)
		}))
		u, err := url.Parse(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		c := peer.NewClient(peer.ClientOptions{URL: u, Secret: secret})
		_, err = c.Call(t.Context(), callRequest(), nil)
		f := failureOf(t, err)
		if want != nil && !errors.Is(err, want) || f.Retryable != (want == doerr.ErrPeerLost) || arrived.Load() != 1 {
			t.Errorf("status %d: %v %+v after %d requests, want %v after one", status, err, f, arrived.Load(), want)
		}
		c.Close()
		server.Close()
	}
}

// TestB14 has the caller's deadline travel, and its hang-up end the host's context at once.
func TestB14Patience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inside, ended := make(chan time.Time, 1), make(chan error, 1)
		c := serve(t, object{call: func(ctx context.Context, _ *peer.Request, _ []byte) ([]byte, *peer.Failure) {
			deadline, _ := ctx.Deadline()
			inside <- deadline
			<-ctx.Done()
			ended <- ctx.Err()
			return nil, peer.Describe(ctx.Err())
		}})
		begin := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		_, err := c.Call(ctx, callRequest(), nil)
		if err != context.DeadlineExceeded || time.Since(begin) != 1500*time.Millisecond {
			t.Errorf("call = %v after %v, want the deadline's error after 1.5 s", err, time.Since(begin))
		}
		if d := (<-inside).Sub(begin); d < 1500*time.Millisecond || d > 1501*time.Millisecond {
			t.Errorf("the host's deadline is after %v, want 1.5 s", d)
		}
		if err := <-ended; err == nil {
			t.Error("the host's context has not ended")
		}
		ctx, hangUp := context.WithCancel(t.Context())
		answer := make(chan error)
		go func() {
			_, err := c.Call(ctx, callRequest(), nil)
			answer <- err
		}()
		if d := <-inside; !d.IsZero() {
			t.Errorf("without a deadline the host has one, %v", d)
		}
		hangUp()
		if err := <-answer; err != context.Canceled {
			t.Errorf("call after the hang-up = %v, want context.Canceled", err)
		}
		if err := <-ended; err != context.Canceled {
			t.Errorf("the host's context after the hang-up: %v, want context.Canceled", err)
		}
	})
}

// TestClosedClient: what runs is cut off, what comes later refused.
func TestClosedClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inside := make(chan struct{})
		c := serve(t, object{call: func(ctx context.Context, _ *peer.Request, _ []byte) ([]byte, *peer.Failure) {
			close(inside)
			<-ctx.Done()
			return nil, peer.Describe(ctx.Err())
		}})
		answer := make(chan error)
		go func() {
			_, err := c.Call(t.Context(), callRequest(), nil)
			answer <- err
		}()
		<-inside
		c.Close()
		if err := <-answer; !errors.Is(err, doerr.ErrClosed) {
			t.Errorf("a call that was cut off = %v, want ErrClosed", err)
		}
		if _, err := c.Call(t.Context(), callRequest(), nil); !errors.Is(err, doerr.ErrClosed) {
			t.Errorf("a call after Close = %v, want ErrClosed", err)
		}
	})
}
