package do_test

import (
	"context"
	"errors"
	"io"
	"log"
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

// TestB2Options has Open refuse what cannot work, and leave nothing (B7, N28).
func TestB2Options(t *testing.T) {
	for name, c := range map[string]struct {
		peer do.Peer
		want error
		text string
	}{
		"no secret":          {do.Peer{URL: "http://localhost"}, do.ErrInvalidOptions, "32 bytes"},
		"a short secret":     {do.Peer{URL: "http://localhost", Secret: secret[1:]}, do.ErrInvalidOptions, "32 bytes"},
		"a short old secret": {do.Peer{URL: "http://localhost", Secret: secret, OldSecret: secret[1:]}, do.ErrInvalidOptions, "32 bytes"},
		"no URL":             {do.Peer{Secret: secret}, do.ErrUnresolved, "no URL"},
		"no host":            {do.Peer{URL: "https:///x", Secret: secret}, do.ErrInvalidOptions, "https"},
		"no scheme":          {do.Peer{URL: "localhost:80", Secret: secret}, do.ErrInvalidOptions, "https"},
		"no http":            {do.Peer{URL: "ftp://localhost", Secret: secret}, do.ErrInvalidOptions, "https"},
		"a password":         {do.Peer{URL: "https://a:b@c", Secret: secret}, do.ErrInvalidOptions, "https"},
		"plain http":         {do.Peer{URL: "http://10.0.0.1", Secret: secret}, do.ErrInvalidOptions, "loopback"},
		"plain to a name":    {do.Peer{URL: "http://localhost.example", Secret: secret}, do.ErrInvalidOptions, "loopback"},
		"plain, allowed":     {do.Peer{URL: "http://10.0.0.1", Secret: secret, AllowPlain: true}, nil, ""},
		"loopback":           {do.Peer{URL: "http://127.8.9.1:5/x", Secret: secret}, nil, ""},
		"loopback of IPv6":   {do.Peer{URL: "http://[::1]:5", Secret: secret}, nil, ""},
		"https":              {do.Peer{URL: "https://example.com/peer", Secret: secret, OldSecret: secret}, nil, ""},
	} {
		s := do.NewScript("client")
		s.Bind("REMOTE", boxRef)
		rt, err := do.Open(do.Options{Dir: t.TempDir(), Scripts: []*do.Script{s}, Peers: map[string]do.Peer{"host": c.peer}})
		if !is(err, c.want) || err != nil && !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: Open = %v, want %v with %q", name, err, c.want, c.text)
		}
		if err == nil {
			closeNow(t, rt)
		}
	}
	s := do.NewScript("client")
	s.Bind("REMOTE", do.Ref{Script: "host", Class: "box"})
	peers := map[string]do.Peer{"host": {URL: "http://localhost", Secret: secret}}
	_, err := do.Open(do.Options{Dir: t.TempDir(), Scripts: []*do.Script{s}, Peers: peers})
	if !is(err, do.ErrUnresolved) || !strings.Contains(err.Error(), "NamespaceID") {
		t.Errorf("a Ref to a peer by class alone: %v, want ErrUnresolved", err)
	}
}

// TestB1Mounted serves a script here that is listed as a peer too.
func TestB1Mounted(t *testing.T) {
	client, host := do.NewScript("client"), do.NewScript("host")
	client.Bind("BOX", boxRef)
	c := class(nil)
	c.NamespaceID = "boxes"
	do.RegisterIn(host, c)
	env := dotest.New(t, dotest.Options{Runtime: do.Options{
		Scripts: []*do.Script{client, host},
		Peers:   map[string]do.Peer{"host": {URL: "http://localhost:1", Secret: secret}},
	}})
	wantAdd(t, named(env, "x"), 1, 1)
}

// TestB6Strangers: who does not share the secret, script names and environment gets
// ErrPeerAuth, and no instance is built; an old secret is good as long as it is listed.
func TestB6Strangers(t *testing.T) {
	built := 0
	c := class(func(context.Context, *box) error { built++; return nil })
	other := []byte(strings.Repeat("x", 32))
	_, server := hostOf(t, c, func(o *do.Options) {
		o.Environment = "production"
		o.Peers["rotating"] = do.Peer{Secret: other, OldSecret: secret}
	})
	ask := func(caller string, p do.Peer, environment string) error {
		s := do.NewScript(caller)
		s.Bind("REMOTE", boxRef)
		p.URL = server.URL
		client := dotest.New(t, dotest.Options{Runtime: do.Options{
			Scripts: []*do.Script{s}, Environment: environment, Peers: map[string]do.Peer{"host": p},
		}})
		_, err := do.Call(t.Context(), client.Namespace("REMOTE").GetByName("x"), (*box).Add, 1)
		return err
	}
	for what, err := range map[string]error{
		"another secret":      ask("client", do.Peer{Secret: other}, "production"),
		"another script":      ask("stranger", do.Peer{Secret: secret}, "production"),
		"another environment": ask("client", do.Peer{Secret: secret}, "staging"),
	} {
		wantErr(t, what, err, do.ErrPeerAuth)
		if e := errorOf(t, err); e.Remote || e.Retryable || e.Overloaded || e.Reset {
			t.Errorf("%s: %+v, want none of the properties (L24.10)", what, e)
		}
	}
	if built != 0 {
		t.Errorf("%d instances were built for strangers", built)
	}
	wantNil(t, ask("client", do.Peer{Secret: secret}, "production"))
	wantNil(t, ask("rotating", do.Peer{Secret: secret}, "production"))
	wantNil(t, ask("rotating", do.Peer{Secret: other}, "production"))
}

// TestB7TLS goes over https, with a certificate that the system does not know.
func TestB7TLS(t *testing.T) {
	host, plain := hostOf(t, class(nil))
	plain.Close()
	server := httptest.NewUnstartedServer(host.Runtime().PeerHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	client := clientOf(t, server.URL, func(o *do.Options) {
		o.Peers["host"] = do.Peer{URL: server.URL, Secret: secret, TLS: server.Client().Transport.(*http.Transport).TLSClientConfig}
	})
	wantAdd(t, client.Namespace("REMOTE").GetByName("x"), 1, 1)
	wantTotal(t, host.Namespace("BOX").GetByName("x"), 1)
	distrustful := clientOf(t, server.URL)
	_, err := do.Call(t.Context(), distrustful.Namespace("REMOTE").GetByName("x"), (*box).Add, 1)
	if e := errorOf(t, err); !e.Retryable || is(err, do.ErrPeerLost) {
		t.Errorf("an unknown certificate: %v, want that it was not sent", err)
	}
	wantTotal(t, host.Namespace("BOX").GetByName("x"), 1)
}
