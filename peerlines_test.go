package do_test

import (
	"context"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
	"github.com/durablego/do/internal/bridge"
	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/disk/disktest"
	"github.com/durablego/do/internal/peer/peertest"
)

// wired serves a host's peers over memory, for a bubble.
func wired(t *testing.T, host *dotest.Runtime) *peertest.Wire {
	t.Helper()
	w := peertest.NewWire()
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host.Runtime().PeerHandler().ServeHTTP(w, r)
	})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(w)
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-done
	})
	return w
}

// wiredClient is a runtime with the script "client", which has REMOTE behind ref over w.
func wiredClient(t *testing.T, w *peertest.Wire, ref do.Ref, fs disk.FS) *dotest.Runtime {
	t.Helper()
	s := do.NewScript("client")
	do.RegisterIn(s, class(nil))
	s.Bind("REMOTE", ref)
	return dotest.NewWith(t, dotest.Options{Runtime: do.Options{
		Scripts: []*do.Script{s}, Peers: map[string]do.Peer{ref.Script: {URL: "http://localhost/peer", Secret: secret}},
	}}, bridge.Config{Dial: w.Dial, FS: fs})
}

// hostOptions serve boxes to the script "client".
func hostOptions() do.Options {
	s := do.NewScript("host")
	c := class(nil)
	c.NamespaceID = "boxes"
	do.RegisterIn(s, c)
	return do.Options{Scripts: []*do.Script{s}, Peers: map[string]do.Peer{"client": {Secret: secret}}}
}

// TestB12Caller holds a request until what its object wrote before is durable; while it waits
// other events of the object run (T3).
func TestB12Caller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := dotest.New(t, dotest.Options{Runtime: hostOptions()})
		d := &slowDisk{Faulty: disktest.NewFaulty(disk.OS()), permits: make(chan error, 100)}
		client := wiredClient(t, wired(t, host), boxRef, d)
		t.Cleanup(d.free)
		stub := named(client, "mine")
		wantAdd(t, stub, 1, 1)
		d.hold()
		total := 0
		answer := start(client, stub, func(ctx context.Context, b *box) error {
			if _, err := b.Add(ctx, 1); err != nil {
				return err
			}
			n, err := do.Call(ctx, b.env.Namespace("REMOTE").GetByName("x"), (*box).Add, 7)
			total = n
			return err
		})
		synctest.Wait()
		wantTotal(t, host.Namespace("BOX").GetByName("x"), 0)
		other := start(client, stub, func(context.Context, *box) error { total = -1; return nil })
		synctest.Wait()
		if total != -1 || answered(answer) {
			t.Errorf("while the request is held, total = %d, answered: %v; want that another event ran, and false", total, answered(answer))
		}
		d.permit()
		wantNil(t, <-answer)
		wantNil(t, <-other)
		if total != 7 {
			t.Errorf("total = %d, want 7", total)
		}
	})
}

// TestB12Host holds an answer until what the host's object wrote is durable.
func TestB12Host(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host, d := newSlowDisk(t, hostOptions())
		stub := wiredClient(t, wired(t, host), boxRef, nil).Namespace("REMOTE").GetByName("x")
		wantAdd(t, stub, 1, 1)
		d.hold()
		first := goAdd(t, stub, 1)
		synctest.Wait()
		wantNil(t, run(host, host.Namespace("BOX").GetByName("y"), func(context.Context, *box) error { return nil }))
		if answered(first) {
			t.Error("the answer left before its commit was durable")
		}
		d.permit()
		wantNil(t, <-first)
	})
}

// TestB14HangUp: a caller that leaves is heard of at the next wait of the host's turn (T9), or
// its event never starts (T10). The caller itself has its answer at once.
func TestB14HangUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := dotest.New(t, dotest.Options{Runtime: hostOptions()})
		stub := wiredClient(t, wired(t, host), boxRef, nil).Namespace("REMOTE").GetByName("x")
		local := host.Namespace("BOX").GetByName("x")
		inside, resume, heard := make(chan struct{}, 1), make(chan struct{}), make(chan error, 1)
		wantNil(t, run(host, local, func(_ context.Context, b *box) error {
			b.fetch = func(ctx context.Context, r *http.Request) (*http.Response, error) {
				inside <- struct{}{}
				<-resume
				if ctx.Err() != nil {
					t.Error("the hang-up cut a turn in two")
				}
				if _, err := b.Add(ctx, 1); err != nil {
					t.Error(err)
				}
				err := b.state.Await(ctx, func(ctx context.Context) error {
					<-ctx.Done()
					return ctx.Err()
				})
				heard <- err
				_, err = b.Add(context.WithoutCancel(ctx), 10)
				return nil, err
			}
			return nil
		}))
		fetch := func(ctx context.Context) <-chan error {
			answer := make(chan error, 1)
			go func() {
				_, err := stub.Fetch(ctx, request(t, "/"))
				answer <- err
			}()
			synctest.Wait()
			return answer
		}
		ctx, hangUp := context.WithCancel(t.Context())
		first := fetch(ctx)
		<-inside
		ctx2, hangUp2 := context.WithCancel(t.Context())
		second := fetch(ctx2) // queued
		hangUp2()
		hangUp()
		if err := <-first; err != context.Canceled {
			t.Errorf("who left = %v, want context.Canceled", err)
		}
		if err := <-second; err != context.Canceled {
			t.Errorf("who left while queued = %v, want context.Canceled", err)
		}
		synctest.Wait()
		close(resume)
		if err := <-heard; err != context.Canceled {
			t.Errorf("the wait ended with %v, want context.Canceled", err)
		}
		wantTotal(t, local, 11)
		if len(inside) > 0 {
			t.Error("an event started whose caller had gone")
		}

		begin := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := <-fetch(ctx); err != context.DeadlineExceeded || time.Since(begin) != time.Second {
			t.Errorf("with a deadline: %v after %v, want its error after 1 s", err, time.Since(begin))
		}
		if err := <-heard; err == nil {
			t.Error("the wait outlived the deadline")
		}
	})
}

// TestPeerStreams has an answer of a peer pass through an object of the caller, as it comes,
// when the event that fetched it has ended long ago.
func TestPeerStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := dotest.New(t, dotest.Options{Runtime: hostOptions()})
		client := wiredClient(t, wired(t, host), boxRef, nil)
		r, w := io.Pipe()
		wantNil(t, run(host, host.Namespace("BOX").GetByName("x"), func(_ context.Context, b *box) error {
			b.fetch = func(context.Context, *http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: 200, Body: r, ContentLength: -1}, nil
			}
			return nil
		}))
		wantNil(t, run(client, named(client, "mine"), func(_ context.Context, b *box) error {
			b.fetch = func(ctx context.Context, r *http.Request) (*http.Response, error) {
				return b.env.Namespace("REMOTE").GetByName("x").Fetch(ctx, r)
			}
			return nil
		}))
		response, err := named(client, "mine").Fetch(t.Context(), request(t, "/"))
		wantNil(t, err)
		time.Sleep(time.Hour)
		go func() {
			_, _ = io.WriteString(w, "late")
			_ = w.Close()
		}()
		if text, err := io.ReadAll(response.Body); string(text) != "late" || err != nil {
			t.Errorf("body = %q, %v", text, err)
		}
		wantNil(t, response.Body.Close())
	})
}
