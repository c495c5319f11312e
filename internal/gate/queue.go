package gate

import "sort"

// queue holds waiters in the order of their tickets, first come first within one.
type queue struct{ entries []entry }

type entry struct {
	ticket uint64
	w      Waiter
}

// add puts w behind all waiters of ticket and of older ones. Nearly always that is the
// end: outputs wait for the newest ticket.
func (q *queue) add(ticket uint64, w Waiter) {
	n := len(q.entries)
	q.entries = append(q.entries, entry{ticket, w})
	if n == 0 || q.entries[n-1].ticket <= ticket {
		return
	}
	at := sort.Search(n, func(i int) bool { return q.entries[i].ticket > ticket })
	copy(q.entries[at+1:], q.entries[at:n])
	q.entries[at] = entry{ticket, w}
}

// take removes the waiters of the tickets up to upTo and appends them to out.
func (q *queue) take(upTo uint64, err error, out []release) []release {
	n := 0
	for n < len(q.entries) && q.entries[n].ticket <= upTo {
		out = append(out, release{q.entries[n].w, err})
		n++
	}
	if n == 0 {
		return out
	}
	rest := copy(q.entries, q.entries[n:])
	clear(q.entries[rest:])
	q.entries = q.entries[:rest]
	if rest == 0 && cap(q.entries) > keep {
		q.entries = nil
	}
	return out
}

// maxFailures bounds what a gate remembers of an object whose disk keeps failing.
const maxFailures = 16

// failures remembers the tickets that broke, oldest first.
type failures []failure

type failure struct {
	low, high uint64 // inclusive
	err       error
}

// add appends a range; beyond maxFailures the two oldest become one.
func (f *failures) add(low, high uint64, err error) {
	if len(*f) == maxFailures {
		(*f)[1].low = (*f)[0].low
		*f = append((*f)[:0], (*f)[1:]...)
	}
	*f = append(*f, failure{low, high, err})
}

// find returns the error ticket broke with, nil if it did not break.
func (f failures) find(ticket uint64) error {
	for i := len(f) - 1; i >= 0; i-- {
		if ticket > f[i].high {
			return nil
		}
		if ticket >= f[i].low {
			return f[i].err
		}
	}
	return nil
}
