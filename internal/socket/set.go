package socket

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/durablego/do/internal/doerr"
	"github.com/gobwas/ws"
)

// Limits of tags (N22).
const (
	MaxTags     = 10
	MaxTagBytes = 256
)

// Host is the object to which a Set belongs. Its methods are called from any goroutine and
// must not block. Events of one socket are told one after the other.
type Host interface {
	// Message is told of a message, which is the Host's now. It sees to it that s.Next is
	// called once.
	Message(s *Socket, m Message)
	// Closed and Failed are last events. The Host sees to it that s.Finish is called once.
	Closed(s *Socket, c Close)
	Failed(s *Socket, err error)
	// Empty is told when the last socket has left the list by itself.
	Empty()
}

// Set is the sockets of one object, and what it said about them. Its methods may be called
// from any goroutine.
type Set struct {
	hub  *Hub
	host Host

	auto atomic.Pointer[auto]

	mu      sync.Mutex // guards following
	list    []*Socket  // those whose last event is still to come, in order of acceptance
	byTag   map[string][]*Socket
	seq     uint64
	epoch   uint64 // grows at a reset
	timeout time.Duration
}

// auto is the pair of an automatic response.
type auto struct {
	request, response string
	frame             []byte
}

// NewSet makes an empty Set.
func NewSet(h *Hub, host Host) *Set { return &Set{hub: h, host: host} }

// Adopt gives a Set that was kept for its settings a new Host. REQUIRES: no sockets.
func (t *Set) Adopt(host Host) { t.host = host }

// CheckTags drops tags that are there twice and returns ErrTags for more than 10, or one of
// more than 256 bytes (W3). The result is a copy.
func CheckTags(tags []string) ([]string, error) {
	var kept []string
	for _, tag := range tags {
		if slices.Contains(kept, tag) {
			continue
		}
		if len(tag) > MaxTagBytes || len(kept) == MaxTags {
			return nil, doerr.ErrTags
		}
		kept = append(kept, tag)
	}
	return kept, nil
}

// Epoch is the number to give to Accept: sockets of a life that was reset find it changed.
func (t *Set) Epoch() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.epoch
}

// Accept lists a new socket, which has no connection yet. With more than max sockets it
// returns ErrTooManySockets, in another epoch ErrReset. tags are not copied.
func (t *Set) Accept(epoch uint64, max int, tags []string, deflate bool) (*Socket, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case epoch != t.epoch:
		return nil, doerr.ErrReset
	case max >= 0 && len(t.list) >= max:
		return nil, doerr.ErrTooManySockets
	}
	t.seq++
	s := &Socket{set: t, seq: t.seq, tags: tags, deflate: deflate}
	t.list = append(t.list, s)
	if t.byTag != nil {
		t.indexLocked(s)
	}
	return s, nil
}

// indexFrom is the number of sockets from which tags are looked up in an index.
const indexFrom = 64

func (t *Set) indexLocked(s *Socket) {
	for _, tag := range s.tags {
		t.byTag[tag] = append(t.byTag[tag], s)
	}
}

// List gives the sockets that carry all tags, oldest first; without tags all, newest first (W4).
func (t *Set) List(tags ...string) []*Socket {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(tags) == 0 {
		all := slices.Clone(t.list)
		slices.Reverse(all)
		return all
	}
	from := t.list
	if t.byTag == nil && len(t.list) >= indexFrom {
		t.byTag = map[string][]*Socket{}
		for _, s := range t.list {
			t.indexLocked(s)
		}
	}
	if t.byTag != nil {
		from = t.byTag[tags[0]]
	}
	var found []*Socket
	for _, s := range from {
		if s.hasTags(tags) {
			found = append(found, s)
		}
	}
	return found
}

// Len is how many sockets are listed.
func (t *Set) Len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.list)
}

// remove takes s off the list; false if it was not in it.
func (t *Set) remove(s *Socket) (listed, empty bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !take(&t.list, s) {
		return false, false
	}
	if t.byTag != nil {
		for _, tag := range s.tags {
			if same := t.byTag[tag]; take(&same, s) && len(same) > 0 {
				t.byTag[tag] = same
			} else {
				delete(t.byTag, tag)
			}
		}
	}
	if len(t.list) == 0 {
		t.list, t.byTag = nil, nil
	}
	return true, len(t.list) == 0
}

// take removes s from a list in order of acceptance.
func take(list *[]*Socket, s *Socket) bool {
	i, ok := slices.BinarySearchFunc(*list, s.seq, func(o *Socket, seq uint64) int {
		switch {
		case o.seq < seq:
			return -1
		case o.seq > seq:
			return 1
		}
		return 0
	})
	if ok {
		*list = slices.Delete(*list, i, i+1)
	}
	return ok
}

// Close closes all sockets with a code: frames that may leave go first, those that are held
// are dropped, and no event is told (W19). Without keep the Set is as new afterwards, and
// sockets and settings of the epoch are refused.
func (t *Set) Close(code int, reason string, keep bool) {
	t.mu.Lock()
	list := t.list
	t.list, t.byTag = nil, nil
	if !keep {
		t.epoch++
		t.auto.Store(nil)
		t.timeout = 0
	}
	t.mu.Unlock()
	for _, s := range list {
		s.part(code, reason)
	}
}

// Break is Close after a reset of the sockets of an epoch; in another one it does nothing.
func (t *Set) Break(epoch uint64, reason string) {
	if t.Epoch() == epoch {
		t.Close(CodeReset, reason, false)
	}
}

// SetAuto has text messages that are request answered with response, by nobody (W6).
func (t *Set) SetAuto(epoch uint64, request, response string) error {
	return t.change(epoch, func() { t.auto.Store(&auto{request, response, frameOf(ws.OpText, false, response)}) })
}

// ClearAuto ends automatic responses.
func (t *Set) ClearAuto(epoch uint64) error {
	return t.change(epoch, func() { t.auto.Store(nil) })
}

// Auto is the pair that SetAuto has set.
func (t *Set) Auto() (request, response string, ok bool) {
	a := t.auto.Load()
	if a == nil {
		return "", "", false
	}
	return a.request, a.response, true
}

// SetTimeout keeps the limit of socket events, for the Host.
func (t *Set) SetTimeout(epoch uint64, d time.Duration) error {
	return t.change(epoch, func() { t.timeout = d })
}

// Timeout is what SetTimeout has set.
func (t *Set) Timeout() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.timeout
}

func (t *Set) change(epoch uint64, fn func()) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if epoch != t.epoch {
		return doerr.ErrReset
	}
	fn()
	return nil
}

// Settled says whether there is nothing in the Set that somebody could miss.
func (t *Set) Settled() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.list) == 0 && t.timeout == 0 && t.auto.Load() == nil
}
