package do

import (
	"net/http"

	"github.com/durablego/do/internal/actor"
	"github.com/durablego/do/internal/socket"
)

// Accept makes a socket of a WebSocket handshake, for the object to keep, and the 101 answer
// that its Fetch must return: else the socket is dropped and no event is told (W2). A
// subprotocol is set on the answer's Header. r is the request of the event, as it came or
// derived from it, else ErrOutsideTurn; what is no handshake (HTTP/1.1, version 13) gives
// ErrNotUpgrade, which router answers with 426 (W1). Inside Serve, a handler that called
// Accept has answered with the 101 (W23).
//
// The socket is listed at once, and what is sent before the handshake follows it. tags, at
// most 10 of at most 256 bytes each, duplicates dropped, find it again, else ErrTags (W3).
// With Options.MaxSockets sockets: ErrTooManySockets.
//
// The answer may be passed on by other objects. Its Body hands the connection over; whoever
// uses it directly finds an io.ReadWriteCloser of raw frames there (W21, W22). If that is
// neither used within 30 seconds, nor closed, the peer counts as lost.
func (s *State) Accept(r *http.Request, tags ...string) (*WebSocket, *http.Response, error) {
	if r == nil {
		return nil, nil, ErrNotUpgrade
	}
	ctx := r.Context()
	if err := s.life.Check(ctx); err != nil {
		return nil, nil, err
	}
	kept, err := socket.CheckTags(tags)
	if err != nil {
		return nil, nil, err
	}
	shake, err := socket.ReadHandshake(r, s.cell.served.class.compress)
	if err != nil {
		return nil, nil, err
	}
	so, err := s.sockets().Accept(s.epoch, s.cell.served.rt.options.MaxSockets, kept, shake.Deflate)
	if err != nil {
		return nil, nil, err
	}
	pass := socket.NewPass(so)
	if s.accepted == nil {
		s.accepted = map[*actor.Turn][]*accepted{}
	}
	response := &http.Response{
		StatusCode: http.StatusSwitchingProtocols,
		Status:     "101 Switching Protocols",
		Proto:      "HTTP/1.1",
		ProtoMajor: 1,
		ProtoMinor: 1,
		Header:     shake.Header,
		Body:       pass,
	}
	turn := actor.From(ctx)
	s.accepted[turn] = append(s.accepted[turn], &accepted{pass, response})
	return s.face(so), response, nil
}

// accepted is a socket whose event has not ended.
type accepted struct {
	pass     *socket.Pass
	response *http.Response
}

// settle is the end of an event that may have accepted sockets: the one that it answered with
// waits for its connection and keeps the instance in memory meanwhile (L8), others are
// dropped.
func (s *State) settle(t *actor.Turn, response *http.Response) {
	if len(s.accepted) == 0 {
		return
	}
	list := s.accepted[t]
	delete(s.accepted, t)
	for _, a := range list {
		if response != nil && response.StatusCode == http.StatusSwitchingProtocols && response.Body == a.pass {
			a.pass.Issue(s.life.Hold())
		} else {
			a.pass.Socket().Drop()
		}
	}
}

// closeTxs is the end of an event's code, which returned err: what it left open of the
// transactions of Std is rolled back, and it cannot have meant that (S65).
func (s *State) closeTxs(err error) error {
	left, rerr := s.storage.session.EndTxs()
	if !left {
		return err
	}
	s.Logger().Error("a transaction was open at the end of a turn, and is rolled back", "error", err)
	switch {
	case err != nil:
		return err
	case rerr != nil:
		return rerr
	}
	return ErrInTransaction
}

// answered gives the 101 of the last socket that the event of r has accepted, or nil.
func answered(r *http.Request) *http.Response {
	t := actor.From(r.Context())
	if t == nil || t.Life() == nil {
		return nil
	}
	in, ok := t.Life().Host.(*instance)
	if !ok {
		return nil
	}
	list := in.state.accepted[t]
	if len(list) == 0 {
		return nil
	}
	return list[len(list)-1].response
}
