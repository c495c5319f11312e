package peer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/durablego/do/internal/doerr"
)

// The kinds of frames.
const (
	headFrame    = 'H'
	dataFrame    = 'D'
	endFrame     = 'E'
	resultFrame  = 'R'
	failureFrame = 'F'
)

const (
	frameHead = 5
	maxChunk  = 32 << 10 // of data
	maxHead   = 1 << 20  // of everything else but results (B3)
)

var errFrame = errors.New("the answer is malformed")

// appendFrame appends a frame to b.
func appendFrame(b []byte, kind byte, payload []byte) []byte {
	var h [frameHead]byte
	putFrameHead(h[:], kind, len(payload))
	return append(append(b, h[:]...), payload...)
}

func putFrameHead(b []byte, kind byte, n int) {
	b[0] = kind
	binary.BigEndian.PutUint32(b[1:], uint32(n))
}

// readFrameHead reads kind and length of the next frame, which is at most maxResult long if it
// is a result.
func readFrameHead(r io.Reader, maxResult int64) (kind byte, n int, err error) {
	var b [frameHead]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return 0, 0, err
	}
	most := int64(maxHead)
	switch b[0] {
	case dataFrame:
		most = maxChunk
	case resultFrame:
		most = maxResult
	case headFrame, endFrame, failureFrame:
	default:
		return 0, 0, errFrame
	}
	length := int64(binary.BigEndian.Uint32(b[1:]))
	switch {
	case length > most && b[0] == resultFrame:
		return 0, 0, fault(doerr.ErrValueTooLarge, fmt.Errorf("the result takes %d bytes", length))
	case length > most:
		return 0, 0, errFrame
	}
	return b[0], int(length), nil
}

// readPayload reads n bytes. Memory grows with what comes, not with what was promised.
func readPayload(r io.Reader, n int) ([]byte, error) {
	p := make([]byte, 0, min(n, maxChunk))
	for len(p) < n {
		if len(p) == cap(p) {
			p = append(make([]byte, 0, min(2*cap(p), n)), p...)
		}
		got, err := io.ReadFull(r, p[len(p):cap(p)])
		if p = p[:len(p)+got]; err != nil {
			return nil, err
		}
	}
	return p, nil
}
