package socket

import (
	"errors"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/durablego/do/internal/doerr"
)

// Socket is the server's end of a WebSocket. Its methods may be called from any goroutine.
type Socket struct {
	set     *Set
	seq     uint64
	tags    []string
	deflate bool

	heard   atomic.Int64 // when something last came, on the hub's clock
	pinged  atomic.Int64 // when the last ping went
	lingers atomic.Int64 // when the last message came, while a reader waits for the next one; else 0

	before, following *Socket // in Hub's list, under its mu
	slot              int     // in the poller, under its mu; 0: none
	parked            bool    // likewise

	lastMessage int64 // reader only

	mu         sync.Mutex // guards following
	conn       net.Conn   // nil before it is taken
	attachment []byte
	autoAt     time.Time
	out        *outgoing     // nil: nothing to send
	next       chan struct{} // the reader waits for Next
	timer      *time.Timer   // of the phase it is in
	onEnd      func()        // called when it is over, if it was not taken before
	peer       Close         // what the peer closed with
	closing    bool          // own Close, or an answer is due: Send is refused
	sealed     bool          // the close frame is in the queue or sent
	sent       bool          // the close frame is sent
	answered   bool          // the peer's close frame came
	last       bool          // the last event was told, or nobody is to be told
	over       bool          // the connection is gone
}

// Tags are those of Accept. They must not be changed.
func (s *Socket) Tags() []string { return s.tags }

func (s *Socket) hasTags(tags []string) bool {
	for _, tag := range tags {
		if !slices.Contains(s.tags, tag) {
			return false
		}
	}
	return true
}

// SetAttachment keeps data with the socket. It belongs to the socket then.
func (s *Socket) SetAttachment(data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.attachment = data
}

// Attachment is what SetAttachment kept, or nil. It must not be changed.
func (s *Socket) Attachment() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.attachment
}

// AutoResponseAt is when a message last was answered by nobody, or zero.
func (s *Socket) AutoResponseAt() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.autoAt
}

// Closing says whether a close frame came, or goes.
func (s *Socket) Closing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closing || s.answered || s.over
}

var errTaken = errors.New("socket: the connection was taken, or its time is over")

// take gives the socket its connection. head is what came on it already. After an error conn
// is still the caller's.
func (s *Socket) take(conn net.Conn, head []byte) error {
	s.mu.Lock()
	if s.over || s.conn != nil {
		s.mu.Unlock()
		return errTaken
	}
	s.conn = conn
	s.onEnd = nil
	s.stopTimerLocked()
	if s.sealedReadyLocked() {
		s.limitLocked(answerLimit, s.lose)
	}
	s.mu.Unlock()
	if !s.set.hub.add(s) {
		s.mu.Lock()
		s.over, s.last = true, true
		s.mu.Unlock()
		return doerr.ErrClosed
	}
	s.mu.Lock()
	over := s.over
	s.mu.Unlock()
	if over { // before it was in the list
		s.set.hub.remove(s)
		return nil
	}
	s.flush()
	if len(head) > 0 || !s.park(conn) {
		s.set.hub.Spawn(func() { s.read(conn, slices.Clone(head)) })
	}
	return nil
}

// park hands the socket to the poller. False: it cannot be watched, or is over.
func (s *Socket) park(conn net.Conn) bool {
	t := tcp(conn)
	if t == nil || !s.set.hub.poll.park(s, t) {
		return false
	}
	s.mu.Lock()
	over := s.over
	s.mu.Unlock()
	if over {
		s.set.hub.poll.drop(s)
	}
	return true
}

// woken is called by the poller, which does not watch s any more.
func (s *Socket) woken() {
	s.mu.Lock()
	conn, over := s.conn, s.over
	s.mu.Unlock()
	if !over {
		s.set.hub.Spawn(func() { s.read(conn, nil) })
	}
}

// Drop ends a socket that was never answered with; nobody is told (W2).
func (s *Socket) Drop() {
	s.set.remove(s)
	s.abandon()
}

// abandon cuts the connection; nobody is told.
func (s *Socket) abandon() {
	s.mu.Lock()
	s.last = true
	s.mu.Unlock()
	s.lose()
}

// lose ends the connection without a close frame (W7.4). Any goroutine.
func (s *Socket) lose() {
	if told := s.end(); !told {
		s.set.host.Closed(s, Close{Code: codeLost})
	}
}

// end lets go of the connection. told says whether the last event was told already; if not,
// that is the caller's to do.
func (s *Socket) end() (told bool) {
	s.mu.Lock()
	if s.over {
		s.mu.Unlock()
		return true
	}
	s.over, s.closing, s.sealed = true, true, true
	told = s.last
	s.last = true
	s.out = nil
	s.stopTimerLocked()
	conn, next, onEnd := s.conn, s.next, s.onEnd
	s.next, s.onEnd = nil, nil
	s.mu.Unlock()
	if onEnd != nil {
		onEnd()
	}
	if next != nil {
		next <- struct{}{}
	}
	if conn != nil {
		s.set.hub.poll.drop(s)
		_ = conn.Close() // what came after could not be told anyway
		s.set.hub.remove(s)
	}
	return told
}

// Next has the next message read (W9).
func (s *Socket) Next() {
	s.mu.Lock()
	next := s.next
	s.next = nil
	s.mu.Unlock()
	if next != nil {
		next <- struct{}{} // it has room: one value for each message
	}
}

// Finish is called when the last event is through: the socket leaves the list, and a peer
// that has closed gets its answer now (W8, W11).
func (s *Socket) Finish() {
	if listed, empty := s.set.remove(s); listed && empty {
		defer s.set.host.Empty()
	}
	s.answer()
}

// limitLocked has fn called after d, instead of what the timer was for. REQUIRES: s.mu.
func (s *Socket) limitLocked(d time.Duration, fn func()) {
	s.stopTimerLocked()
	s.timer = time.AfterFunc(d, fn)
}

func (s *Socket) stopTimerLocked() {
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
}
