package actor

// queue is a first-in first-out list that reuses its room.
type queue[T any] struct {
	items []T
	head  int
}

// room is what a queue that ran empty keeps.
const room = 64

func (q *queue[T]) len() int { return len(q.items) - q.head }

func (q *queue[T]) push(v T) {
	if len(q.items) == cap(q.items) && q.head > len(q.items)/2 {
		n := copy(q.items, q.items[q.head:])
		q.cut(n)
	}
	q.items = append(q.items, v)
}

// pop takes the oldest one. REQUIRES: len > 0.
func (q *queue[T]) pop() T {
	var none T
	v := q.items[q.head]
	q.items[q.head] = none
	q.head++
	if q.head == len(q.items) {
		q.items, q.head = q.items[:0], 0
		if cap(q.items) > room {
			q.items = nil
		}
	}
	return v
}

// keep drops those that are not worth it.
func (q *queue[T]) keep(worth func(T) bool) {
	n := 0
	for _, v := range q.items[q.head:] {
		if worth(v) {
			q.items[n] = v
			n++
		}
	}
	q.cut(n)
}

// cut says that the first n items are all there are.
func (q *queue[T]) cut(n int) {
	clear(q.items[n:])
	q.items, q.head = q.items[:n], 0
}

// take empties the queue.
func (q *queue[T]) take() []T {
	items := q.items[q.head:]
	*q = queue[T]{}
	return items
}
