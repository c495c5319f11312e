package peer_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/durablego/do/internal/peer"
	"github.com/durablego/do/internal/peer/peertest"
)

// TestMain fails if a goroutine outlives the tests: all of them have an end.
func TestMain(m *testing.M) {
	before := runtime.NumGoroutine()
	code := m.Run()
	if f := flag.Lookup("test.fuzz"); f != nil && f.Value.String() != "" {
		os.Exit(code) // a fuzzer keeps a goroutine for signals
	}
	for end := time.Now().Add(5 * time.Second); code == 0 && runtime.NumGoroutine() > before; runtime.Gosched() {
		if time.Now().After(end) {
			stacks := make([]byte, 1<<16)
			fmt.Printf("goroutines left:\n%s\n", stacks[:runtime.Stack(stacks, true)])
			code = 1
		}
	}
	os.Exit(code)
}

// object is what a test's host does.
type object struct {
	fetch func(ctx context.Context, q *peer.Request, r *http.Request) (*http.Response, *peer.Failure)
	call  func(ctx context.Context, q *peer.Request, argument []byte) ([]byte, *peer.Failure)
}

// serve gives a client of a host.
func serve(t *testing.T, o object) *peer.Client {
	t.Helper()
	return serveHandler(t, peer.NewHost(peer.HostOptions{
		Environment: "production", Callers: map[string][][]byte{"client": {secret}}, MaxBody: 1 << 20,
		Logger: slog.New(slog.DiscardHandler), Fetch: o.fetch, Call: o.call,
	}))
}

func serveHandler(t *testing.T, h http.Handler) *peer.Client {
	t.Helper()
	w := peertest.NewWire()
	server := &http.Server{Handler: h}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(w)
	}()
	c := dialing(t, w.Dial)
	t.Cleanup(func() {
		_ = server.Close()
		<-done
	})
	return c
}

// dialing gives a client whose connections dial makes.
func dialing(t *testing.T, dial func(ctx context.Context, network, address string) (net.Conn, error)) *peer.Client {
	t.Helper()
	c := peer.NewClient(peer.ClientOptions{URL: &url.URL{Scheme: "http", Host: "host"}, Secret: secret, MaxResult: 1 << 20, Dial: dial})
	t.Cleanup(c.Close)
	return c
}

// callRequest is a call of the method Add.
func callRequest() peer.Request {
	q := ask()
	q.Op, q.Method, q.URL = peer.OpCall, "Add", ""
	return q
}

// failureOf gives the Failure in err.
func failureOf(t *testing.T, err error) *peer.Failure {
	t.Helper()
	var f *peer.Failure
	if !errors.As(err, &f) {
		t.Fatalf("%v is no Failure", err)
	}
	return f
}
