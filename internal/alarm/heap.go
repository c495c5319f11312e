package alarm

import (
	"bytes"
	"container/heap"
)

// waiting are the entries that wait, by when they are to run.
type waiting []*entry

var _ heap.Interface = (*waiting)(nil)

func (w waiting) Len() int { return len(w) }

func (w waiting) Less(i, j int) bool {
	a, b := w[i], w[j]
	switch {
	case a.when != b.when:
		return a.when < b.when
	case a.key.Space != b.key.Space:
		return a.key.Space < b.key.Space
	}
	return bytes.Compare(a.key.ID[:], b.key.ID[:]) < 0
}

func (w waiting) Swap(i, j int) {
	w[i], w[j] = w[j], w[i]
	w[i].place, w[j].place = i, j
}

// Push implements heap.Interface.
func (w *waiting) Push(x any) {
	e := x.(*entry)
	e.place = len(*w)
	*w = append(*w, e)
}

// Pop implements heap.Interface.
func (w *waiting) Pop() any {
	last := len(*w) - 1
	e := (*w)[last]
	(*w)[last] = nil
	*w = (*w)[:last]
	e.place = -1
	return e
}
