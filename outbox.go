package do

import (
	"sync"

	"github.com/durablego/do/internal/actor"
	"github.com/durablego/do/internal/socket"
)

// outbox is what an instance's sockets send while a turn is open: it gets its ticket at the
// turn's commit, and is gone if the turn is undone (W12).
type outbox struct {
	mu   sync.Mutex // guards following, and the end of turns
	held []parcel
}

// parcel is a frame, or a close frame, for a socket that has admitted it.
type parcel struct {
	socket *socket.Socket
	frame  []byte
}

// emit sends parcels: at the commit of the open turn, whoever sends them, since they may tell of
// what that turn did; at once if no turn is open.
func (s *State) emit(batch ...parcel) {
	if len(batch) == 0 {
		return
	}
	s.out.mu.Lock()
	open := s.life.TurnOpen()
	if open {
		s.out.held = append(s.out.held, batch...)
	}
	s.out.mu.Unlock()
	if open {
		return
	}
	ticket := s.cell.gate.Newest()
	if s.life.Why() != nil && !s.life.Left() { // the recovery may have opened newer tickets than those this rests on
		for _, p := range batch {
			p.socket.Withdraw(p.frame)
		}
		return
	}
	s.dispatch(append([]parcel(nil), batch...), ticket)
}

// committed gives what the turn sent the ticket of its commit.
func (s *State) committed(l *actor.Life, ticket uint64) {
	s.out.mu.Lock()
	batch := s.out.held
	s.out.held = nil
	l.EndTurn()
	s.out.mu.Unlock()
	if len(batch) > 0 {
		s.dispatch(batch, ticket)
	}
}

// dispatch has a batch leave when everything up to a ticket is durable (T14, T20).
func (s *State) dispatch(batch []parcel, ticket uint64) {
	for _, p := range batch {
		p.socket.Hold(p.frame, ticket)
	}
	s.cell.gate.Notify(ticket, &departure{s, batch, ticket})
}

// departure waits for a batch's ticket.
type departure struct {
	state  *State
	batch  []parcel
	ticket uint64
}

// quick is how many frames leave on the goroutine that opens their ticket.
const quick = 4

// Released lets the batch leave. If its commit was lost, so are the instance, first (L14), and
// the sockets (T34.8).
func (d *departure) Released(err error) {
	c := d.state.cell
	switch {
	case err != nil:
		c.mb.Reset(d.state.life, asReset(err))
		if set := c.sockets.Load(); set != nil { // there was no instance any more
			set.Break(d.state.epoch, resetReason)
		}
	case len(d.batch) > quick:
		c.served.rt.sockets.Spawn(d.leave)
	default:
		d.leave()
	}
}

func (d *departure) leave() {
	for _, p := range d.batch {
		p.socket.Release(d.ticket)
	}
}
