package do

import (
	"context"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/durablego/do/internal/codec"
	"github.com/durablego/do/internal/socket"
)

// WebSocketHandler is an Object that hears of its sockets. Each method is an event with a turn,
// as Object.Fetch is; it wakes an object whose instance has left memory (W18). A returned
// error is logged and changes nothing; a panic resets the object and so closes its sockets
// (W10, W19). Sockets of a class that is none may be accepted; their events vanish (W8).
type WebSocketHandler interface {
	// WebSocketMessage is told of a message. Messages of one socket start in order, the next
	// when the last one's handler has returned or is in its first wait (W9).
	WebSocketMessage(ctx context.Context, ws *WebSocket, m Message) error
	// WebSocketClose is the last event of a socket: the peer closed it, or was lost. If it
	// does not call Close, the peer's code is its answer (W8, W11).
	WebSocketClose(ctx context.Context, ws *WebSocket, c CloseInfo) error
	// WebSocketError is the last event of a socket whose peer broke the protocol; the
	// connection is being closed (W7.5, W8).
	WebSocketError(ctx context.Context, ws *WebSocket, err error) error
}

// Message is a WebSocket message: binary if Binary is not nil, else text, which is valid UTF-8.
// The zero value is an empty text. Who gets one owns its bytes.
type Message struct {
	Text   string
	Binary []byte
}

// CloseInfo says how a connection ended.
type CloseInfo struct {
	Code   int    // the peer's; 1005: it gave none; 1006: no close frame came
	Reason string // the peer's, at most 123 bytes
	Clean  bool   // a close frame came
}

// WebSocket is the object's end of a socket, as one instance sees it: the same pointer for
// the life of the instance, a new one after it. The connection, its tags and its attachment
// outlive the instance (W17). Its methods may be called from any goroutine; once the instance
// is over they answer ErrReset.
type WebSocket struct {
	state  *State
	socket *socket.Socket
}

// Send queues m. A frame sent in a turn leaves when what the turn wrote is durable, also if
// it is sent inside a Transaction that rolls back; if the turn is undone it never leaves
// (W12). Elsewhere it leaves when everything committed is durable. Frames of one socket keep
// their order. Send copies m.
//
// ErrSocketClosed after Close and after the last event; also if more than
// Options.SocketQueueBytes would wait for a slow peer or for the commit: then the socket is
// closed with 1013. One larger message is fine while nothing waits (W15). A peer that
// vanished unnoticed is no error (W14). A text that is not UTF-8, or a Message that is both
// text and binary, is ErrInvalidValue.
func (w *WebSocket) Send(m Message) error {
	f, err := frameOf(m)
	if err != nil {
		return err
	}
	if why := w.state.life.Why(); why != nil {
		return why
	}
	p, err := w.socket.Admit(f)
	if err != nil {
		return err
	}
	w.state.emit(parcel{w.socket, p})
	return nil
}

// frameOf checks a message that is to be sent.
func frameOf(m Message) (*socket.Frame, error) {
	switch {
	case m.Binary == nil && !utf8.ValidString(m.Text):
		return nil, fmt.Errorf("%w: a text message is UTF-8", ErrInvalidValue)
	case m.Binary != nil && m.Text != "":
		return nil, fmt.Errorf("%w: a message is text or binary", ErrInvalidValue)
	case m.Binary != nil:
		return socket.NewFrame(socket.Message{Binary: true, Data: m.Binary}), nil
	}
	return socket.NewFrame(socket.Message{Data: []byte(m.Text)}), nil
}

// Close queues a close frame, behind what was sent and like it (W12); nothing may be sent
// afterwards. Messages that the peer has sent still come, and then WebSocketClose, with the
// peer's answer or, after ten seconds without one, with 1006 (W13). A second Close does
// nothing.
//
// Code 0 sends no code and wants an empty reason. Else code is one of 1000–4999 without 1004,
// 1005, 1006 and 1015, and reason at most 123 bytes of UTF-8; if not, ErrInvalidClose.
func (w *WebSocket) Close(code int, reason string) error {
	if !socket.ValidClose(code, reason) {
		return fmt.Errorf("%w: code %d with a reason of %d bytes", ErrInvalidClose, code, len(reason))
	}
	if why := w.state.life.Why(); why != nil {
		return why
	}
	if p, ok := w.socket.Seal(code, reason); ok {
		w.state.emit(parcel{w.socket, p})
	}
	return nil
}

// Closing says whether the object or the peer has closed the socket.
func (w *WebSocket) Closing() bool { return w.socket.Closing() }

// Tags are those of State.Accept, in its order. The result is a copy.
func (w *WebSocket) Tags() []string { return append([]string(nil), w.socket.Tags()...) }

// SetAttachment keeps a copy of v with the socket, for as long as that lives, also when the
// instance has left; it is not stored, and no part of the turn's transaction (W5). nil removes
// it. v is encoded as by kvstorage, into at most 16,384 bytes, else ErrValueTooLarge; what
// cannot be encoded is ErrInvalidValue.
func (w *WebSocket) SetAttachment(v any) error {
	if why := w.state.life.Why(); why != nil {
		return why
	}
	if v == nil {
		w.socket.SetAttachment(nil)
		return nil
	}
	data, err := codec.EncodeMax(v, maxAttachment)
	if err != nil {
		return err
	}
	w.socket.SetAttachment(data)
	return nil
}

// Attachment reads what SetAttachment kept into dst, a pointer, and says whether there is
// something; a dst of nil only asks. What does not fit is true and ErrInvalidValue. Each call
// decodes a fresh copy.
func (w *WebSocket) Attachment(dst any) (bool, error) {
	if why := w.state.life.Why(); why != nil {
		return false, why
	}
	data := w.socket.Attachment()
	if data == nil || dst == nil {
		return data != nil, nil
	}
	return true, codec.Decode(data, dst)
}

// AutoResponseAt is when the socket last got an automatic response, or the zero time (W6).
func (w *WebSocket) AutoResponseAt() time.Time { return w.socket.AutoResponseAt() }
