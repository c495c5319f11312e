package do_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
)

// secret is that of the tests' peers.
var secret = []byte(strings.Repeat("0123456789abcdef", 2))

// boxRef is how a client's script names the boxes of the host.
var boxRef = do.Ref{Script: "host", NamespaceID: "boxes", Class: "box"}

// hostOf gives a runtime that hosts boxes for the script "client", and a server for it.
func hostOf(t *testing.T, c do.Class[*box], options ...func(*do.Options)) (*dotest.Runtime, *httptest.Server) {
	t.Helper()
	s := do.NewScript("host")
	c.NamespaceID = "boxes"
	do.RegisterIn(s, c)
	o := do.Options{Scripts: []*do.Script{s}, Peers: map[string]do.Peer{"client": {Secret: secret}}}
	for _, change := range options {
		change(&o)
	}
	env := dotest.New(t, dotest.Options{Runtime: o})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		env.Runtime().PeerHandler().ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return env, server
}

// clientOf gives a runtime that has the boxes of a host behind the binding REMOTE, and boxes
// of its own behind BOX.
func clientOf(t *testing.T, url string, options ...func(*do.Options)) *dotest.Runtime {
	t.Helper()
	s := do.NewScript("client")
	do.RegisterIn(s, class(nil))
	s.Bind("REMOTE", boxRef)
	o := do.Options{Scripts: []*do.Script{s}, Peers: map[string]do.Peer{"host": {URL: url, Secret: secret}}}
	for _, change := range options {
		change(&o)
	}
	return dotest.New(t, dotest.Options{Runtime: o})
}

// pair is a host and a client of it.
func pair(t *testing.T, c do.Class[*box]) (host, client *dotest.Runtime, remote *do.Namespace) {
	t.Helper()
	host, server := hostOf(t, c)
	client = clientOf(t, server.URL)
	return host, client, client.Namespace("REMOTE")
}

// TestE16AcrossRuntimes adds through the client's binding and reads through the host's; also
// from inside an object, where the call is a wait (B1).
func TestE16AcrossRuntimes(t *testing.T) {
	host, client, remote := pair(t, class(nil))
	wantAdd(t, remote.GetByName("x"), 5, 5)
	wantTotal(t, host.Namespace("BOX").GetByName("x"), 5)
	wantTotal(t, remote.GetByName("x"), 5)
	if got, want := remote.IDFromName("x"), host.Namespace("BOX").IDFromName("x"); !got.Equal(want) {
		t.Errorf("id of x = %v, want the host's, %v", got, want)
	}
	wantNil(t, run(client, named(client, "mine"), func(ctx context.Context, b *box) error {
		n, err := do.Call(ctx, b.env.Namespace("REMOTE").GetByName("x"), (*box).Add, 2)
		if n != 7 {
			t.Errorf("Add through Env = %d, want 7", n)
		}
		_, outside := do.Call(context.Background(), b.env.Namespace("REMOTE").GetByName("x"), (*box).Add, 2)
		wantErr(t, "with a ctx that is not the object's", outside, do.ErrOutsideTurn)
		return err
	}))
	if n := len(host.Objects(host.Namespace("BOX"))); n != 1 {
		t.Errorf("the host has %d objects, want 1", n)
	}
	if n := len(client.Objects(client.Namespace("BOX"))); n != 0 {
		t.Errorf("the client has %d objects with data, want none", n)
	}
}

// TestB16 has everything that needs the data folder refused.
func TestB16Unsupported(t *testing.T) {
	_, client, remote := pair(t, class(nil))
	id := remote.IDFromName("x")
	for _, err := range remote.Objects(t.Context(), do.ObjectsOptions{}) {
		wantErr(t, "Objects", err, errors.ErrUnsupported)
	}
	wantErr(t, "Delete", remote.Delete(t.Context(), id), errors.ErrUnsupported)
	wantErr(t, "Export", remote.Export(t.Context(), id, &strings.Builder{}), errors.ErrUnsupported)
	wantErr(t, "Import", remote.Import(t.Context(), id, strings.NewReader("")), errors.ErrUnsupported)
	wantErr(t, "RunInObject", run(client, remote.Get(id), func(context.Context, *box) error { return nil }), errors.ErrUnsupported)
}
