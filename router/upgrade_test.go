package router_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/coder/websocket"
	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
	"github.com/durablego/do/router"
)

// room is an object with sockets: a text that begins with "b" goes to all but its sender,
// "close CODE REASON" closes, anything else goes back.
type room struct{ state *do.State }

func (o *room) Fetch(_ context.Context, r *http.Request) (*http.Response, error) {
	_, response, err := o.state.Accept(r, r.URL.Query()["tag"]...)
	return response, err
}

func (o *room) WebSocketMessage(_ context.Context, ws *do.WebSocket, m do.Message) error {
	switch {
	case strings.HasPrefix(m.Text, "b"):
		return o.state.BroadcastExcept([]*do.WebSocket{ws}, m)
	case strings.HasPrefix(m.Text, "close "):
		var code int
		var reason string
		if _, err := fmt.Sscanf(m.Text, "close %d %s", &code, &reason); err != nil && !errors.Is(err, io.EOF) && code == 0 {
			return err
		}
		return ws.Close(code, reason)
	}
	return ws.Send(m)
}

func (o *room) WebSocketClose(context.Context, *do.WebSocket, do.CloseInfo) error { return nil }

func (o *room) WebSocketError(context.Context, *do.WebSocket, error) error { return nil }

// rooms serves them over a network.
func rooms(t *testing.T, o do.Options, c do.Class[*room], edit func(*router.Handler)) (*dotest.Runtime, *httptest.Server) {
	t.Helper()
	script := do.NewScript("test")
	c.Binding = "ROOM"
	c.New = func(_ context.Context, state *do.State, _ *do.Env) (*room, error) { return &room{state}, nil }
	do.RegisterIn(script, c)
	o.Scripts = []*do.Script{script}
	env := dotest.New(t, dotest.Options{Runtime: o})
	h := new(logs).to(router.ByName(env.Namespace("ROOM"), "name"))
	if edit != nil {
		edit(h)
	}
	return env, serve(t, mount(h))
}

func dial(t *testing.T, s *httptest.Server, path string, o *websocket.DialOptions) *websocket.Conn {
	t.Helper()
	c, response, err := websocket.Dial(t.Context(), s.URL+path, o)
	if err != nil {
		t.Fatalf("dial %s: %v (%v)", path, err, response)
	}
	c.SetReadLimit(64 << 20)
	t.Cleanup(func() { _ = c.CloseNow() })
	return c
}

func exchange(t *testing.T, c *websocket.Conn, typ websocket.MessageType, text string) {
	t.Helper()
	if err := c.Write(t.Context(), typ, []byte(text)); err != nil {
		t.Fatal(err)
	}
	got, p, err := c.Read(t.Context())
	if err != nil || got != typ || string(p) != text {
		t.Fatalf("%v of %d bytes came back as %v of %d bytes, %v", typ, len(text), got, len(p), err)
	}
}

// TestW7_1_Messages go both ways over a network, of all sizes at which the form of a frame
// changes, also when the object sleeps in between (W18).
func TestW7_1_Messages(t *testing.T) {
	for _, compress := range []bool{false, true} {
		t.Run(fmt.Sprint("compressed ", compress), func(t *testing.T) {
			mode := websocket.CompressionDisabled
			if compress {
				mode = websocket.CompressionNoContextTakeover
			}
			env, s := rooms(t, do.Options{}, do.Class[*room]{Compress: true}, nil)
			c := dial(t, s, "/o/a", &websocket.DialOptions{CompressionMode: mode})
			for _, n := range []int{0, 1, 125, 126, 127, 128, 4095, 4096, 4097, 65535, 65536, 1 << 20} {
				exchange(t, c, websocket.MessageText, strings.Repeat("x", n))
				exchange(t, c, websocket.MessageBinary, strings.Repeat("\xff", n))
				if n%2 == 1 {
					if err := env.Evict(env.Namespace("ROOM").GetByName("a")); err != nil {
						t.Fatal(err)
					}
				}
			}
			ctx := c.CloseRead(t.Context())
			if err := c.Ping(ctx); err != nil {
				t.Errorf("ping: %v", err)
			}
		})
	}
}

// TestW23_Compression is agreed to only if the class asks for it and the client offers it.
func TestW23_Compression(t *testing.T) {
	for _, c := range []struct {
		class bool
		offer string
		want  bool
	}{
		{true, "permessage-deflate", true},
		{true, "permessage-deflate; client_max_window_bits", true},
		{true, "x-other, permessage-deflate; server_no_context_takeover", true},
		{true, "permessage-deflate; server_max_window_bits=10", false},
		{true, "permessage-deflate; server_max_window_bits=10, permessage-deflate", true},
		{true, "permessage-deflate; what=ever", false},
		{true, "", false},
		{true, "permessage-deflate; =", false},
		{false, "permessage-deflate", false},
	} {
		_, s := rooms(t, do.Options{}, do.Class[*room]{Compress: c.class}, nil)
		r, err := http.NewRequest("GET", s.URL+"/o/a", nil)
		if err != nil {
			t.Fatal(err)
		}
		for k, v := range map[string]string{"Connection": "keep-alive, Upgrade", "Upgrade": "WebSocket", "Sec-WebSocket-Version": "13",
			"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Extensions": c.offer} {
			r.Header.Set(k, v)
		}
		response, err := s.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := response.Body.Close(); err != nil {
			t.Error(err)
		}
		got := strings.HasPrefix(response.Header.Get("Sec-WebSocket-Extensions"), "permessage-deflate")
		if response.StatusCode != 101 || got != c.want || response.Header.Get("Sec-WebSocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
			t.Errorf("class %v, offer %q: %d %v", c.class, c.offer, response.StatusCode, response.Header)
		}
	}
}

// TestW1_NotUpgrade: what is no handshake is answered 426 by an object that wants one.
func TestW1_NotUpgrade(t *testing.T) {
	_, s := rooms(t, do.Options{}, do.Class[*room]{}, nil)
	good := map[string]string{"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
	for _, change := range [][2]string{
		{"Connection", ""}, {"Connection", "close"}, {"Upgrade", ""}, {"Upgrade", "h2c"}, {"Sec-WebSocket-Version", "8"},
		{"Sec-WebSocket-Key", ""}, {"Sec-WebSocket-Key", "short"}, {"Sec-WebSocket-Key", "AAAA"}, {"method", "POST"},
	} {
		method := "GET"
		if change[0] == "method" {
			method = change[1]
		}
		r, err := http.NewRequest(method, s.URL+"/o/a", nil)
		if err != nil {
			t.Fatal(err)
		}
		for k, v := range good {
			r.Header.Set(k, v)
		}
		if change[0] != "method" {
			r.Header.Set(change[0], change[1])
		}
		response, err := s.Client().Do(r)
		if err != nil {
			t.Fatalf("%v: %v", change, err)
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusUpgradeRequired || response.Header.Get("Sec-WebSocket-Version") != "13" {
			t.Errorf("%v: %d %v, want 426", change, response.StatusCode, response.Header)
		}
	}
}

// TestW23_Origin: a foreign page is refused where SameOrigin is asked, and only for handshakes.
func TestW23_Origin(t *testing.T) {
	_, s := rooms(t, do.Options{}, do.Class[*room]{}, func(h *router.Handler) { h.CheckOrigin = router.SameOrigin })
	for origin, want := range map[string]int{"": 101, s.URL: 101, "http://evil.example": 403, "null": 403, ":": 403} {
		o := &websocket.DialOptions{HTTPHeader: http.Header{"Origin": {origin}}}
		if origin == "" {
			o.HTTPHeader = nil
		}
		c, response, err := websocket.Dial(t.Context(), s.URL+"/o/a", o)
		if response == nil || response.StatusCode != want {
			t.Errorf("origin %q: %v %v, want %d", origin, response, err, want)
		}
		if err == nil {
			_ = c.CloseNow()
		}
	}
	r := httptest.NewRequest("GET", s.URL+"/o/a", nil)
	r.RequestURI = ""
	r.Header.Set("Origin", "http://evil.example")
	response, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != 426 {
		t.Errorf("a plain request: %d, want 426", response.StatusCode)
	}
}

// TestW13_CloseCodes go both ways as they are.
func TestW13_CloseCodes(t *testing.T) {
	_, s := rooms(t, do.Options{}, do.Class[*room]{}, nil)
	for _, code := range []int{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4999} {
		c := dial(t, s, "/o/a", nil)
		if err := c.Write(t.Context(), websocket.MessageText, fmt.Appendf(nil, "close %d why", code)); err != nil {
			t.Fatal(err)
		}
		_, _, err := c.Read(t.Context())
		var end websocket.CloseError
		if !errors.As(err, &end) || int(end.Code) != code || end.Reason != "why" {
			t.Errorf("the object closed with %d: %v", code, err)
		}
		c = dial(t, s, "/o/a", nil)
		if err := c.Close(websocket.StatusCode(code), "bye"); err != nil {
			t.Errorf("the client closed with %d: %v", code, err)
		}
	}
}

// TestManySockets talk at once, to several objects, while some of these are evicted.
func TestManySockets(t *testing.T) {
	env, s := rooms(t, do.Options{}, do.Class[*room]{}, nil)
	var all sync.WaitGroup
	for i := range 40 {
		all.Go(func() {
			c := dial(t, s, fmt.Sprintf("/o/room%d", i%4), nil)
			for n := range 50 {
				exchange(t, c, websocket.MessageText, fmt.Sprint("hello ", i, n))
			}
			if err := c.Close(1000, ""); err != nil {
				t.Error(err)
			}
		})
	}
	for i := range 40 {
		err := env.Evict(env.Namespace("ROOM").GetByName(fmt.Sprint("room", i%4)))
		if err != nil && !errors.Is(err, do.ErrNotRunning) {
			t.Error(err)
		}
	}
	all.Wait()
}

// TestL21_Restart: clients see 1012 when the runtime closes.
func TestL21_Restart(t *testing.T) {
	env, s := rooms(t, do.Options{}, do.Class[*room]{}, nil)
	c := dial(t, s, "/o/a", nil)
	exchange(t, c, websocket.MessageText, "hello")
	var restart sync.WaitGroup
	restart.Go(env.Restart)
	defer restart.Wait()
	_, _, err := c.Read(t.Context())
	if websocket.CloseStatus(err) != websocket.StatusServiceRestart {
		t.Errorf("read: %v, want 1012", err)
	}
}

// objects sends a client's requests to one object.
type objects struct{ stub *do.Stub }

func (o objects) RoundTrip(r *http.Request) (*http.Response, error) {
	return o.stub.Fetch(r.Context(), r)
}

// TestW22_Client: another library's client finds raw frames in the body of the 101, without a
// network, as with net/http.
func TestW22_Client(t *testing.T) {
	env, _ := rooms(t, do.Options{}, do.Class[*room]{}, nil)
	c, _, err := websocket.Dial(t.Context(), "http://object/", &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: objects{env.Namespace("ROOM").GetByName("a")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	c.SetReadLimit(1 << 20)
	for _, n := range []int{0, 100, 100_000} {
		exchange(t, c, websocket.MessageText, strings.Repeat("x", n))
	}
	if err := c.Close(1000, "bye"); err != nil {
		t.Error(err)
	}
}

// TestW21_Hijack: a door that cannot be opened is answered 501, and the socket is lost.
func TestW21_Hijack(t *testing.T) {
	env, _ := rooms(t, do.Options{}, do.Class[*room]{}, nil)
	r := httptest.NewRequest("GET", "/o/a", nil)
	for k, v := range map[string]string{"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="} {
		r.Header.Set(k, v)
	}
	if response, _ := send(t, byName(env.Namespace("ROOM")), r); response.StatusCode != http.StatusNotImplemented {
		t.Errorf("%d, want 501", response.StatusCode)
	}
}
