package peer

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/durablego/do/internal/codec"
	"github.com/durablego/do/internal/doerr"
)

// head is what an object sees of a request beside method, URL and content.
type head struct {
	Host       string            `cbor:"1,keyasint,omitempty"`
	Proto      string            `cbor:"2,keyasint,omitempty"`
	Major      int               `cbor:"3,keyasint,omitempty"`
	Minor      int               `cbor:"4,keyasint,omitempty"`
	Header     http.Header       `cbor:"5,keyasint,omitempty"`
	Trailer    http.Header       `cbor:"6,keyasint,omitempty"`
	RemoteAddr string            `cbor:"7,keyasint,omitempty"`
	RequestURI string            `cbor:"8,keyasint,omitempty"`
	Pattern    string            `cbor:"9,keyasint,omitempty"`
	Params     map[string]string `cbor:"10,keyasint,omitempty"`
}

func headOf(r *http.Request, params map[string]string) ([]byte, error) {
	return codec.EncodeMax(head{
		r.Host, r.Proto, r.ProtoMajor, r.ProtoMinor, r.Header, r.Trailer, r.RemoteAddr, r.RequestURI, r.Pattern, params,
	}, maxHead)
}

// pack makes the body of a request.
func pack(head, content []byte) []byte {
	b := make([]byte, 0, 4+len(head)+len(content))
	b = binary.BigEndian.AppendUint32(b, uint32(len(head)))
	return append(append(b, head...), content...)
}

// unpack is the inverse of pack.
func unpack(body []byte) (head, content []byte, err error) {
	if len(body) < 4 {
		return nil, nil, errMalformed
	}
	n := uint64(binary.BigEndian.Uint32(body))
	body = body[4:]
	if n > maxHead || n > uint64(len(body)) {
		return nil, nil, errMalformed
	}
	return body[:n], body[n:], nil
}

// request makes the request that the caller's object, or program, had.
func (q *Request) request(encoded, content []byte) (*http.Request, error) {
	h, err := codec.DecodeAs[head](encoded)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(q.URL)
	if err != nil || !u.IsAbs() {
		return nil, fmt.Errorf("%w: the URL of a request to a peer", doerr.ErrInvalidValue)
	}
	r := &http.Request{
		Method: q.Method, URL: u, Host: h.Host, Proto: h.Proto, ProtoMajor: h.Major, ProtoMinor: h.Minor,
		Header: h.Header, Trailer: h.Trailer, RemoteAddr: h.RemoteAddr, RequestURI: h.RequestURI, Pattern: h.Pattern,
		Body: http.NoBody, ContentLength: int64(len(content)),
	}
	if len(content) > 0 {
		r.Body = io.NopCloser(bytes.NewReader(content))
	}
	for name, value := range h.Params {
		r.SetPathValue(name, value)
	}
	return r, nil
}

// answer is the head of a response.
type answer struct {
	Status  int         `cbor:"1,keyasint"`
	Header  http.Header `cbor:"2,keyasint,omitempty"`
	Length  int64       `cbor:"3,keyasint"` // -1: not known
	Trailer []string    `cbor:"4,keyasint,omitempty"`
	Whole   bool        `cbor:"5,keyasint,omitempty"` // the body was in memory
}

// end is the end of a response's body.
type end struct {
	Trailer http.Header `cbor:"1,keyasint,omitempty"`
	Failure *Failure    `cbor:"2,keyasint,omitempty"`
}
