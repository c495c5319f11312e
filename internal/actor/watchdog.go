package actor

import (
	"bytes"
	"fmt"
	"time"
)

// A turn that holds its object for longer than turnLimit is logged with its stack, once.
const (
	turnLimit = 30 * time.Second
	watchStep = 10 * time.Second
)

// watchdog notices long turns without reading the clock in each: a timer, alive only
// while there are turns and until one is found to be long, looks every watchStep whether
// it is still the same turn. All fields are guarded by Mailbox.mu.
type watchdog struct {
	timer *time.Timer // nil unless it will fire
	on    bool        // a turn holds the object
	turn  uint64      // counts turns
	seen  uint64      // the turn at the last look
	looks int         // how often it was that one again
}

func (w *watchdog) beginLocked(mb *Mailbox) {
	w.turn++
	w.on = true
	if w.timer == nil {
		w.seen, w.looks = w.turn, 0
		w.timer = time.AfterFunc(watchStep, mb.look)
	}
}

func (w *watchdog) endLocked() { w.on = false }

func (mb *Mailbox) look() {
	mb.mu.Lock()
	w := &mb.watch
	if w.seen != w.turn {
		w.seen, w.looks = w.turn, 0
	} else {
		w.looks++
	}
	late := w.on && w.looks == int(turnLimit/watchStep)
	if !w.on || late {
		w.timer = nil // the next turn begins anew
	} else {
		w.timer.Reset(watchStep)
	}
	mb.mu.Unlock()
	if late {
		mb.host.Logger().Error(fmt.Sprintf("a turn has held its object for over %v", turnLimit),
			"stack", string(workerStack(allStacks(), mb)))
	}
}

// workerStack cuts the stack of mb's worker out of a dump of all goroutines: the frames
// of run show the mailbox's address. Without a match it gives all workers' stacks.
func workerStack(dump []byte, mb *Mailbox) []byte {
	var workers [][]byte
	for _, g := range bytes.Split(dump, []byte("\n\n")) {
		at := bytes.Index(g, []byte("actor.(*Mailbox).run("))
		if at < 0 {
			continue
		}
		workers = append(workers, g)
		line, _, _ := bytes.Cut(g[at:], []byte("\n"))
		if bytes.Contains(line, fmt.Appendf(nil, "%p", mb)) {
			return g
		}
	}
	return bytes.Join(workers, []byte("\n\n"))
}
