package peer

import (
	"errors"
	"sync"
	"time"
)

const (
	window    = 60 * time.Second       // the clocks of caller and host may differ by it (B5, N28)
	memory    = 2*window + time.Second // so a request's nonce is known for as long as its time is good
	maxNonces = 1_000_000
)

var (
	errReplayed = errors.New("the nonce was used before")
	errFull     = errors.New("the memory of nonces is full")
)

// nonces are those that a caller has used in the last two minutes. Safe for concurrent use.
type nonces struct {
	most int

	mu    sync.Mutex // guards following
	seen  map[nonce]struct{}
	queue []used // oldest first, from first on
	first int
}

type used struct {
	nonce nonce
	at    time.Time
}

// use remembers n. A nonce that was used, and one too many, is refused.
func (m *nonces) use(n nonce) error {
	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	for m.first < len(m.queue) && now.Sub(m.queue[m.first].at) >= memory {
		delete(m.seen, m.queue[m.first].nonce)
		m.first++
	}
	if 2*m.first > len(m.queue) {
		m.queue = append([]used(nil), m.queue[m.first:]...)
		m.first = 0
	}
	if _, known := m.seen[n]; known {
		return errReplayed
	}
	if len(m.seen) >= m.most {
		return errFull
	}
	if m.seen == nil {
		m.seen = map[nonce]struct{}{}
	}
	m.seen[n] = struct{}{}
	m.queue = append(m.queue, used{n, now})
	return nil
}
