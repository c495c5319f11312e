package do

import (
	"fmt"
	"time"

	"github.com/durablego/do/internal/socket"
)

// Limits of sockets that are fixed (N23, N27).
const (
	maxAttachment   = 16 << 10
	maxAutoResponse = 2 << 10
	maxSocketEvent  = 7 * 24 * time.Hour
)

// WebSockets gives the object's sockets that carry all tags, in the order in which they were
// accepted; without tags all of them, the newest first (W4). A socket is listed until its last
// event is through. From any goroutine; nil once the instance is over.
func (s *State) WebSockets(tags ...string) []*WebSocket {
	set := s.cell.sockets.Load()
	if set == nil || s.life.Why() != nil {
		return nil
	}
	list := set.List(tags...)
	faces := make([]*WebSocket, len(list))
	s.faceMu.Lock()
	defer s.faceMu.Unlock()
	for i, so := range list {
		faces[i] = s.faceLocked(so)
	}
	return faces
}

// Broadcast sends m to the sockets that carry all tags, or to all, as WebSocket.Send does. It
// leaves out those that are closing, and does not fail because of one (W15). Its errors are
// ErrInvalidValue for the message and ErrReset. From any goroutine.
func (s *State) Broadcast(m Message, tags ...string) error { return s.BroadcastExcept(nil, m, tags...) }

// BroadcastExcept is Broadcast without the sockets in except.
func (s *State) BroadcastExcept(except []*WebSocket, m Message, tags ...string) error {
	f, err := frameOf(m)
	if err != nil {
		return err
	}
	if why := s.life.Why(); why != nil {
		return why
	}
	set := s.cell.sockets.Load()
	if set == nil {
		return nil
	}
	var left map[*socket.Socket]bool
	for _, w := range except {
		if left == nil {
			left = map[*socket.Socket]bool{}
		}
		if w != nil {
			left[w.socket] = true
		}
	}
	list := set.List(tags...)
	batch := make([]parcel, 0, len(list))
	for _, so := range list {
		if left[so] {
			continue
		}
		if p, err := so.Admit(f); err == nil { // else it is closing, by now at least
			batch = append(batch, parcel{so, p})
		}
	}
	s.emit(batch...)
	return nil
}

// SetAutoResponse has text messages that are exactly request answered with response, on all
// sockets of the object, without an event and without waking it (W6). There is one pair: it
// replaces the one before. It outlives the instance, but not a reset. Each side has at most
// 2,048 bytes, else ErrValueTooLarge, and is UTF-8, else ErrInvalidValue.
func (s *State) SetAutoResponse(request, response string) error {
	for _, text := range []string{request, response} {
		if len(text) > maxAutoResponse {
			return fmt.Errorf("%w: each side of an automatic response has at most %d bytes", ErrValueTooLarge, maxAutoResponse)
		}
		if _, err := frameOf(Message{Text: text}); err != nil {
			return err
		}
	}
	return s.change(func(set *socket.Set) error { return set.SetAuto(s.epoch, request, response) })
}

// AutoResponse gives the pair of SetAutoResponse; ok is false if there is none.
func (s *State) AutoResponse() (request, response string, ok bool) {
	if set := s.cell.sockets.Load(); set != nil {
		return set.Auto()
	}
	return "", "", false
}

// ClearAutoResponse ends automatic responses. The error is ErrReset or nil.
func (s *State) ClearAutoResponse() error {
	return s.change(func(set *socket.Set) error { return set.ClearAuto(s.epoch) })
}

// SetWebSocketTimeout bounds the events of the object's sockets: a handler that takes longer
// than d, waits included, resets the object (W20). Zero is no limit; at most 7 days, and not
// negative, else ErrInvalidOptions. It counts from the next event on, and outlives the
// instance, but not a reset.
func (s *State) SetWebSocketTimeout(d time.Duration) error {
	if d < 0 || d > maxSocketEvent {
		return fmt.Errorf("%w: a time limit of socket events is from 0 to 7 days", ErrInvalidOptions)
	}
	return s.change(func(set *socket.Set) error { return set.SetTimeout(s.epoch, d) })
}

// WebSocketTimeout is what SetWebSocketTimeout has set.
func (s *State) WebSocketTimeout() time.Duration {
	if set := s.cell.sockets.Load(); set != nil {
		return set.Timeout()
	}
	return 0
}

func (s *State) change(fn func(*socket.Set) error) error {
	if why := s.life.Why(); why != nil {
		return why
	}
	return fn(s.sockets())
}

// sockets gives the object's set, made if there is none.
func (s *State) sockets() *socket.Set {
	c := s.cell
	if set := c.sockets.Load(); set != nil {
		return set
	}
	c.sockets.CompareAndSwap(nil, socket.NewSet(c.served.rt.sockets, (*socketHost)(c)))
	return c.sockets.Load()
}

// face gives the WebSocket of a socket: one for the life of the instance.
func (s *State) face(so *socket.Socket) *WebSocket {
	s.faceMu.Lock()
	defer s.faceMu.Unlock()
	return s.faceLocked(so)
}

func (s *State) faceLocked(so *socket.Socket) *WebSocket {
	w := s.faces[so]
	if w == nil {
		w = &WebSocket{s, so}
		if s.faces == nil {
			s.faces = map[*socket.Socket]*WebSocket{}
		}
		s.faces[so] = w
	}
	return w
}

// forgetFace is called when the socket's last event is through.
func (s *State) forgetFace(so *socket.Socket) {
	s.faceMu.Lock()
	defer s.faceMu.Unlock()
	delete(s.faces, so)
}
