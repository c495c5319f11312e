package peer

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/durablego/do/internal/doerr"
)

// HostOptions say whom a host serves, and how.
type HostOptions struct {
	Environment string
	Callers     map[string][][]byte // their secrets, by calling script
	MaxBody     int64               // of requests, in bytes
	Logger      *slog.Logger

	// Fetch has the object answer r, and Call gives the encoded result of its method q.Method for
	// an encoded argument, or for none. ctx ends when the caller goes or its time is up.
	Fetch func(ctx context.Context, q *Request, r *http.Request) (*http.Response, *Failure)
	Call  func(ctx context.Context, q *Request, argument []byte) ([]byte, *Failure)
}

// host is the host's side: an http.Handler.
type host struct {
	HostOptions
	start  int64 // Unix time in milliseconds
	nonces map[string]*nonces
}

// NewHost makes the handler that callers' URLs lead to. Requests sent before now are refused:
// their nonces are not known (B5).
func NewHost(o HostOptions) http.Handler {
	h := &host{HostOptions: o, start: time.Now().UnixMilli(), nonces: map[string]*nonces{}}
	for caller := range o.Callers {
		h.nonces[caller] = &nonces{most: maxNonces}
	}
	return h
}

var (
	errUnknown     = errors.New("the caller is not known")
	errTime        = errors.New("the time is out of the window")
	errSignature   = errors.New("the signature does not match")
	errDigest      = errors.New("a digest does not match")
	errEnvironment = errors.New("the environment is another one")
)

// admit checks what comes before the body.
func (h *host) admit(r *http.Request) (e envelope, err error) {
	if r.Method != http.MethodPost {
		return e, errMalformed
	}
	v, signature, err := readValues(r.Header)
	if err != nil {
		return e, err
	}
	if e, err = v.parse(); err != nil {
		return e, err
	}
	secrets := h.Callers[e.Caller]
	now := time.Now().UnixMilli()
	switch {
	case secrets == nil:
		return e, errUnknown
	case e.sent < h.start, e.sent < now-window.Milliseconds(), e.sent > now+window.Milliseconds():
		return e, errTime
	case !v.signedBy(secrets, signature):
		return e, errSignature
	}
	return e, h.nonces[e.Caller].use(e.nonce)
}

// ServeHTTP answers one request of a caller.
//
// It panics with http.ErrAbortHandler, as net/http wants it, to cut a connection on which
// nothing more can be said.
func (h *host) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e, err := h.admit(r)
	if err != nil {
		h.refuse(w, r, &e, err)
		return
	}
	body, err := h.readBody(r)
	switch {
	case errors.Is(err, doerr.ErrValueTooLarge):
		writeFailure(w, Describe(err))
		return
	case err != nil:
		w.WriteHeader(http.StatusBadRequest) // the caller has gone
		return
	case sha256.Sum256(body) != e.body:
		h.refuse(w, r, &e, errDigest)
		return
	}
	head, content, err := unpack(body)
	switch {
	case err != nil:
		h.refuse(w, r, &e, err)
		return
	case sha256.Sum256(head) != e.head:
		h.refuse(w, r, &e, errDigest)
		return
	case e.Environment != h.Environment:
		h.refuse(w, r, &e, errEnvironment)
		return
	}
	if e.Op == OpCall {
		h.call(w, r, &e.Request, content)
		return
	}
	h.fetch(w, r, &e.Request, head, content)
}

// refuse answers what may not come in (B6).
func (h *host) refuse(w http.ResponseWriter, r *http.Request, e *envelope, why error) {
	h.Logger.LogAttrs(context.Background(), slog.LevelWarn, "a request of a peer was refused",
		slog.String("caller", e.Caller[:min(len(e.Caller), 100)]), slog.String("remote", r.RemoteAddr), slog.Any("cause", why))
	w.WriteHeader(http.StatusUnauthorized)
}

func (h *host) readBody(r *http.Request) ([]byte, error) {
	most := h.MaxBody + maxHead + 4
	var b bytes.Buffer
	if r.ContentLength <= most {
		b.Grow(int(min(max(r.ContentLength, 0), maxHead)) + bytes.MinRead)
		if _, err := b.ReadFrom(io.LimitReader(r.Body, most+1)); err != nil {
			return nil, err
		}
	}
	if r.ContentLength > most || int64(b.Len()) > most {
		return nil, fmt.Errorf("%w: a peer takes at most %d bytes", doerr.ErrValueTooLarge, h.MaxBody)
	}
	return b.Bytes(), nil
}

// patience is r's context with what the caller still waits (B14).
func patience(r *http.Request, q *Request) (context.Context, context.CancelFunc) {
	if q.Timeout == 0 {
		return r.Context(), func() {}
	}
	return context.WithTimeout(r.Context(), q.Timeout)
}

func (h *host) call(w http.ResponseWriter, r *http.Request, q *Request, argument []byte) {
	if int64(len(argument)) > h.MaxBody {
		writeFailure(w, Describe(doerr.ErrValueTooLarge))
		return
	}
	ctx, cancel := patience(r, q)
	defer cancel()
	result, failure := h.Call(ctx, q, argument)
	if failure != nil {
		writeFailure(w, failure)
		return
	}
	b := appendFrame(make([]byte, 0, frameHead+len(result)), resultFrame, result)
	writeStatus(w)
	_, _ = w.Write(b) // fails when the caller has gone
}

func (h *host) fetch(w http.ResponseWriter, r *http.Request, q *Request, head, content []byte) {
	if int64(len(content)) > h.MaxBody {
		writeFailure(w, Describe(doerr.ErrValueTooLarge))
		return
	}
	request, err := q.request(head, content)
	if err != nil {
		writeFailure(w, Describe(err))
		return
	}
	ctx, cancel := patience(r, q)
	response, failure := h.Fetch(ctx, q, request)
	cancel() // the body is not bound to it
	switch {
	case failure != nil:
		writeFailure(w, failure)
	case response.StatusCode == http.StatusSwitchingProtocols:
		h.upgrade(w, q, response)
	default:
		h.answer(w, r, response)
	}
}
