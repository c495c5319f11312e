package peer

import (
	"bytes"
	"context"
	"encoding/base64"
	"io"
	"net/http"
	"strconv"

	"github.com/durablego/do/internal/codec"
)

// maxEager is how long a body may be to be read at once, if the object had it in memory.
const maxEager = 64 << 10

// response makes the response of an exchange.
func (x *exchange) response(ctx context.Context) (*http.Response, error) {
	head, body := x.payload, io.ReadWriteCloser(nil)
	switch x.kind {
	case 0:
		decoded, err := base64.StdEncoding.DecodeString(string(head))
		if err != nil {
			return nil, x.spoiled()
		}
		head, body = decoded, x.in.(io.ReadWriteCloser)
	case headFrame:
	default:
		return nil, x.spoiled()
	}
	a, err := codec.DecodeAs[answer](head)
	if err != nil || (a.Status == http.StatusSwitchingProtocols) != (body != nil) {
		return nil, x.spoiled()
	}
	response := &http.Response{
		StatusCode: a.Status, Status: strconv.Itoa(a.Status) + " " + http.StatusText(a.Status),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.Header, ContentLength: a.Length,
	}
	if response.Header == nil {
		response.Header = http.Header{}
	}
	for _, name := range a.Trailer {
		if response.Trailer == nil {
			response.Trailer = http.Header{}
		}
		response.Trailer[name] = nil
	}
	s := &stream{x: x, response: response}
	response.Body = s
	switch {
	case body != nil:
		response.Body, err = x.client.link(body, x.conn)
		if err != nil {
			x.end()
			return nil, err
		}
	case a.Whole && a.Length >= 0 && a.Length <= maxEager:
		if err := s.slurp(ctx); err != nil {
			return nil, err
		}
		return response, nil
	}
	if !x.stop() { // ctx has ended
		_ = response.Body.Close()
		return nil, ctx.Err()
	}
	if body != nil {
		x.cancel() // the transport has let go of the connection
	}
	return response, nil
}

func (x *exchange) spoiled() error {
	x.end()
	return lost(errFrame)
}

// stream is the body of a response as it comes.
type stream struct {
	x        *exchange
	response *http.Response
	left     int // of the frame
	over     error
}

// Read gives what came of the body; at its end io.EOF, or why there is no more.
func (s *stream) Read(p []byte) (int, error) {
	for s.left == 0 && s.over == nil {
		s.over = s.next()
	}
	if s.over != nil {
		return 0, s.over
	}
	n, err := s.x.in.Read(p[:min(len(p), s.left)])
	s.left -= n
	if err != nil && s.left > 0 {
		s.over = s.cut(err)
	}
	if n == 0 {
		return 0, s.over
	}
	return n, nil
}

// next reads the head of the next frame, and the end of the body.
func (s *stream) next() error {
	kind, n, err := readFrameHead(s.x.in, 0)
	switch {
	case err != nil:
		return s.cut(err)
	case kind == dataFrame:
		s.left = n
		return nil
	case kind != endFrame:
		return s.cut(errFrame)
	}
	payload, err := readPayload(s.x.in, n)
	if err != nil {
		return s.cut(err)
	}
	e, err := codec.DecodeAs[end](payload)
	if err != nil {
		return s.cut(errFrame)
	}
	_, _ = io.Copy(io.Discard, s.x.in) // for the connection to be used again
	if e.Failure != nil {
		return e.Failure
	}
	for k, values := range e.Trailer {
		if s.response.Trailer == nil {
			s.response.Trailer = http.Header{}
		}
		s.response.Trailer[k] = values
	}
	return io.EOF
}

// cut is the error of a body that did not end as it should.
func (s *stream) cut(err error) error {
	if s.x.client.open.Err() != nil {
		return closed()
	}
	return lost(err)
}

// Close gives the connection back, or ends it if not all was read; a Read that waits ends too.
func (s *stream) Close() error {
	s.x.end()
	return nil
}

// slurp reads the whole body.
func (s *stream) slurp(ctx context.Context) error {
	defer s.x.end()
	b, err := io.ReadAll(s)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return err
	}
	m := &memoryBody{}
	m.Reset(b)
	s.response.Body = m
	return nil
}

// memoryBody is a body that has come whole.
type memoryBody struct{ bytes.Reader }

// Close does nothing.
func (*memoryBody) Close() error { return nil }
