package do_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
)

type closing struct {
	io.Reader
	closed bool
}

func (c *closing) Close() error { c.closed = true; return nil }

// TestT7ClosesBody closes the body of a request that HTTPClient refuses, as a RoundTripper must.
func TestT7ClosesBody(t *testing.T) {
	env := newBoxes(t)
	wantNil(t, run(env, named(env, "x"), func(ctx context.Context, b *box) error {
		post := func(what string, ctx context.Context, want error) {
			body := &closing{Reader: strings.NewReader("body")}
			r, err := http.NewRequestWithContext(ctx, "POST", "http://127.0.0.1:1/", body)
			wantNil(t, err)
			_, err = b.state.HTTPClient().Do(r)
			wantErr(t, what, err, want)
			if !body.closed {
				t.Errorf("%s: the body was not closed", what)
			}
		}
		post("outside of turns", context.Background(), do.ErrOutsideTurn)
		return b.state.Storage().Transaction(ctx, func(ctx context.Context) error {
			post("in a Transaction", ctx, do.ErrInTransaction)
			return nil
		})
	}))
}

// TestHTTPClientWithoutDefaultTransport works where a program has wrapped net/http's own.
func TestHTTPClientWithoutDefaultTransport(t *testing.T) {
	before := http.DefaultTransport
	defer func() { http.DefaultTransport = before }()
	http.DefaultTransport = struct{ http.RoundTripper }{before}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }))
	defer server.Close()
	env := dotest.New(t, dotest.Options{Runtime: boxes(class(nil))})
	wantNil(t, run(env, named(env, "x"), func(ctx context.Context, b *box) error {
		r, err := http.NewRequestWithContext(ctx, "GET", server.URL, nil)
		wantNil(t, err)
		res, err := b.state.HTTPClient().Do(r)
		if err != nil {
			return err
		}
		text, err := io.ReadAll(res.Body)
		if string(text) != "hello" {
			t.Errorf("answer %q", text)
		}
		wantNil(t, res.Body.Close())
		return err
	}))
}
