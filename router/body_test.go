package router_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/durablego/do"
	"github.com/durablego/do/router"
)

// digest answers with length and sum of the body, and what the request says of them.
func digest(_ context.Context, _ *object, r *http.Request) (*http.Response, error) {
	sum := sha256.New()
	n, err := io.Copy(sum, r.Body)
	if err != nil {
		return nil, err
	}
	return text(fmt.Sprintf("%d %d %x %v", n, r.ContentLength, sum.Sum(nil)[:4], r.TransferEncoding))
}

// temporary points temporary files at a folder of the test's own, and says what is in it.
func temporary(t *testing.T) (list func() []string) {
	dir := t.TempDir()
	for _, name := range []string{"TMPDIR", "TMP", "TEMP"} {
		t.Setenv(name, dir)
	}
	return func() []string {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, e := range entries {
			names = append(names, e.Name())
		}
		return names
	}
}

// TestF6_Bodies: of any length, known before or not, up to the limit.
func TestF6_Bodies(t *testing.T) {
	files := temporary(t)
	ns := open(t, digest)
	h := router.ByName(ns, "name")
	h.MaxBodyBytes = 3 << 20
	for _, n := range []int{0, 1, 511, 512, 513, 32<<10 - 1, 32 << 10, 1<<20 - 1, 1 << 20, 1<<20 + 1, 3<<20 - 1, 3 << 20, 3<<20 + 1, 4 << 20} {
		content := strings.Repeat("0123456789abcdef", n/16+1)[:n]
		sum := sha256.Sum256([]byte(content))
		want := fmt.Sprintf("%d %d %x []", n, n, sum[:4])
		for kind, body := range map[string]io.Reader{"known": strings.NewReader(content), "unknown": unsized(content)} {
			response, got := send(t, mount(h), post("/o/x", body))
			if n > 3<<20 {
				if response.StatusCode != http.StatusRequestEntityTooLarge {
					t.Errorf("%d bytes, length %s: %d, want 413", n, kind, response.StatusCode)
				}
			} else if response.StatusCode != 200 || got != want {
				t.Errorf("%d bytes, length %s: %d %q, want %q", n, kind, response.StatusCode, got, want)
			}
		}
	}
	if left := files(); len(left) > 0 {
		t.Errorf("temporary files were left: %q", left)
	}
}

// TestN6_Limits: zero is 32 MiB, negative none; a declared length is refused unread.
func TestN6_Limits(t *testing.T) {
	ns := open(t, func(_ context.Context, _ *object, r *http.Request) (*http.Response, error) {
		return text(fmt.Sprint(r.ContentLength))
	})
	unread := func(n int64) *http.Request {
		r := post("/o/x", io.NopCloser(readerFunc(func([]byte) (int, error) {
			t.Error("a body that is too long was read")
			return 0, io.EOF
		})))
		r.ContentLength = n
		return r
	}
	h := router.ByName(ns, "name")
	for _, c := range []struct {
		limit  int64
		r      *http.Request
		status int
	}{
		{0, unread(32<<20 + 1), 413},
		{0, post("/o/x", bytes.NewReader(make([]byte, 32<<20))), 200},
		{-1, post("/o/x", bytes.NewReader(make([]byte, 32<<20+1))), 200},
		{10, unread(11), 413},
		{10, post("/o/x", unsized("0123456789")), 200},
		{10, post("/o/x", unsized("0123456789a")), 413},
	} {
		h.MaxBodyBytes = c.limit
		if response, body := send(t, mount(h), c.r); response.StatusCode != c.status {
			t.Errorf("limit %d, length %d: %d %q, want %d", c.limit, c.r.ContentLength, response.StatusCode, body, c.status)
		}
	}
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// TestBodiesThatFail are the client's fault, or of handlers before.
func TestBodiesThatFail(t *testing.T) {
	files := temporary(t)
	ns := open(t, func(_ context.Context, _ *object, r *http.Request) (*http.Response, error) {
		b, err := io.ReadAll(r.Body)
		return mustText(fmt.Sprintf("%d %d %s", len(b), r.ContentLength, r.FormValue("a")), err)
	})
	h := byName(ns)
	failing := func(n int, err error) *http.Request {
		return post("/o/x", io.MultiReader(io.LimitReader(readerFunc(func(p []byte) (int, error) { return len(p), nil }), int64(n)),
			readerFunc(func([]byte) (int, error) { return 0, err })))
	}
	form := func() *http.Request {
		r := post("/o/x", strings.NewReader("a=form"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if r.FormValue("a") != "form" {
			t.Fatal("no form")
		}
		return r
	}
	limited := post("/o/x", unsized("0123456789"))
	limited.Body = http.MaxBytesReader(httptest.NewRecorder(), limited.Body, 5)
	for _, c := range []struct {
		name   string
		r      *http.Request
		status int
		want   string
	}{
		{"cut short", failing(10, io.ErrUnexpectedEOF), 400, "Bad Request\n"},
		{"cut short in a file", failing(2<<20, io.ErrUnexpectedEOF), 400, "Bad Request\n"},
		{"too slow", failing(10, os.ErrDeadlineExceeded), 408, "Request Timeout\n"},
		{"over MaxBytesReader's limit", limited, 413, "Request Entity Too Large\n"},
		{"read by a handler before", form(), 200, "0 0 form"},
	} {
		response, body := send(t, h, c.r)
		if response.StatusCode != c.status || body != c.want {
			t.Errorf("%s: %d %q, want %d %q", c.name, response.StatusCode, body, c.status, c.want)
		}
	}
	if left := files(); len(left) > 0 {
		t.Errorf("temporary files were left: %q", left)
	}
	for _, name := range []string{"TMPDIR", "TMP", "TEMP"} {
		t.Setenv(name, "/nowhere/at/all")
	}
	if response, body := send(t, h, post("/o/x", bytes.NewReader(make([]byte, 2<<20)))); response.StatusCode != 500 || strings.Contains(body, "nowhere") {
		t.Errorf("no place for a long body: %d %q, want 500", response.StatusCode, body)
	}
}

// TestN7_SlowBodyDoesNotHold: a client dribbles its body to an object while another
// request to the same object passes.
func TestN7_SlowBodyDoesNotHold(t *testing.T) {
	ns := open(t, func(_ context.Context, o *object, r *http.Request) (*http.Response, error) {
		b, err := io.ReadAll(r.Body)
		o.count++
		return mustText(fmt.Sprintf("%s %d", b, o.count), err)
	})
	s := serve(t, byName(ns))
	body, dribble := io.Pipe()
	answer := make(chan string)
	go func() {
		response, err := s.Client().Post(s.URL+"/o/x", "text/plain", body)
		answer <- read(t, response, err)
	}()
	if _, err := io.WriteString(dribble, "slow"); err != nil { // it is on its way
		t.Fatal(err)
	}
	response, err := s.Client().Get(s.URL + "/o/x")
	if got := read(t, response, err); got != " 1" {
		t.Errorf("the quick one got %q, want %q", got, " 1")
	}
	if _, err := io.WriteString(dribble, "er"); err != nil {
		t.Fatal(err)
	}
	if err := dribble.Close(); err != nil {
		t.Fatal(err)
	}
	if got := <-answer; got != "slower 2" {
		t.Errorf("the slow one got %q, want %q", got, "slower 2")
	}
}

func mustText(s string, err error) (*http.Response, error) {
	if err != nil {
		return nil, err
	}
	return text(s)
}

// read gives the body of an answer from a client.
func read(t *testing.T, response *http.Response, err error) string {
	t.Helper()
	if err != nil {
		t.Error(err)
		return ""
	}
	b, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		t.Error(err)
	}
	return string(b)
}

// TestT10_BodyOutlivesItsCaller: the client leaves while the object is at work; the object
// reads on, in memory or in a file, and the file goes when it is done.
func TestT10_BodyOutlivesItsCaller(t *testing.T) {
	files := temporary(t)
	for _, n := range []int{100, 2 << 20} {
		inside, resume, got := make(chan struct{}), make(chan struct{}), make(chan string)
		ns := open(t, func(_ context.Context, _ *object, r *http.Request) (*http.Response, error) {
			close(inside)
			<-resume
			n, err := io.Copy(io.Discard, r.Body)
			got <- fmt.Sprint(n, err)
			return text("")
		})
		ctx, hangUp := context.WithCancel(context.Background())
		left := make(chan struct{})
		go func() {
			defer close(left)
			r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/o/x", unsized(strings.Repeat("x", n)))
			byName(ns).ServeHTTP(httptest.NewRecorder(), r)
		}()
		<-inside
		hangUp()
		<-left
		runtime.GC() // must not take the file away
		runtime.GC()
		close(resume)
		if s := <-got; s != fmt.Sprint(n, nil) {
			t.Errorf("the object read %s, want %d <nil>", s, n)
		}
	}
	for range 100 { // finalizers have a goroutine of their own
		if len(files()) == 0 {
			return
		}
		runtime.GC()
	}
	t.Errorf("temporary files were left: %q", files())
}

// TestF6_MaxCallBytes: without a limit of the Handler's own, that of the runtime counts.
func TestF6_MaxCallBytes(t *testing.T) {
	for _, c := range []struct {
		runtime, own, length, status int
	}{{1000, 0, 1000, 200}, {1000, 0, 1001, 413}, {1000, 2000, 1001, 200}, {-1, 0, 33 << 20, 200}} {
		h := router.ByName(openClass(t, do.Options{MaxCallBytes: c.runtime}, do.Class[*object]{}, digest), "name")
		h.MaxBodyBytes = int64(c.own)
		if response, _ := send(t, mount(h), post("/o/x", strings.NewReader(strings.Repeat("x", c.length)))); response.StatusCode != c.status {
			t.Errorf("%+v: %d", c, response.StatusCode)
		}
	}
}
