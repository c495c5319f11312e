package router

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
)

const (
	maxMemory = 1 << 20 // what of a body is kept in memory (N7)
	firstRead = 32 << 10
)

var errTooLong = &refusal{http.StatusRequestEntityTooLarge, "the body is too long"}

// body is a request's body, complete.
type body struct {
	io.ReadCloser
	length int64
	file   *fileBody // if it is in one
}

// release removes what the body holds outside of memory.
func (b body) release() {
	if b.file != nil {
		b.file.discard()
	}
}

// readBody reads r's body to its end, of at most limit bytes unless that is negative.
func readBody(r *http.Request, limit int64) (body, error) {
	switch {
	case r.Body == nil || r.Body == http.NoBody || r.ContentLength == 0:
		return body{ReadCloser: http.NoBody}, nil
	case limit >= 0 && r.ContentLength > limit:
		return body{}, errTooLong
	case r.ContentLength > maxMemory:
		return spill(r, nil, limit)
	}
	most := int64(maxMemory)
	if limit >= 0 {
		most = min(most, limit)
	}
	p, err := readUpTo(r.Body, int(most), r.ContentLength)
	switch {
	case err != nil:
		return body{}, asRefusal(err)
	case int64(len(p)) <= most:
		m := &memoryBody{}
		m.Reset(p)
		return body{ReadCloser: m, length: int64(len(p))}, nil
	case most == limit:
		return body{}, errTooLong
	}
	return spill(r, p, limit)
}

// readUpTo reads until r ends or has given more than most bytes. What is set aside grows
// with what came, not with what hint promises: promises cost a client nothing.
func readUpTo(r io.Reader, most int, hint int64) ([]byte, error) {
	room := 512
	if hint >= 0 {
		room = int(min(hint+1, firstRead))
	}
	p := make([]byte, 0, room)
	for {
		if len(p) == cap(p) {
			p = append(make([]byte, 0, min(2*cap(p), most+1)), p...)
		}
		n, err := r.Read(p[len(p):cap(p)])
		p = p[:len(p)+n]
		switch {
		case err == io.EOF || len(p) > most:
			return p, nil
		case err != nil:
			return nil, err
		}
	}
}

// memoryBody is a body in memory. It is never used again, since an object may read it for
// as long as it likes.
type memoryBody struct{ bytes.Reader }

// Close does nothing.
func (*memoryBody) Close() error { return nil }

// asRefusal says whose fault it is that a body could not be read.
func asRefusal(err error) error {
	var limit *http.MaxBytesError
	switch {
	case errors.As(err, &limit):
		return errTooLong
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &refusal{http.StatusRequestTimeout, "the body took too long"}
	}
	return &refusal{http.StatusBadRequest, "the body could not be read"}
}
