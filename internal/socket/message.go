package socket

import (
	"io"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// Message is one text or binary message. Text is UTF-8.
type Message struct {
	Binary bool
	Data   []byte
}

// Close is how a connection ended.
type Close struct {
	Code   int // 1005: a close frame without code; 1006: none came
	Reason string
	Clean  bool // a close frame came
}

// Codes that are not sent by peers, or by us on our own account (W7, W13, W15, W19).
const (
	CodeGoingAway = 1001
	codeProtocol  = 1002
	codeNone      = 1005
	codeLost      = 1006
	codeData      = 1007
	codeTooBig    = 1009
	CodeReset     = 1011
	CodeRestart   = 1012
	codeTryLater  = 1013
)

// MaxReason is the longest reason of a close frame, in bytes.
const MaxReason = ws.MaxControlFramePayloadSize - 2

// ValidClose says whether a close frame may carry code and reason (W13).
func ValidClose(code int, reason string) bool {
	switch {
	case code == 0:
		return reason == ""
	case code < 1000, code > 4999, code == 1004, code == codeNone, code == codeLost, code == 1015:
		return false
	}
	return len(reason) <= MaxReason && utf8.ValidString(reason)
}

// frameOf gives the bytes of a frame that is not masked.
func frameOf[T string | []byte](op ws.OpCode, compressed bool, payload T) []byte {
	h := ws.Header{Fin: true, OpCode: op, Rsv: ws.Rsv(compressed, false, false), Length: int64(len(payload))}
	p := make([]byte, ws.MaxHeaderSize+len(payload))
	_ = ws.WriteHeaderBuffer(io.Discard, h, p[:ws.MaxHeaderSize]) // it is in p now; a length of int cannot be wrong
	n := ws.HeaderSize(h)
	return p[:n+copy(p[n:], payload)]
}

// closeFrame gives a close frame; code 0 and 1005 are one without a code.
func closeFrame(code int, reason string) []byte {
	if code == 0 || code == codeNone {
		return frameOf(ws.OpClose, false, "")
	}
	return frameOf(ws.OpClose, false, ws.NewCloseFrameBody(ws.StatusCode(code), reason))
}

// isClose says whether p is a close frame.
func isClose(p []byte) bool { return ws.OpCode(p[0]&0x0f) == ws.OpClose }

// Frame is an encoded message. It may be held for many sockets: it is encoded at most once in
// each form. Not for concurrent use.
type Frame struct {
	m      Message
	plain  []byte
	packed []byte // compressed; nil: not tried
}

// NewFrame prepares m, whose data must not change before the Frame is dropped.
func NewFrame(m Message) *Frame { return &Frame{m: m} }

// bytes gives the form that goes to s.
func (f *Frame) bytes(deflate bool) []byte {
	op := ws.OpText
	if f.m.Binary {
		op = ws.OpBinary
	}
	if deflate && len(f.m.Data) >= worthPacking {
		if f.packed == nil {
			f.packed = frameOf(op, true, pack(f.m.Data))
		}
		return f.packed
	}
	if f.plain == nil {
		f.plain = frameOf(op, false, f.m.Data)
	}
	return f.plain
}
