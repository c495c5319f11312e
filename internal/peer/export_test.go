package peer

import (
	"context"
	"crypto/sha256"
	"io"
	"net/http"
	"time"
)

// Fields are the signed headers, and Kinds the errors that are found again.
var Fields, Kinds = fields, kinds

// Sealed gives a POST of q as a client with that secret sends it, with its time moved by skew.
func Sealed(secret []byte, q Request, r *http.Request, content []byte, skew time.Duration) (*http.Request, []byte) {
	head, err := headOf(r, nil)
	if err != nil {
		panic(err)
	}
	body := pack(head, content)
	return SealedBody(secret, q, head, body, skew), body
}

// SealedBody is Sealed for any body, and the head it should have.
func SealedBody(secret []byte, q Request, head, body []byte, skew time.Duration) *http.Request {
	e := envelope{Request: q, head: sha256.Sum256(head), body: sha256.Sum256(body)}
	h, err := (&Client{o: ClientOptions{Secret: secret}}).seal(context.Background(), &e)
	if err != nil {
		panic(err)
	}
	if skew != 0 {
		e.sent += skew.Milliseconds()
		v, _ := e.values()
		v.write(h, v.sign(secret))
	}
	return &http.Request{Method: http.MethodPost, Header: h, ContentLength: int64(len(body)), RemoteAddr: "test"}
}

// Reread gives the fields of an envelope as they are written again, and the request.
func Reread(h http.Header) (written []string, q Request, err error) {
	v, _, err := readValues(h)
	var e envelope
	if err == nil {
		e, err = v.parse()
	}
	if err != nil {
		return nil, q, err
	}
	w, err := e.values()
	return w[:], e.Request, err
}

// ReadAnswer reads an answer of a host like a client.
func ReadAnswer(h http.Header, body io.ReadCloser) (*http.Response, error) {
	c := NewClient(ClientOptions{MaxResult: 1 << 20})
	x := &exchange{client: c, in: body, stop: func() bool { return true }, cancel: func() {}}
	if err := x.begin(&http.Response{StatusCode: 200, Header: h, Body: body}); err != nil {
		return nil, err
	}
	return x.response(context.Background())
}
