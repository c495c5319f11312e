package socket

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"sync"

	"github.com/gobwas/ws/wsflate"
)

// worthPacking is the length from which a message is compressed.
const worthPacking = 128

// Compression never goes from one message over to the next: a parked socket keeps no window.

var packers = sync.Pool{New: func() any {
	return wsflate.NewWriter(nil, func(w io.Writer) wsflate.Compressor {
		f, _ := flate.NewWriter(w, flate.BestSpeed) // no error with a level that exists
		return f
	})
}}

// pack compresses one message.
func pack(data []byte) []byte {
	var out bytes.Buffer
	w := packers.Get().(*wsflate.Writer)
	defer packers.Put(w)
	w.Reset(&out)
	_, _ = w.Write(data) // a Buffer never fails
	_ = w.Close()
	return out.Bytes()
}

// inflater is a flate reader that wsflate can use again.
type inflater struct{ io.Reader }

func (i inflater) Reset(r io.Reader) {
	_ = i.Reader.(flate.Resetter).Reset(r, nil) // no error without a dictionary
}

var unpackers = sync.Pool{New: func() any {
	return wsflate.NewReader(bytes.NewReader(nil), func(r io.Reader) wsflate.Decompressor { return inflater{flate.NewReader(r)} })
}}

var errTooBig = errors.New("the message is too long")

// unpack decompresses one message, of at most max bytes.
func unpack(data []byte, max int) ([]byte, error) {
	r := unpackers.Get().(*wsflate.Reader)
	r.Reset(bytes.NewReader(data))
	defer func() {
		r.Reset(bytes.NewReader(nil)) // data is not ours to keep
		unpackers.Put(r)
	}()
	var out bytes.Buffer
	n, err := io.Copy(&out, io.LimitReader(r, int64(max)+1))
	switch {
	case n > int64(max):
		return nil, errTooBig
	case err != nil:
		return nil, err
	}
	return out.Bytes(), nil
}
