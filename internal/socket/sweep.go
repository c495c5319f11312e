package socket

import (
	"time"

	"github.com/gobwas/ws"
)

// Linger is how long a socket with traffic keeps its reader after its last message, and how
// close together two messages are that count as traffic.
const linger = 2 * time.Second

// sweepStep is how often the sweep comes at most.
const sweepStep = int64(500 * time.Millisecond)

// wakeLocked has the sweep come at due or before. REQUIRES: Hub.mu.
func (h *Hub) wakeLocked(due int64) {
	due = max(due, h.now()+sweepStep)
	switch {
	case h.timer == nil:
		h.timer = time.AfterFunc(time.Duration(due-h.now()), h.sweep)
	case due < h.due:
		h.timer.Reset(time.Duration(due - h.now()))
	default:
		return
	}
	h.due = due
}

func (h *Hub) wake(due int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.count > 0 && !h.closed {
		h.wakeLocked(due)
	}
}

// sweep pings, finds the silent ones (W16), and sends readers home that have nothing to read.
func (h *Hub) sweep() {
	var pings, silent, idle []*Socket
	now, ping := h.now(), int64(h.o.Ping)
	const never = int64(1)<<62 - 1
	next := never
	h.mu.Lock()
	h.timer = nil
	if h.closed {
		h.mu.Unlock()
		return
	}
	for s := h.first; s != nil; s = s.following {
		if ping > 0 {
			heard, pinged := s.heard.Load(), s.pinged.Load()
			if now-heard >= 2*ping {
				silent = append(silent, s)
				continue
			}
			if now-pinged >= ping {
				s.pinged.Store(now)
				pinged = now
				pings = append(pings, s)
			}
			next = min(next, pinged+ping, heard+2*ping)
		}
		if last := s.lingers.Load(); last > 0 {
			if now-last >= int64(linger) {
				idle = append(idle, s)
			} else {
				next = min(next, last+int64(linger))
			}
		}
	}
	if next < never {
		h.wakeLocked(next)
	}
	h.mu.Unlock()
	for _, s := range silent {
		s.lose()
	}
	for _, s := range idle {
		s.sendHome()
	}
	if len(pings) > 0 {
		frame := frameOf(ws.OpPing, false, "")
		for _, s := range pings {
			s.control(frame)
		}
	}
}
