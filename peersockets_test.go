package do_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
	"github.com/durablego/do/internal/socket"
	"github.com/durablego/do/router"
)

var chatRef = do.Ref{Script: "main", NamespaceID: "chats", Class: "chat"}

// hostedChats are Options that serve chats to the script "client".
func (s *chats) hosted() do.Options {
	o := s.script(do.Class[*chat]{NamespaceID: "chats"})
	o.Peers = map[string]do.Peer{"client": {Secret: secret}}
	return o
}

// far runs f in a bubble with a chat on a host, and the client's stub of it.
func far(t *testing.T, s *chats, f func(t *testing.T, host, client *dotest.Runtime, here, there *do.Stub)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		host := dotest.New(t, dotest.Options{Runtime: s.hosted()})
		client := wiredClient(t, wired(t, host), chatRef, nil)
		f(t, host, client, host.Namespace("CHAT").GetByName("x"), client.Namespace("REMOTE").GetByName("x"))
	})
}

// TestB13Sockets has sockets through a peer be as others are for the host's object: tags,
// messages, pings, sleep, and close frames of both sides.
func TestB13Sockets(t *testing.T) {
	s := &chats{}
	far(t, s, func(t *testing.T, host, client *dotest.Runtime, here, there *do.Stub) {
		ws := join(t, client, there, "?tag=a&tag=b")
		tell(t, ws, "one")
		hears(t, ws, "one")
		inChat(t, host, here, func(_ context.Context, c *chat) error {
			if n := len(c.state.WebSockets("a", "b")); n != 1 {
				t.Errorf("%d sockets with the tags, want 1", n)
			}
			return nil
		})
		wantNil(t, host.Evict(here))
		built := s.built.Load()
		wantNil(t, ws.Ping(t.Context(), "ping"))
		time.Sleep(5*time.Minute + time.Second) // pings pass, W16, and none is on its way
		if s.built.Load() != built {
			t.Error("a ping woke the object")
		}
		tell(t, ws, "two")
		hears(t, ws, "two")
		wantNil(t, ws.Close(4001, "enough"))
		ends(t, ws, 4001, "") // the answer has the code alone
		s.want(t, "one two close:4001:enough:true")

		ws = join(t, client, there, "")
		inChat(t, host, here, func(ctx context.Context, c *chat) error { return c.state.WebSockets()[0].Close(4002, "closing time") })
		ends(t, ws, 4002, "closing time")
		synctest.Wait()
		if n := listed(t, host, here); n != 0 {
			t.Errorf("%d sockets are listed, want none", n)
		}
	})
}

// TestB13Lost: whoever loses the link sees W7.4; the runtime's end is told (W19).
func TestB13Lost(t *testing.T) {
	s := &chats{}
	far(t, s, func(t *testing.T, host, client *dotest.Runtime, here, there *do.Stub) {
		ws := join(t, client, there, "")
		wantNil(t, ws.Cut())
		synctest.Wait()
		s.want(t, "close:1006::false")
		ws = join(t, client, there, "")
		host.Crash()
		ends(t, ws, 1006, "")
		ws = join(t, client, there, "")
		closeNow(t, host.Runtime())
		ends(t, ws, 1012, "the server restarts")
	})
	s = &chats{}
	far(t, s, func(t *testing.T, _, client *dotest.Runtime, _, there *do.Stub) {
		ws := join(t, client, there, "")
		closeNow(t, client.Runtime())
		ends(t, ws, 1006, "")
		synctest.Wait()
		s.want(t, "close:1006::false")
	})
}

// TestB13NoUpgrade: what the host's object says of a request that is no handshake, and an
// ordinary answer to one.
func TestB13NoUpgrade(t *testing.T) {
	s := &chats{}
	far(t, s, func(t *testing.T, _, client *dotest.Runtime, _, there *do.Stub) {
		_, err := there.Fetch(t.Context(), request(t, "/"))
		wantErr(t, "a plain request", err, do.ErrNotUpgrade)
		s.fetch = func(context.Context, *chat, *http.Request) (*http.Response, error) { return do.Text(403, "no"), nil }
		if _, err := client.Dial(there, "/"); err == nil {
			t.Error("a handshake that was answered with 403 gave a socket")
		}
	})
}

// TestB13Passed has an object of the caller hand the host's 101 on as its own (W21).
func TestB13Passed(t *testing.T) {
	s := &chats{}
	far(t, s, func(t *testing.T, _, client *dotest.Runtime, _, _ *do.Stub) {
		wantNil(t, run(client, named(client, "door"), func(_ context.Context, b *box) error {
			b.fetch = func(ctx context.Context, r *http.Request) (*http.Response, error) {
				return b.env.Namespace("REMOTE").GetByName("x").Fetch(ctx, r)
			}
			return nil
		}))
		ws := join(t, client, named(client, "door"), "")
		time.Sleep(time.Minute + time.Second) // the box is long out of memory, and no ping on its way
		tell(t, ws, "through a door")
		hears(t, ws, "through a door")
		wantNil(t, ws.Close(1000, ""))
		ends(t, ws, 1000, "")
	})
}

// TestB13Router goes over real connections: a client, router, the caller's runtime, TLS, the host.
func TestB13Router(t *testing.T) {
	s := &chats{}
	host := dotest.New(t, dotest.Options{Runtime: s.hosted()})
	server := httptest.NewTLSServer(host.Runtime().PeerHandler())
	t.Cleanup(server.Close)
	script := do.NewScript("client")
	script.Bind("REMOTE", chatRef)
	client := dotest.New(t, dotest.Options{Runtime: do.Options{
		Scripts: []*do.Script{script}, Peers: map[string]do.Peer{
			"main": {URL: server.URL, Secret: secret, TLS: server.Client().Transport.(*http.Transport).TLSClientConfig},
		},
	}})
	stub := client.Namespace("REMOTE").GetByName("x")
	door := httptest.NewServer(&router.Handler{Stub: func(*http.Request) (*do.Stub, error) { return stub, nil }})
	t.Cleanup(door.Close)
	dial := func() *socket.Client {
		r, err := http.NewRequest(http.MethodGet, door.URL+"/", nil)
		wantNil(t, err)
		socket.Ask(r)
		response, err := http.DefaultTransport.RoundTrip(r)
		wantNil(t, err)
		if response.StatusCode != http.StatusSwitchingProtocols {
			t.Fatalf("answered with %s", response.Status)
		}
		c := socket.NewClient(response.Body.(io.ReadWriteCloser))
		t.Cleanup(func() { _ = c.Cut() })
		return c
	}
	wants := func(c *socket.Client, code int, reason string) {
		t.Helper()
		if got, err := c.Wait(t.Context()); err != nil || got.Code != code || got.Reason != reason {
			t.Errorf("closed with %+v, %v, want %d %q", got, err, code, reason)
		}
	}
	c := dial()
	long := make([]byte, 1<<20)
	long[len(long)-1] = 7
	for range 3 {
		wantNil(t, c.Send(socket.Message{Binary: true, Data: long}))
		m, err := c.Receive(t.Context())
		if err != nil || len(m.Data) != len(long) || m.Data[len(long)-1] != 7 {
			t.Fatalf("received %d bytes, %v", len(m.Data), err)
		}
	}
	wantNil(t, c.Close(4001, "enough"))
	wants(c, 4001, "")
	here := host.Namespace("CHAT").GetByName("x")
	c = dial()
	inChat(t, host, here, func(_ context.Context, o *chat) error { return o.state.WebSockets()[0].Close(4002, "closing time") })
	wants(c, 4002, "closing time")
	c = dial()
	client.Restart() // cuts the relays
	wants(c, 1006, "")
}
