package router_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/durablego/do"
	"github.com/durablego/do/router"
)

// watched is a body that tells when it was closed, and how often.
type watched struct {
	io.Reader
	closed atomic.Int32
	done   chan struct{}
	under  io.Closer
}

func watch(r io.Reader) *watched { return &watched{Reader: r, done: make(chan struct{})} }

func (w *watched) Close() (err error) {
	if w.under != nil {
		err = w.under.Close()
	}
	if w.closed.Add(1) == 1 {
		close(w.done)
	}
	return err
}

func streamed(body io.ReadCloser, length int64) *http.Response {
	return &http.Response{StatusCode: 200, Body: body, ContentLength: length, Header: http.Header{"Content-Type": {"text/plain"}}}
}

// counter counts what is done to a ResponseWriter.
type counter struct {
	*httptest.ResponseRecorder
	writes, flushes int
}

func (c *counter) Write(p []byte) (int, error) { c.writes++; return c.ResponseRecorder.Write(p) }
func (c *counter) Flush()                      { c.flushes++ }
func (c *counter) WriteString(s string) (int, error) {
	c.writes++
	return c.ResponseRecorder.WriteString(s)
}

// TestAnswers: lengths, writes and flushes by kind of body.
func TestAnswers(t *testing.T) {
	var body *watched
	cases := map[string]func() *http.Response{
		"text":    func() *http.Response { return do.Text(201, "hello") },
		"empty":   func() *http.Response { return do.Text(200, "") },
		"known":   func() *http.Response { return streamed(body, 5) },
		"unknown": func() *http.Response { return streamed(body, -1) },
		"unsaid":  func() *http.Response { return streamed(body, 0) },
		"none":    func() *http.Response { return &http.Response{StatusCode: 204} },
		"nobody":  func() *http.Response { return streamed(http.NoBody, 0) },
		"wrong":   func() *http.Response { return &http.Response{StatusCode: 204, Body: body, ContentLength: 5} },
	}
	ns := open(t, func(_ context.Context, _ *object, r *http.Request) (*http.Response, error) {
		return cases[strings.Trim(r.URL.Path, "/")](), nil
	})
	for _, c := range []struct {
		method, name    string
		status          int
		body, length    string
		writes, flushes int
	}{
		{"GET", "text", 201, "hello", "5", 1, 0},
		{"GET", "empty", 200, "", "", 0, 0},
		{"GET", "known", 200, "hello", "5", 1, 0},
		{"GET", "unknown", 200, "hello", "", 1, 2},
		{"GET", "unsaid", 200, "hello", "", 1, 2},
		{"GET", "none", 204, "", "", 0, 0},
		{"GET", "nobody", 200, "", "", 0, 0},
		{"GET", "wrong", 204, "", "", 0, 0},
		{"HEAD", "text", 201, "", "5", 0, 0},
		{"HEAD", "known", 200, "", "5", 0, 0},
		{"HEAD", "unknown", 200, "", "", 0, 0},
	} {
		body = watch(strings.NewReader("hello"))
		w := &counter{ResponseRecorder: httptest.NewRecorder()}
		byName(ns).ServeHTTP(w, httptest.NewRequest(c.method, "/o/x/"+c.name, nil))
		length := w.Header().Get("Content-Length")
		if w.Code != c.status || w.Body.String() != c.body || length != c.length {
			t.Errorf("%s %s = %d %q, length %q; want %d %q, %q", c.method, c.name, w.Code, w.Body, length, c.status, c.body, c.length)
		}
		if w.writes != c.writes || w.flushes != c.flushes {
			t.Errorf("%s %s: %d writes, %d flushes; want %d, %d", c.method, c.name, w.writes, w.flushes, c.writes, c.flushes)
		}
		if n := body.closed.Load(); n > 1 || n == 0 && slices.Contains([]string{"known", "unknown", "unsaid", "wrong"}, c.name) {
			t.Errorf("%s %s: body closed %d times", c.method, c.name, n)
		}
	}
}

// TestHeaders: the object's replace those of the program, connections are not its business.
func TestHeaders(t *testing.T) {
	kept := http.Header{
		"X-A": {"1", "2"}, "x-lower": {"l"}, "Content-Type": {"text/html"}, "Set-Cookie": {"a=1"}, "Vary": {"X"},
		"Connection": {"close, x-hop"}, "X-Hop": {"h"}, "Keep-Alive": {"1"}, "Transfer-Encoding": {"chunked"},
		"Upgrade": {"h2c"}, "Trailer": {"X-T"}, "Content-Length": {"77"}, "Te": {"x"}, "Proxy-Authenticate": {"x"},
	}
	ns := open(t, func(_ context.Context, _ *object, _ *http.Request) (*http.Response, error) {
		response := do.Text(200, "hello")
		response.Header = kept
		return response, nil
	})
	w := httptest.NewRecorder()
	for k, v := range map[string]string{"X-A": "0", "X-Before": "b", "Content-Type": "text/css", "Set-Cookie": "b=2", "Vary": "Y"} {
		w.Header().Set(k, v)
	}
	byName(ns).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/o/x", nil))
	want := http.Header{
		"X-A": {"1", "2"}, "X-Lower": {"l"}, "Content-Type": {"text/html"}, "Content-Length": {"5"},
		"X-Before": {"b"}, "Set-Cookie": {"b=2", "a=1"}, "Vary": {"Y", "X"},
	}
	got := w.Result().Header
	for k := range want {
		if !slices.Equal(got[k], want[k]) {
			t.Errorf("%s = %q, want %q", k, got[k], want[k])
		}
	}
	for k := range got {
		if want[k] == nil {
			t.Errorf("%s = %q came through", k, got[k])
		}
	}
	w.Header().Add("X-A", "3") // what a handler around might do
	if !slices.Equal(kept["X-A"][:2], []string{"1", "2"}) || len(kept["X-A"]) != 2 {
		t.Errorf("the object's own header changed to %q", kept["X-A"])
	}
}

// TestF1_Streams: head and chunks reach the client as they come, and so do trailers.
func TestF1_Streams(t *testing.T) {
	from, to := io.Pipe()
	ns := open(t, func(_ context.Context, _ *object, _ *http.Request) (*http.Response, error) {
		response := streamed(from, -1)
		response.Trailer = http.Header{"X-Sum": nil}
		from := watch(from)
		from.under = closerFunc(func() error {
			response.Trailer["X-Late"] = []string{"late"}
			return nil
		})
		response.Trailer["X-Sum"] = []string{"sum"}
		response.Body = from
		return response, nil
	})
	s := serve(t, byName(ns))
	response, err := s.Client().Get(s.URL + "/o/x") // returns with the head alone
	if err != nil {
		t.Fatal(err)
	}
	if response.ContentLength != -1 {
		t.Errorf("length %d, want -1", response.ContentLength)
	}
	lines := bufio.NewReader(response.Body)
	for _, line := range []string{"one\n", "two\n"} {
		if _, err := io.WriteString(to, line); err != nil {
			t.Fatal(err)
		}
		if got, err := lines.ReadString('\n'); got != line || err != nil {
			t.Errorf("got %q, %v, want %q", got, err, line)
		}
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(lines); len(rest) > 0 || err != nil {
		t.Errorf("then %q, %v", rest, err)
	}
	if got := response.Trailer; got.Get("X-Sum") != "sum" || got.Get("X-Late") != "late" {
		t.Errorf("trailers %v", got)
	}
	if err := response.Body.Close(); err != nil {
		t.Error(err)
	}
}

type closerFunc func() error

func (f closerFunc) Close() error { return f() }

// TestHangUpClosesTheAnswer: a client leaves in the middle of an answer that would never end.
func TestHangUpClosesTheAnswer(t *testing.T) {
	from, to := io.Pipe()
	body := watch(from)
	body.under = from
	ns := open(t, func(context.Context, *object, *http.Request) (*http.Response, error) { return streamed(body, -1), nil })
	s := serve(t, byName(ns))
	response, err := s.Client().Get(s.URL + "/o/x")
	if err != nil {
		t.Fatal(err)
	}
	if err := response.Body.Close(); err != nil { // before a single byte
		t.Fatal(err)
	}
	<-body.done
	if _, err := io.WriteString(to, "x"); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("the object's next write: %v, want %v", err, io.ErrClosedPipe)
	}
}

// TestAnswerCutShort: half an answer must not look whole.
func TestAnswerCutShort(t *testing.T) {
	broken := errors.New("secret")
	ns := open(t, func(_ context.Context, _ *object, r *http.Request) (*http.Response, error) {
		length := int64(-1)
		if r.URL.Path == "/known" {
			length = 10
		}
		return streamed(watch(io.MultiReader(strings.NewReader("half"), readerFunc(func([]byte) (int, error) { return 0, broken }))), length), nil
	})
	var log logs
	h := mount(log.to(router.ByName(ns, "name")))
	s := serve(t, h)
	for _, path := range []string{"/unknown", "/known"} {
		if response, err := s.Client().Get(s.URL + "/o/x" + path); err == nil { // else not even the head was sent yet
			if b, err := io.ReadAll(response.Body); string(b) != "half" || !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%s: read %q, %v, want half and %v", path, b, err, io.ErrUnexpectedEOF)
			}
			if err := response.Body.Close(); err != nil {
				t.Error(err)
			}
		} else if path == "/unknown" {
			t.Errorf("%s: %v", path, err)
		}
		if logged := log.take(); !strings.Contains(logged, "secret") {
			t.Errorf("%s: logged %q, want the cause", path, logged)
		}
	}
	w := httptest.NewRecorder() // without a server there is no connection to cut
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/o/x/unknown", nil))
	if w.Body.String() != "half" {
		t.Errorf("recorded %q", w.Body)
	}
}
