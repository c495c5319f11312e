package peer_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/durablego/do/internal/doerr"
	"github.com/durablego/do/internal/peer"
)

// pass is the body of an object's 101: whoever has the object's end gets its connection.
type pass struct {
	io.ReadCloser
	taken  chan net.Conn
	closed chan struct{}
}

func newPass() *pass {
	return &pass{taken: make(chan net.Conn, 1), closed: make(chan struct{})}
}

func (p *pass) Take(conn net.Conn, _ []byte) error { p.taken <- conn; return nil }
func (p *pass) Close() error                       { close(p.closed); return nil }

// linked gives both ends of a link: the body of the 101, and the object's connection. The
// latter is closed at the end.
func linked(t *testing.T) (*peer.Client, *peer.Link, net.Conn) {
	t.Helper()
	p := newPass()
	c := answering(t, func(*http.Request) *http.Response {
		return &http.Response{StatusCode: 101, Header: http.Header{"Upgrade": {"websocket"}}, Body: p}
	})
	q := ask()
	q.Op = peer.OpConnect
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel() // which must not hurt the link
	response, err := c.Fetch(ctx, q, original(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != 101 || response.Header.Get("Upgrade") != "websocket" {
		t.Fatalf("answer %+v, want the object's 101", response)
	}
	conn := <-p.taken
	t.Cleanup(func() { _ = conn.Close() })
	return c, response.Body.(*peer.Link), conn
}

// exchangeBytes sends a text each way.
func exchangeBytes(t *testing.T, a, b io.ReadWriter) {
	t.Helper()
	for range 2 {
		done := make(chan error)
		go func() {
			_, err := io.WriteString(a, "some bytes")
			done <- err
		}()
		p := make([]byte, 10)
		if _, err := io.ReadFull(b, p); err != nil || string(p) != "some bytes" {
			t.Fatalf("read %q, %v", p, err)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		a, b = b, a
	}
}

// wantEnd wants that nothing more comes.
func wantEnd(t *testing.T, what string, r io.Reader) {
	t.Helper()
	if n, err := r.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("%s: read %d bytes, %v, want its end", what, n, err)
	}
}

// TestB13Direct uses a link as reader and writer, as net/http's clients do (W22).
func TestB13Direct(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, l, object := linked(t)
		exchangeBytes(t, l, object)
		time.Sleep(time.Minute) // in use: no time limit
		exchangeBytes(t, object, l)
		if err := l.Take(object, nil); err == nil {
			t.Error("a link in use was taken")
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		wantEnd(t, "the object's end", object)
	})
}

// TestB13Taken gives a link a client's connection, and ends it at either end and by Close.
func TestB13Taken(t *testing.T) {
	for _, who := range []string{"client", "object", "runtime"} {
		synctest.Test(t, func(t *testing.T) {
			c, l, object := linked(t)
			client, ours := net.Pipe()
			defer client.Close()
			if err := l.Take(ours, []byte("early")); err != nil {
				t.Fatal(err)
			}
			p := make([]byte, 5)
			if _, err := io.ReadFull(object, p); err != nil || string(p) != "early" {
				t.Fatalf("the object read %q, %v, want what the client sent early", p, err)
			}
			exchangeBytes(t, client, object)
			exchangeBytes(t, object, client)
			if err := l.Take(ours, nil); err == nil {
				t.Error("a link was taken twice")
			}
			begin := time.Now()
			switch who {
			case "client":
				_ = client.Close()
			case "object":
				_ = object.Close()
			case "runtime":
				c.Close()
			}
			if who != "client" {
				wantEnd(t, who+" closed, client", client)
			}
			if who != "object" {
				wantEnd(t, who+" closed, object", object)
			}
			if d := time.Since(begin); d != 0 {
				t.Errorf("%s closed, and the others saw it after %v", who, d)
			}
		})
	}
}

// TestB13Pressure has who is slow hold the other up, and nothing lost.
func TestB13Pressure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, l, object := linked(t)
		client, ours := net.Pipe()
		defer client.Close()
		if err := l.Take(ours, nil); err != nil {
			t.Fatal(err)
		}
		const much, chunk = 4 << 20, 1 << 10
		sent, sum := 0, sha256.New()
		done := make(chan struct{})
		go func() {
			defer close(done)
			for sent < much {
				p := bytes.Repeat([]byte{byte(sent >> 10)}, chunk)
				sum.Write(p)
				if _, err := object.Write(p); err != nil {
					t.Error(err)
					return
				}
				sent += chunk
			}
		}()
		synctest.Wait()
		if sent > 256<<10 {
			t.Errorf("%d bytes were taken of an object whose client reads none", sent)
		}
		got := sha256.New()
		if n, err := io.CopyN(got, client, much); err != nil {
			t.Fatalf("%d bytes, %v", n, err)
		}
		<-done
		if !bytes.Equal(got.Sum(nil), sum.Sum(nil)) {
			t.Error("what came is not what was sent")
		}
	})
}

// TestB13Untaken ends a link that nobody uses, after 30 seconds.
func TestB13Untaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, l, object := linked(t)
		begin := time.Now()
		wantEnd(t, "object", object)
		if d := time.Since(begin); d != 30*time.Second {
			t.Errorf("it ended after %v, want 30 s", d)
		}
		if _, err := l.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
			t.Errorf("a late Write: %v, want net.ErrClosed", err)
		}
	})
}

// TestB13Refused: no 101 where none was asked for, nor one that is not an object's; an
// ordinary answer where a 101 was asked for.
func TestB13Refused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPass()
		c := answering(t, func(*http.Request) *http.Response { return &http.Response{StatusCode: 101, Body: p} })
		if _, err := c.Fetch(t.Context(), ask(), original(), nil, nil); err == nil {
			t.Error("a fetch was answered with a 101")
		}
		<-p.closed
		q := ask()
		q.Op = peer.OpConnect
		c = answering(t, func(*http.Request) *http.Response { return &http.Response{StatusCode: 101, Body: http.NoBody} })
		if _, err := c.Fetch(t.Context(), q, original(), nil, nil); err == nil {
			t.Error("a 101 was taken that is nobody's")
		}
		c = answering(t, func(*http.Request) *http.Response { return &http.Response{StatusCode: 426, Body: http.NoBody} })
		response, err := c.Fetch(t.Context(), q, original(), nil, nil)
		if err != nil || response.StatusCode != 426 {
			t.Errorf("answer %v, %v, want 426", response, err)
		}
		c = serve(t, object{fetch: func(context.Context, *peer.Request, *http.Request) (*http.Response, *peer.Failure) {
			return nil, peer.Describe(doerr.ErrNotUpgrade)
		}})
		if _, err := c.Fetch(t.Context(), q, original(), nil, nil); !errors.Is(err, doerr.ErrNotUpgrade) {
			t.Errorf("fetch = %v, want ErrNotUpgrade", err)
		}
	})
}
