package socket

import (
	"math"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// The fixed time limits (N26), and what Close grants its peers.
const (
	answerLimit = 10 * time.Second // of a close frame, ours or the peer's
	takeLimit   = 30 * time.Second // of a 101 answer
	partLimit   = time.Second
)

// Options of a Hub. For each zero or less is no limit, or no pings.
type Options struct {
	MaxMessage int           // bytes of an incoming message (N24)
	MaxQueued  int           // bytes that wait on one socket (N24)
	Ping       time.Duration // between two pings; silence of twice that is the end (W16)
}

// Hub is the sockets of a runtime. Its methods may be called from any goroutine.
type Hub struct {
	o     Options
	start time.Time // the zero of its clock
	poll  poller
	deaf  atomic.Bool // messages are dropped

	mu      sync.Mutex // guards following, and the links of its sockets
	first   *Socket    // those with a connection
	count   int
	timer   *time.Timer // of the sweep; nil if none will come
	due     int64       // when it fires
	closed  bool
	running int           // goroutines of spawn
	changed chan struct{} // closed when sockets or goroutines are fewer; nil: nobody waits
}

// NewHub makes a Hub without sockets, goroutines or timers.
func NewHub(o Options) *Hub {
	if o.MaxMessage <= 0 {
		o.MaxMessage = math.MaxInt - 1
	}
	return &Hub{o: o, start: time.Now()}
}

// now is the time on the hub's clock, in nanoseconds.
func (h *Hub) now() int64 { return int64(time.Since(h.start)) }

// Count is how many connections there are.
func (h *Hub) Count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.count
}

// Deafen has all messages dropped from now on: the runtime closes (L21).
func (h *Hub) Deafen() { h.deaf.Store(true) }

// Close closes what is left with 1012, after the frames that may leave, and gives the peers a
// second to take that and to answer; then it cuts. No socket can be taken afterwards, and no
// goroutine is left (L21).
func (h *Hub) Close() {
	h.Deafen()
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	for _, s := range h.all() {
		s.part(CodeRestart, "the server restarts")
	}
	limit := time.NewTimer(partLimit)
	defer limit.Stop()
	for waiting := true; waiting && h.Count() > 0; {
		select {
		case <-h.fewer():
		case <-limit.C:
			waiting = false
		}
	}
	h.Cut()
	h.poll.close()
	for fewer := h.fewer(); h.busy(); fewer = h.fewer() {
		<-fewer
	}
}

// Cut cuts all connections, as a power cut would: nobody is told.
func (h *Hub) Cut() {
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	for _, s := range h.all() {
		s.abandon()
	}
}

func (h *Hub) all() []*Socket {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := make([]*Socket, 0, h.count)
	for s := h.first; s != nil; s = s.following {
		all = append(all, s)
	}
	return all
}

// fewer gives a channel that is closed when a socket or goroutine ends, or if there is none.
func (h *Hub) fewer() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.changed == nil {
		h.changed = make(chan struct{})
	}
	c := h.changed
	if h.count == 0 && h.running == 0 {
		h.changeLocked()
	}
	return c
}

func (h *Hub) changeLocked() {
	if h.changed != nil {
		close(h.changed)
		h.changed = nil
	}
}

func (h *Hub) busy() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.running > 0
}

// add takes s, which has its connection now, into the list; false once closed.
func (h *Hub) add(s *Socket) bool {
	now := h.now()
	s.heard.Store(now)
	s.pinged.Store(now)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return false
	}
	s.following = h.first
	if h.first != nil {
		h.first.before = s
	}
	h.first = s
	h.count++
	if h.o.Ping > 0 {
		h.wakeLocked(now + int64(h.o.Ping))
	}
	return true
}

// remove takes s off the list.
func (h *Hub) remove(s *Socket) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s.before != nil {
		s.before.following = s.following
	} else if h.first == s {
		h.first = s.following
	} else {
		return // it was not in it
	}
	if s.following != nil {
		s.following.before = s.before
	}
	s.before, s.following = nil, nil
	h.count--
	h.changeLocked()
	if h.count == 0 && h.timer != nil {
		h.timer.Stop()
		h.timer = nil
	}
}

// Spawn runs fn in a goroutine that Close waits for.
func (h *Hub) Spawn(fn func()) {
	h.mu.Lock()
	h.running++
	h.mu.Unlock()
	go func() {
		fn()
		h.mu.Lock()
		defer h.mu.Unlock()
		h.running--
		h.changeLocked()
	}()
}

// tcp gives the connection if the system can watch and write it without a goroutine.
func tcp(c net.Conn) *net.TCPConn {
	t, _ := c.(*net.TCPConn)
	return t
}
