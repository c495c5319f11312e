package peer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/durablego/do/internal/doerr"
	"github.com/durablego/do/internal/peer"
)

// memory is a body that was complete.
type memory struct{ strings.Reader }

func (*memory) Close() error { return nil }

// answering gives a client of a host whose object answers with what make gives.
func answering(t *testing.T, make func(r *http.Request) *http.Response) *peer.Client {
	t.Helper()
	return serve(t, object{fetch: func(_ context.Context, _ *peer.Request, r *http.Request) (*http.Response, *peer.Failure) {
		return make(r), nil
	}})
}

// TestB3Whole has a request and an answer arrive as they were.
func TestB3Whole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got http.Request
		var content []byte
		c := answering(t, func(r *http.Request) *http.Response {
			got = *r
			content, _ = io.ReadAll(r.Body)
			b := &memory{}
			b.Reset("body")
			return &http.Response{StatusCode: 418, Header: http.Header{"X-Two": {"a", "b"}}, Body: b, ContentLength: 4}
		})
		r := original()
		r.RemoteAddr, r.RequestURI, r.Pattern, r.Header = "1.2.3.4:5", "/uri", "/{x}", http.Header{"Odd": {"line\nbreak", "\xff"}, "empty": nil}
		response, err := c.Fetch(t.Context(), ask(), r, map[string]string{"x": "ü"}, []byte("content"))
		if err != nil {
			t.Fatal(err)
		}
		if got.Method != "PUT" || got.URL.String() != ask().URL || got.URL.Query().Get("q") != "a/b" || got.Host != "object" || got.Proto != "HTTP/1.1" ||
			!got.ProtoAtLeast(1, 1) || got.RemoteAddr != r.RemoteAddr || got.RequestURI != r.RequestURI || got.PathValue("x") != "ü" ||
			!reflect.DeepEqual(got.Header, r.Header) || string(content) != "content" || got.ContentLength != 7 {
			t.Errorf("the object saw %+v with %q", got, content)
		}
		body, err := io.ReadAll(response.Body)
		if err != nil || string(body) != "body" || response.StatusCode != 418 || response.ContentLength != 4 ||
			!reflect.DeepEqual(response.Header, http.Header{"X-Two": {"a", "b"}}) {
			t.Errorf("answer %+v with %q, %v", response, body, err)
		}
	})
}

// TestB8Streams has an answer arrive as it is written, with its trailer at the end.
func TestB8Streams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		read, write := io.Pipe()
		var answer *http.Response
		c := answering(t, func(*http.Request) *http.Response {
			answer = &http.Response{StatusCode: 200, Body: read, ContentLength: -1, Trailer: http.Header{"Sum": nil}}
			return answer
		})
		ctx, cancel := context.WithCancel(t.Context())
		response, err := c.Fetch(ctx, ask(), original(), nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		cancel() // the body is not bound to it
		if _, announced := response.Trailer["Sum"]; !announced {
			t.Errorf("trailers announced: %v", response.Trailer)
		}
		p := make([]byte, 100)
		for i := range 5 {
			chunk := fmt.Sprint("chunk ", i)
			if _, err := io.WriteString(write, chunk); err != nil {
				t.Fatal(err)
			}
			n, err := response.Body.Read(p)
			if string(p[:n]) != chunk || err != nil {
				t.Fatalf("read %q, %v, want %q", p[:n], err, chunk)
			}
		}
		long := bytes.Repeat([]byte("0123456789"), 20_000)
		go func() {
			_, _ = write.Write(long)
			answer.Trailer.Set("Sum", "42")
			_ = write.Close()
		}()
		got, err := io.ReadAll(response.Body)
		if err != nil || !bytes.Equal(got, long) || response.Trailer.Get("Sum") != "42" {
			t.Errorf("the rest is %d bytes, %v, trailer %v", len(got), err, response.Trailer)
		}
		if err := response.Body.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestB11Body has a body that fails keep the kind of its error, also if this side closes.
func TestB11Body(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, want := range []error{doerr.ErrReset, doerr.ErrClosed} {
			read, write := io.Pipe()
			c := answering(t, func(*http.Request) *http.Response {
				return &http.Response{StatusCode: 200, Body: read, ContentLength: -1}
			})
			response, err := c.Fetch(t.Context(), ask(), original(), nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			go func() {
				_, _ = io.WriteString(write, "part")
				if want == doerr.ErrReset {
					_ = write.CloseWithError(fmt.Errorf("so: %w", want))
					return
				}
				synctest.Wait()
				c.Close()
			}()
			got, err := io.ReadAll(response.Body)
			if string(got) != "part" || !errors.Is(err, want) {
				t.Errorf("body %q, %v, want part and %v", got, err, want)
			}
			synctest.Wait()
			if _, err := io.WriteString(write, "x"); err == nil {
				t.Error("the object's body was not closed")
			}
			_ = response.Body.Close()
		}
	})
}

// TestL24_8Body cuts answers at every byte: what has no end is lost, not whole.
func TestL24_8Body(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cut := 1 << 20
		inner := newStage()
		whole := 0
		c := serveHandler(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			record := httptest.NewRecorder()
			inner.ServeHTTP(record, r)
			whole = record.Body.Len()
			w.Header().Set("Do-Version", "1")
			_, _ = w.Write(record.Body.Bytes()[:min(cut, whole)])
			if cut < whole {
				panic(http.ErrAbortHandler)
			}
		}))
		get := func() (string, error) {
			response, err := c.Fetch(t.Context(), ask(), original(), nil, []byte("content"))
			if err != nil {
				return "", err
			}
			defer response.Body.Close()
			b, err := io.ReadAll(response.Body)
			return string(b), err
		}
		if got, err := get(); got != "content" || err != nil {
			t.Fatalf("uncut: %q, %v", got, err)
		}
		for cut = range whole {
			if got, err := get(); !errors.Is(err, doerr.ErrPeerLost) || errors.Is(err, io.EOF) {
				t.Errorf("cut after %d of %d bytes: %q, %v, want ErrPeerLost", cut, whole, got, err)
			}
		}
	})
}

// TestCloseEarly has the object's body closed when the caller closes its own, also while a
// Read waits.
func TestCloseEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		read, write := io.Pipe()
		c := answering(t, func(*http.Request) *http.Response {
			return &http.Response{StatusCode: 200, Body: read, ContentLength: -1}
		})
		response, err := c.Fetch(t.Context(), ask(), original(), nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error)
		go func() {
			_, err := response.Body.Read(make([]byte, 1))
			ended <- err
		}()
		synctest.Wait()
		if err := response.Body.Close(); err != nil {
			t.Error(err)
		}
		if err := <-ended; err == nil {
			t.Error("a Read goes on after Close")
		}
		synctest.Wait()
		if _, err := io.WriteString(write, "x"); err != io.ErrClosedPipe {
			t.Errorf("writing to the object's body: %v, want that it was closed", err)
		}
	})
}

// TestHangUpBeforeTheHead closes the answer of an object that comes too late.
func TestHangUpBeforeTheHead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inside, resume := make(chan struct{}), make(chan struct{})
		read, write := io.Pipe()
		c := answering(t, func(*http.Request) *http.Response {
			close(inside)
			<-resume
			return &http.Response{StatusCode: 200, Body: read, ContentLength: -1}
		})
		ctx, hangUp := context.WithCancel(t.Context())
		go func() {
			<-inside
			hangUp()
		}()
		if _, err := c.Fetch(ctx, ask(), original(), nil, nil); err != context.Canceled {
			t.Errorf("fetch = %v, want context.Canceled", err)
		}
		close(resume)
		synctest.Wait()
		if _, err := io.WriteString(write, "x"); err != io.ErrClosedPipe {
			t.Errorf("writing to the object's body: %v, want that it was closed", err)
		}
	})
}
