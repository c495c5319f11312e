package actor

import "sync"

// Workers lends goroutines to mailboxes that have work. They are kept for a while when
// they are done, because SQLite needs a deep stack: growing a new goroutine's costs more
// than a whole point read. One value serves the mailboxes of one runtime; the zero value
// is ready for use.
type Workers struct {
	mu     sync.Mutex // guards following
	idle   []chan job // last in, first out: the warmest stack is used first
	closed bool
}

// maxIdleWorkers bounds the goroutines that wait for work in a runtime.
const maxIdleWorkers = 64

// job is the baton of an epoch of a mailbox.
type job struct {
	mb    *Mailbox
	epoch uint64
}

// start lets a worker run mb's work. The caller holds the baton of epoch and gives it away.
func (w *Workers) start(mb *Mailbox, epoch uint64) {
	if w == nil {
		go mb.work(epoch)
		return
	}
	w.mu.Lock()
	if n := len(w.idle); n > 0 {
		c := w.idle[n-1]
		w.idle = w.idle[:n-1]
		w.mu.Unlock()
		c <- job{mb, epoch}
		return
	}
	w.mu.Unlock()
	go w.run(job{mb, epoch})
}

// run works until there are enough who wait, or Close.
func (w *Workers) run(j job) {
	var jobs chan job
	for {
		j.mb.work(j.epoch)
		if jobs == nil {
			jobs = make(chan job, 1)
		}
		w.mu.Lock()
		if w.closed || len(w.idle) >= maxIdleWorkers {
			w.mu.Unlock()
			return
		}
		w.idle = append(w.idle, jobs)
		w.mu.Unlock()
		var ok bool
		if j, ok = <-jobs; !ok {
			return
		}
	}
}

// Close lets the workers that wait end, and those that work when they are done.
func (w *Workers) Close() {
	w.mu.Lock()
	idle := w.idle
	w.idle, w.closed = nil, true
	w.mu.Unlock()
	for _, c := range idle {
		close(c)
	}
}
