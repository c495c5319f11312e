package socket

import (
	"errors"
	"io"
	"net"
	"time"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// read reads from the connection until the socket is parked, closed or lost. head is what
// came already; with none, something is about to. One goroutine at a time.
func (s *Socket) read(conn net.Conn, head []byte) {
	r := &reader{s: s, conn: conn, left: head}
	defer r.release()
	for first := true; ; first = false {
		if !first && r.empty() {
			r.release()
			if !r.lingering && s.park(conn) {
				return
			}
		}
		m, err := r.message()
		switch v := err.(type) {
		case nil:
			if !s.deliver(m, r) {
				return
			}
		case *peerClose:
			s.peerClosed(v.Close)
			return
		case *violation:
			s.fault(v)
			r.drain()
			s.lose()
			return
		default:
			if err == errIdle {
				r.lingering = false
				continue
			}
			s.lose()
			return
		}
	}
}

// deliver hands m over and waits until the next message may be read; false if the socket is
// over.
func (s *Socket) deliver(m Message, r *reader) bool {
	if !m.Binary {
		if a := s.set.auto.Load(); a != nil && string(m.Data) == a.request {
			s.mu.Lock()
			s.autoAt = time.Now()
			s.mu.Unlock()
			s.control(a.frame)
			return true
		}
	}
	now := s.set.hub.now()
	r.lingering = s.lastMessage > 0 && now-s.lastMessage < int64(linger)
	s.lastMessage = now
	if r.next == nil {
		r.next = make(chan struct{}, 1)
	}
	s.mu.Lock()
	if s.over {
		s.mu.Unlock()
		return false
	}
	if s.last || s.set.hub.deaf.Load() {
		s.mu.Unlock()
		return true
	}
	s.next = r.next
	s.mu.Unlock()
	if r.empty() {
		r.release()
	}
	s.set.host.Message(s, m)
	<-r.next
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.over
}

// sendHome ends a Read that waits for the next message, so that the socket is parked.
func (s *Socket) sendHome() {
	if s.lingers.Swap(0) == 0 {
		return
	}
	s.mu.Lock()
	conn := s.conn
	s.mu.Unlock()
	_ = conn.SetReadDeadline(time.Unix(1, 0)) // a connection that is gone ends the Read as well
}

// peerClose is a close frame of the peer.
type peerClose struct{ Close }

func (*peerClose) Error() string { return "the peer closed" }

// message reads the next message. Control frames on the way are dealt with; a close frame is
// an error. What the peer promises costs nothing before it comes.
func (r *reader) message() (Message, error) {
	var m Message
	begun, packed := false, false
	max := r.s.set.hub.o.MaxMessage
	for {
		if !begun {
			if err := r.await(); err != nil {
				return m, err
			}
		}
		h, err := r.header(begun)
		if err != nil {
			return m, err
		}
		if h.OpCode.IsControl() {
			if err := r.control(h); err != nil {
				return m, err
			}
			continue
		}
		if !begun {
			begun, packed, m.Binary = true, h.Rsv1(), h.OpCode == ws.OpBinary
		}
		if h.Length > int64(max-len(m.Data)) {
			return m, &violation{codeTooBig, errTooBig.Error()}
		}
		if m.Data, err = r.payload(m.Data, int(h.Length), h.Mask); err != nil {
			return m, err
		}
		if !h.Fin {
			continue
		}
		if packed {
			if m.Data, err = unpack(m.Data, max); err == errTooBig {
				return m, &violation{codeTooBig, err.Error()}
			} else if err != nil {
				return m, &violation{codeData, "a message cannot be decompressed"}
			}
		}
		if !m.Binary && !utf8.Valid(m.Data) {
			return m, &violation{codeData, "a text is not UTF-8"}
		}
		return m, nil
	}
}

// header reads the header of a frame and checks it.
func (r *reader) header(fragmented bool) (ws.Header, error) {
	h, err := ws.ReadHeaderBuffer(r, r.head[:])
	if err != nil {
		if errors.Is(err, ws.ErrHeaderLengthMSB) || errors.Is(err, ws.ErrHeaderLengthUnexpected) {
			err = &violation{codeProtocol, err.Error()}
		}
		return h, err
	}
	state := ws.StateServerSide
	if fragmented {
		state = state.Set(ws.StateFragmented)
	}
	if compressed := ws.Rsv(true, false, false); r.s.deflate && h.Rsv == compressed && !fragmented && h.OpCode.IsData() {
		state = state.Set(ws.StateExtended)
	}
	if err := ws.CheckHeader(h, state); err != nil {
		return h, &violation{codeProtocol, err.Error()}
	}
	return h, nil
}

// control deals with a control frame (W7.6); a close frame is its error.
func (r *reader) control(h ws.Header) error {
	p, err := r.payload(nil, int(h.Length), h.Mask)
	if err != nil {
		return err
	}
	switch h.OpCode {
	case ws.OpPing:
		r.s.control(frameOf(ws.OpPong, false, p))
	case ws.OpClose:
		if len(p) == 0 {
			return &peerClose{Close{Code: codeNone, Clean: true}}
		}
		code, reason := ws.ParseCloseFrameData(p)
		switch {
		case !utf8.ValidString(reason):
			return &violation{codeData, "a reason is not UTF-8"}
		case len(p) == 1 || code == 0 || !ValidClose(int(code), reason):
			return &violation{codeProtocol, "a close frame with a code that must not be sent"}
		}
		return &peerClose{Close{Code: int(code), Reason: reason, Clean: true}}
	}
	return nil
}

// drain reads and forgets, so that the peer sees our close frame and not a reset connection.
func (r *reader) drain() {
	buf := buffers.Get().(*buffer)
	defer buffers.Put(buf)
	for {
		if _, err := r.fetch(buf[:]); err != nil && !errors.Is(err, errIdle) {
			return
		}
	}
}

var _ io.Reader = (*reader)(nil)
