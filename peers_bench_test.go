package do_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/durablego/do"
)

// openPair is a host and a client of it without dotest, over loopback.
func openPair(b *testing.B) (here, there *do.Stub) {
	b.Helper()
	host, client := do.NewScript("host"), do.NewScript("client")
	c := class(func(_ context.Context, x *box) error {
		x.fetch = func(context.Context, *http.Request) (*http.Response, error) { return do.Text(200, "ok"), nil }
		return nil
	})
	c.NamespaceID = "boxes"
	do.RegisterIn(host, c)
	client.Bind("REMOTE", boxRef)
	open := func(o do.Options) *do.Runtime {
		rt, err := do.Open(o)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = rt.Close(context.Background()) })
		return rt
	}
	h := open(do.Options{Scripts: []*do.Script{host}, Peers: map[string]do.Peer{"client": {Secret: secret}}})
	server := httptest.NewServer(h.PeerHandler())
	b.Cleanup(server.Close)
	r := open(do.Options{Scripts: []*do.Script{client}, Peers: map[string]do.Peer{"host": {URL: server.URL, Secret: secret}}})
	return h.Namespace("BOX").GetByName("x"), r.Namespace("REMOTE").GetByName("x")
}

// BenchmarkPeer is a typed call, and a Fetch, of a warm object in the process and in another
// one over loopback, beside a bare round trip of net/http with as many bytes: what "peer" costs
// beyond "bare" is signatures, encodings and the object.
func BenchmarkPeer(b *testing.B) {
	here, there := openPair(b)
	call := func(stub *do.Stub) func(b *testing.B) {
		return func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := do.Call0(context.Background(), stub, (*box).Memory); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
	fetch := func(stub *do.Stub) func(b *testing.B) {
		r := httptest.NewRequest(http.MethodGet, "http://box/", nil)
		return func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				response, err := stub.Fetch(context.Background(), r)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := io.Copy(io.Discard, response.Body); err != nil {
					b.Fatal(err)
				}
				_ = response.Body.Close()
			}
		}
	}
	b.Run("call/in-process", call(here))
	b.Run("call/peer", call(there))
	b.Run("fetch/in-process", fetch(here))
	b.Run("fetch/peer", fetch(there))
	b.Run("bare", func(b *testing.B) {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			_, _ = io.WriteString(w, "ok")
		}))
		defer server.Close()
		body := bytes.Repeat([]byte("x"), 16)
		b.ReportAllocs()
		for b.Loop() {
			response, err := server.Client().Post(server.URL, "application/octet-stream", bytes.NewReader(body))
			if err != nil {
				b.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, response.Body)
			_ = response.Body.Close()
		}
	})
}
