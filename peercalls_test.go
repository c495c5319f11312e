package do_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
	"github.com/durablego/do/internal/bridge"
	"github.com/durablego/do/internal/peer"
	"github.com/go-chi/chi/v5"
)

// guess is what a caller may wrongly believe of a box.
type guess interface {
	Nope(ctx context.Context, n int) (int, error)
	Add(ctx context.Context, s string) (int, error)
	Total(ctx context.Context, n int) (int, error)
}

type noArgument interface {
	Add(ctx context.Context) (int, error)
}

// Now gives back what cannot be seen in a number.
func (b *box) Now(_ context.Context, in time.Time) (time.Time, error) {
	return in.Add(time.Nanosecond), nil
}

// TestB9Calls has arguments and results of all sorts cross, by the class and by an interface.
func TestB9Calls(t *testing.T) {
	_, _, remote := pair(t, class(nil))
	stub := remote.GetByName("x")
	if n, err := do.Call(t.Context(), stub, adder.Add, 3); n != 3 || err != nil {
		t.Errorf("Add by an interface = %d, %v", n, err)
	}
	given := map[string][]int{"a": {1}}
	got, err := do.Call(t.Context(), stub, (*box).Mutate, given)
	if err != nil || fmt.Sprint(got) != "map[a:[2] new:[]]" || given["a"][0] != 1 {
		t.Errorf("Mutate = %v, %v, and the argument is %v", got, err, given)
	}
	for _, s := range []string{"", "ü", "\xff\x00", strings.Repeat("long", 100_000)} {
		if got, err := do.Call(t.Context(), stub, (*box).Echo, s); got != s || err != nil {
			t.Errorf("Echo of %d bytes = %d bytes, %v", len(s), len(got), err)
		}
	}
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	if got, err := do.Call(t.Context(), stub, (*box).Now, at); !got.Equal(at.Add(1)) || err != nil {
		t.Errorf("Now = %v, %v", got, err)
	}
}

// Leave leaves a transaction open.
func (b *box) Leave(ctx context.Context) (int, error) {
	_, err := b.state.SQL().Std().BeginTx(ctx, nil)
	return 1, err
}

// TestS65Peer: a transaction that a peer's call leaves open is that call's error, and no reset.
func TestS65Peer(t *testing.T) {
	builds := 0
	_, _, remote := pair(t, class(func(context.Context, *box) error { builds++; return nil }))
	if _, err := do.Call0(t.Context(), remote.GetByName("x"), (*box).Leave); !is(err, do.ErrInTransaction) || is(err, do.ErrReset) {
		t.Errorf("the call = %v, want %v", err, do.ErrInTransaction)
	}
	wantAdd(t, remote.GetByName("x"), 1, 1)
	if builds != 1 {
		t.Errorf("%d instances, want 1", builds)
	}
}

// TestB9Refused: what is no method, of no method's shape, or does not fit, reaches no instance.
func TestB9Refused(t *testing.T) {
	built := 0
	_, server := hostOf(t, class(func(context.Context, *box) error { built++; return nil }), func(o *do.Options) { o.MaxCallBytes = 1000 })
	client := clientOf(t, server.URL, func(o *do.Options) { o.MaxCallBytes = 2000 })
	stub := client.Namespace("REMOTE").GetByName("x")
	refused := func(what string, err, want error) {
		t.Helper()
		wantErr(t, what, err, want)
		if e := errorOf(t, err); e.Remote || e.Retryable || e.Overloaded || e.Reset {
			t.Errorf("%s: %+v, want none of the properties", what, e)
		}
	}
	_, err := do.Call(t.Context(), stub, guess.Nope, 1)
	refused("a method that is not there", err, do.ErrNotMethod)
	_, err = do.Call(t.Context(), stub, guess.Total, 1)
	refused("an argument too much", err, do.ErrNotMethod)
	_, err = do.Call0(t.Context(), stub, noArgument.Add)
	refused("no argument", err, do.ErrNotMethod)
	_, err = do.Call(t.Context(), stub, guess.Add, "text")
	refused("an argument of another type", err, do.ErrInvalidValue)
	_, err = do.Call(t.Context(), stub, addOutside, 1)
	refused("a function", err, do.ErrNotMethod)
	_, err = do.Call(t.Context(), stub, (*box).Chan, nil)
	refused("a channel", err, do.ErrInvalidValue)
	_, err = do.Call(t.Context(), stub, (*box).Echo, strings.Repeat("x", 1500))
	refused("too much for the host", err, do.ErrValueTooLarge)
	_, err = do.Call(t.Context(), stub, (*box).Echo, strings.Repeat("x", 2500))
	refused("too much for the caller", err, do.ErrValueTooLarge)
	_, err = stub.Fetch(t.Context(), &http.Request{Method: "PUT", URL: &url.URL{Scheme: "http", Host: "x"}, Body: io.NopCloser(bytes.NewReader(make([]byte, 2500)))})
	refused("a body that is too long (B8)", err, do.ErrValueTooLarge)
	if built != 0 {
		t.Errorf("%d instances were built", built)
	}
	_, err = do.Call(t.Context(), stub, (*box).Grow, 1500)
	wantErr(t, "a result that is too large", err, do.ErrValueTooLarge)
	small := clientOf(t, server.URL, func(o *do.Options) { o.MaxCallBytes = 500 })
	_, err = do.Call(t.Context(), small.Namespace("REMOTE").GetByName("x"), (*box).Grow, 700)
	refused("a result that is too large for the caller", err, do.ErrValueTooLarge)
}

// TestB10 has the host check ids and names of a caller that it trusts: nothing is built for
// an id of another namespace (I7), nor for a name that is not the id's (I14).
func TestB10Ids(t *testing.T) {
	built := 0
	host, server := hostOf(t, class(func(context.Context, *box) error { built++; return nil }))
	u, err := url.Parse(server.URL)
	wantNil(t, err)
	client := peer.NewClient(peer.ClientOptions{URL: u, Secret: secret, MaxResult: 1 << 20})
	t.Cleanup(client.Close)
	id := host.Namespace("BOX").IDFromName("x").String()
	foreign := id[:32] + strings.Repeat("0", 32)
	for _, c := range []struct {
		what, id, name, namespace string
		want                      error
	}{
		{"no id", "", "", "boxes", do.ErrInvalidID},
		{"no hex", strings.Repeat("z", 64), "", "boxes", do.ErrInvalidID},
		{"a foreign id", foreign, "", "boxes", do.ErrForeignID},
		{"another's name", id, "y", "boxes", do.ErrForeignID},
		{"no such namespace", id, "x", "BOX", do.ErrUnserved},
		{"as it should be", id, "x", "boxes", nil},
	} {
		for _, op := range []peer.Op{peer.OpCall, peer.OpFetch} {
			q := peer.Request{Caller: "client", Script: "host", Namespace: c.namespace, ID: c.id, Name: c.name, Op: op, Method: "Total", URL: "http://x/"}
			var err error
			if op == peer.OpCall {
				_, err = client.Call(t.Context(), q, nil)
			} else {
				_, err = client.Fetch(t.Context(), q, request(t, "/"), nil, nil)
			}
			wantErr(t, c.what+" "+string(op), err, c.want)
		}
		for _, method := range []string{"Fetch", "Stop", "hidden", ""} { // F2
			q := peer.Request{Caller: "client", Script: "host", Namespace: "boxes", ID: id, Op: peer.OpCall, Method: method}
			for _, argument := range [][]byte{nil, {0xf6}} {
				_, err := client.Call(t.Context(), q, argument)
				wantErr(t, "the method "+method, err, do.ErrNotMethod)
			}
		}
		if (built > 0) != (c.want == nil) {
			t.Errorf("%s: %d instances were built", c.what, built)
		}
	}
}

// TestI13PeerName has the object know the name that a peer called it by.
func TestI13PeerName(t *testing.T) {
	host, _, remote := pair(t, class(nil))
	long := strings.Repeat("n", 5000)
	for _, name := range []string{"ünï/ %2F\n", "", long} {
		wantAdd(t, remote.GetByName(name), 1, 1)
		var got string
		wantNil(t, run(host, host.Namespace("BOX").Get(remote.IDFromName(name)), func(_ context.Context, b *box) error {
			got = b.state.ID().Name()
			return nil
		}))
		if want := strings.TrimPrefix(name, long); got != want {
			t.Errorf("the object called %q knows itself as %q", name, got)
		}
	}
}

// TestB11Errors compares errors as a caller in the process and one in another see them.
func TestB11Errors(t *testing.T) {
	var fail func(ctx context.Context, b *box) error
	c := class(nil)
	c.QueueLimit = 1
	host, server := hostOf(t, c)
	remote := clientOf(t, server.URL).Namespace("REMOTE")
	for what, f := range map[string]func(ctx context.Context, b *box) error{
		"plain":     func(context.Context, *box) error { return errBoom },
		"kind":      func(context.Context, *box) error { return fmt.Errorf("so: %w", do.ErrTooManySockets) },
		"retryable": func(context.Context, *box) error { return &do.Error{Op: "x", Retryable: true, Err: errBoom} },
		"busy":      func(context.Context, *box) error { return &do.Error{Op: "x", Overloaded: true, Err: errBoom} },
		"panic":     func(context.Context, *box) error { panic(errBoom) },
		"abort":     func(ctx context.Context, b *box) error { b.state.Abort(ctx, errBoom); return nil },
		"canceled":  func(context.Context, *box) error { return context.Canceled },
		"forbidden": func(ctx context.Context, b *box) error { return b.state.Storage().Sync(context.Background()) },
	} {
		fail = f
		fetch := func(ns *do.Namespace) error {
			stub := ns.GetByName("x")
			wantNil(t, run(host, host.Namespace("BOX").GetByName("x"), func(_ context.Context, b *box) error {
				b.fetch = func(ctx context.Context, _ *http.Request) (*http.Response, error) { return nil, fail(ctx, b) }
				return nil
			}))
			_, err := stub.Fetch(t.Context(), request(t, "/"))
			return err
		}
		here, there := errorOf(t, fetch(host.Namespace("BOX"))), errorOf(t, fetch(remote))
		if here.Op != there.Op || here.ID.String() != there.ID.String() || here.Remote != there.Remote || here.Retryable != there.Retryable ||
			here.Overloaded != there.Overloaded || here.Reset != there.Reset || here.Err.Error() != there.Err.Error() {
			t.Errorf("%s: in another process %#v, want %#v", what, there, here)
		}
		for _, kind := range []error{do.ErrReset, do.ErrTooManySockets, do.ErrOutsideTurn, do.ErrOverloaded, context.Canceled} {
			if is(here, kind) != is(there, kind) {
				t.Errorf("%s: errors.Is(err, %q) = %v, want %v", what, kind, is(there, kind), is(here, kind))
			}
		}
		if is(there, errBoom) {
			t.Errorf("%s: a handler's own error crossed as more than text", what)
		}
	}
}

// TestL24_6Peer: an overloaded object is not asked again; nor is one whose host is closed for
// good, after three attempts (L24.7).
func TestL24_6Peer(t *testing.T) {
	c := class(nil)
	c.QueueLimit = 1
	host, server := hostOf(t, c)
	remote := clientOf(t, server.URL).Namespace("REMOTE")
	inside, resume := make(chan struct{}), make(chan struct{})
	busy := start(host, host.Namespace("BOX").GetByName("x"), func(context.Context, *box) error {
		close(inside)
		<-resume
		return nil
	})
	<-inside
	queued := make(chan error, 1)
	go func() {
		err := do.ErrOverloaded
		for is(err, do.ErrOverloaded) { // a call of below may be in the queue, until it gives up
			err = run(host, host.Namespace("BOX").GetByName("x"), func(context.Context, *box) error { return nil })
		}
		queued <- err
	}()
	patience := 10 * time.Millisecond
	for err := error(nil); !errors.Is(err, do.ErrOverloaded); patience *= 2 { // until the one before is queued
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		_, err = do.Call0(ctx, remote.GetByName("x"), (*box).Total)
		cancel()
		if is(err, do.ErrOverloaded) {
			if e := errorOf(t, err); e.Remote || e.Retryable || !e.Overloaded || e.Reset {
				t.Errorf("%+v, want Overloaded alone", e)
			}
		}
	}
	close(resume)
	wantNil(t, <-busy)
	wantNil(t, <-queued)
	closeNow(t, host.Runtime())
	_, err := do.Call0(t.Context(), remote.GetByName("x"), (*box).Total)
	wantErr(t, "a host that is closed", err, do.ErrClosed)
	if e := errorOf(t, err); e.Remote || !e.Retryable || e.Overloaded || e.Reset {
		t.Errorf("%+v, want Retryable alone", e)
	}
}

// TestF4PeerParams has chi's route parameters cross.
func TestF4PeerParams(t *testing.T) {
	_, _, remote := pair(t, class(func(_ context.Context, b *box) error {
		b.fetch = func(_ context.Context, r *http.Request) (*http.Response, error) {
			return do.Text(200, r.PathValue("room")), nil
		}
		return nil
	}))
	route := chi.NewRouteContext()
	route.URLParams.Add("room", "x")
	r := request(t, "/")
	r.SetPathValue("room", "blue")
	response, err := remote.GetByName("x").Fetch(context.WithValue(t.Context(), chi.RouteCtxKey, route), r)
	wantNil(t, err)
	if text, err := io.ReadAll(response.Body); string(text) != "blue" || err != nil {
		t.Errorf("the object saw %q, %v", text, err)
	}
}

// TestPeerUniqueKey has ids of a namespace with a key of its own refused as foreign, unless the
// caller knows the key (I17).
func TestPeerUniqueKey(t *testing.T) {
	s := do.NewScript("host")
	c := class(nil)
	c.NamespaceID = "boxes"
	do.RegisterIn(s, c)
	host := dotest.NewWith(t, dotest.Options{Runtime: do.Options{
		Scripts: []*do.Script{s}, Peers: map[string]do.Peer{"client": {Secret: secret}},
	}}, bridge.Config{UniqueKeys: map[string]string{"BOX": "elsewhere"}})
	server := httptest.NewServer(host.Runtime().PeerHandler())
	t.Cleanup(server.Close)
	_, err := do.Call(t.Context(), clientOf(t, server.URL).Namespace("REMOTE").GetByName("x"), (*box).Add, 1)
	wantErr(t, "a call by an id of another key", err, do.ErrForeignID)
	knowing := clientOf(t, server.URL, func(o *do.Options) {
		o.Peers["host"] = do.Peer{URL: server.URL, Secret: secret, UniqueKeys: map[string]string{"boxes": "elsewhere"}}
	})
	wantAdd(t, knowing.Namespace("REMOTE").GetByName("x"), 1, 1)
}
