package peer_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/durablego/do/internal/peer"
)

var (
	secret = bytes.Repeat([]byte("s"), 32)
	other  = bytes.Repeat([]byte("o"), 32)
)

// stage is a host whose object counts what reaches it.
type stage struct {
	http.Handler
	reached int
	log     bytes.Buffer
}

func newStage() *stage {
	s := &stage{}
	s.Handler = peer.NewHost(peer.HostOptions{
		Environment: "production",
		Callers:     map[string][][]byte{"client": {secret}, "both": {secret, other}},
		MaxBody:     1000,
		Logger:      slog.New(slog.NewTextHandler(&s.log, nil)),
		Fetch: func(_ context.Context, _ *peer.Request, r *http.Request) (*http.Response, *peer.Failure) {
			s.reached++
			b, err := io.ReadAll(r.Body)
			if err != nil {
				return nil, peer.Describe(err)
			}
			return &http.Response{StatusCode: 200, Body: io.NopCloser(bytes.NewReader(b)), ContentLength: int64(len(b))}, nil
		},
		Call: func(_ context.Context, _ *peer.Request, argument []byte) ([]byte, *peer.Failure) {
			s.reached++
			return argument, nil
		},
	})
	return s
}

// ask is a request that the stage takes.
func ask() peer.Request {
	return peer.Request{
		Caller: "client", Script: "host", Environment: "production", Namespace: "boxes", ID: strings.Repeat("0a", 32),
		Name: "näme\n", Op: peer.OpFetch, Method: "PUT", URL: "http://object/path?q=a%2Fb",
	}
}

func original() *http.Request {
	return &http.Request{Host: "object", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{"Accept": {"*/*"}}}
}

// send gives the status that the stage answers r with.
func (s *stage) send(r *http.Request, body []byte) int {
	s.log.Reset()
	r.Body = io.NopCloser(bytes.NewReader(body))
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if w.Code != 200 && w.Body.Len() > 0 {
		return -w.Code // there is detail in it
	}
	return w.Code
}

// want sends a request and wants it refused: 401, nothing reached, and logged (B6); or not.
func (s *stage) want(t *testing.T, what string, r *http.Request, body []byte, status int, cause string) {
	t.Helper()
	before := s.reached
	got := s.send(r, body)
	switch {
	case got != status:
		t.Errorf("%s: status %d, want %d", what, got, status)
	case status == 200 && s.reached != before+1, status != 200 && s.reached != before:
		t.Errorf("%s: the object was reached %d times", what, s.reached-before)
	case status == 401 && !strings.Contains(s.log.String(), cause):
		t.Errorf("%s: the log says %q, want %q", what, s.log.String(), cause)
	}
}

// TestB6Tampered changes each header, and the body, of a request that would be taken: B3 has
// them all signed.
func TestB6Tampered(t *testing.T) {
	s := newStage()
	content := []byte("content")
	fresh := func() (*http.Request, []byte) { return peer.Sealed(secret, ask(), original(), content, 0) }
	r, body := fresh()
	s.want(t, "as it is", r, body, 200, "")
	names := append([]string{"Do-Signature"}, peer.Fields[:]...)
	for _, name := range names {
		for what, change := range map[string]func(h http.Header){
			"changed": func(h http.Header) {
				v := []byte(h[name][0])
				if len(v) == 0 {
					v = []byte("x")
				}
				v[len(v)-1] ^= 1
				h[name] = []string{string(v)}
			},
			"missing": func(h http.Header) { delete(h, name) },
			"twice":   func(h http.Header) { h[name] = append(h[name], h[name][0]) },
			"longer":  func(h http.Header) { h[name] = []string{h[name][0] + strings.Repeat("0", 64<<10)} },
		} {
			r, body := fresh()
			change(r.Header)
			s.want(t, name+" "+what, r, body, 401, "")
		}
	}
	r, body = fresh()
	for i := range body {
		changed := bytes.Clone(body)
		changed[i] ^= 1
		r, _ := peer.Sealed(secret, ask(), original(), content, 0)
		s.want(t, "a byte of the body", r, changed, 401, "a digest does not match")
	}
	s.want(t, "a shorter body", r, body[:len(body)-1], 401, "a digest does not match")
	r, _ = fresh()
	s.want(t, "a longer body", r, append(bytes.Clone(body), 0), 401, "a digest does not match")
	r = peer.SealedBody(secret, ask(), []byte("another head"), body, 0)
	s.want(t, "another head", r, body, 401, "a digest does not match")
	r = peer.SealedBody(secret, ask(), nil, []byte("ab"), 0)
	s.want(t, "a body without head", r, []byte("ab"), 401, "malformed")
	r, body = fresh()
	r.Method = http.MethodGet
	s.want(t, "no POST", r, body, 401, "malformed")
}

// TestB6Who refuses callers that are not known, other secrets and other environments.
func TestB6Who(t *testing.T) {
	s := newStage()
	try := func(what string, key []byte, change func(q *peer.Request), status int, cause string) {
		t.Helper()
		q := ask()
		change(&q)
		r, body := peer.Sealed(key, q, original(), nil, 0)
		s.want(t, what, r, body, status, cause)
	}
	try("unknown caller", secret, func(q *peer.Request) { q.Caller = "stranger" }, 401, "not known")
	try("wrong secret", other, func(*peer.Request) {}, 401, "signature")
	try("wrong environment", secret, func(q *peer.Request) { q.Environment = "staging" }, 401, "environment")
	try("unknown operation", secret, func(q *peer.Request) { q.Op = "drop" }, 401, "malformed")
	try("the new secret of two", secret, func(q *peer.Request) { q.Caller = "both" }, 200, "")
	try("the old secret of two", other, func(q *peer.Request) { q.Caller = "both" }, 200, "")
	try("a call", secret, func(q *peer.Request) { q.Op, q.Method, q.URL = peer.OpCall, "Add", "" }, 200, "")
}

// TestB5 is the window of 60 seconds, the host's start, and a replay of each kind (N28).
func TestB5Window(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage()
		try := func(what string, skew time.Duration, status int) {
			t.Helper()
			r, body := peer.Sealed(secret, ask(), original(), nil, skew)
			s.want(t, what, r, body, status, "window")
		}
		try("before the host's start", -time.Millisecond, 401)
		try("at the host's start", 0, 200)
		time.Sleep(time.Hour)
		try("late", -60*time.Second, 200)
		try("too late", -60*time.Second-time.Millisecond, 401)
		try("early", 60*time.Second, 200)
		try("too early", 60*time.Second+time.Millisecond, 401)

		r, body := peer.Sealed(secret, ask(), original(), nil, 60*time.Second)
		s.want(t, "once", r.Clone(t.Context()), body, 200, "")
		s.want(t, "twice", r.Clone(t.Context()), body, 401, "used before")
		time.Sleep(120*time.Second - time.Millisecond)
		s.want(t, "replayed at the last moment", r.Clone(t.Context()), body, 401, "used before")
		time.Sleep(2 * time.Millisecond)
		s.want(t, "replayed when the nonce is forgotten", r.Clone(t.Context()), body, 401, "window")
	})
}

// TestB5Order has a request without a good signature leave nothing in the memory of nonces.
func TestB5Order(t *testing.T) {
	s := newStage()
	r, body := peer.Sealed(secret, ask(), original(), nil, 0)
	forged := r.Clone(t.Context())
	forged.Header["Do-Signature"] = []string{strings.Repeat("00", 32)}
	s.want(t, "forged", forged, body, 401, "signature")
	s.want(t, "genuine, same nonce", r, body, 200, "")
}

// TestB4Canonical computes a signature by the words of the package comment.
func TestB4Canonical(t *testing.T) {
	r, _ := peer.Sealed(secret, ask(), original(), nil, 0)
	text := "1\n"
	for _, name := range []string{"Do-Version", "Do-Caller", "Do-Script", "Do-Environment", "Do-Namespace", "Do-Id", "Do-Name", "Do-Operation",
		"Do-Method", "Do-Url", "Do-Head-Digest", "Do-Timeout", "Do-Time", "Do-Nonce", "Do-Body-Digest"} {
		text += name + ":" + r.Header[name][0] + "\n"
	}
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(text))
	if got, want := r.Header["Do-Signature"][0], hex.EncodeToString(mac.Sum(nil)); got != want {
		t.Errorf("signature %s of\n%swant %s", got, text, want)
	}
}

// TestB8Bodies: as long as allowed, and longer, whether or not the length was told.
func TestB8Bodies(t *testing.T) {
	s := newStage()
	for n, reached := range map[int]int{0: 1, 1000: 1, 1001: 0, 2 << 20: 0} {
		for _, told := range []bool{true, false} {
			before := s.reached
			r, body := peer.Sealed(secret, ask(), original(), make([]byte, n), 0)
			if !told {
				r.ContentLength = -1
			}
			if status := s.send(r, body); status != 200 || s.reached-before != reached {
				t.Errorf("%d bytes, told %v: status %d, reached %d times, want 200, %d", n, told, status, s.reached-before, reached)
			}
		}
	}
}
