package engine

import (
	"errors"
	"sync"
	"time"
)

// errOverdue is the cause of a commit or checkpoint that took too long.
var errOverdue = errors.New("not finished within the time limit")

// watch is the time limit of commits and checkpoints (T16). They run on the goroutine of
// the turn, which cannot be taken away from them: overdue is told while they still hang.
type watch struct {
	limit   time.Duration // negative: none
	overdue func(op string)

	mu    sync.Mutex    // guards following; held for field access only
	op    string        // what runs; "" between two
	began time.Time     // when it began
	late  bool          // it took too long
	told  chan struct{} // of a late one: closed when overdue has returned
	timer *time.Timer   // stopped between two
}

// start begins the limit of op.
func (w *watch) start(op string) {
	if w.limit < 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.op, w.began, w.late = op, time.Now(), false
	if w.timer == nil {
		w.timer = time.AfterFunc(w.limit, w.fire)
	} else {
		w.timer.Reset(w.limit)
	}
}

// stop ends it and reports whether it was in time. If not, overdue has returned.
func (w *watch) stop() bool {
	if w.limit < 0 {
		return true
	}
	w.mu.Lock()
	w.timer.Stop()
	w.op = ""
	late, told := w.late, w.told
	w.mu.Unlock()
	if late {
		<-told
	}
	return !late
}

// fire runs on the timer's goroutine.
func (w *watch) fire() {
	w.mu.Lock()
	if w.op == "" || w.late || time.Since(w.began) < w.limit {
		w.mu.Unlock()
		return // that one has ended; another may have begun
	}
	w.late, w.told = true, make(chan struct{})
	op, told := w.op, w.told
	w.mu.Unlock()
	w.overdue(op)
	close(told)
}
