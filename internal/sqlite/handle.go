package sqlite

import (
	"sync"
	"sync/atomic"
)

// handles maps small integers, which C structures can hold, to Go values, which
// they cannot. Looking one up takes no lock.
type handles[T any] struct {
	slots atomic.Pointer[[]atomic.Pointer[T]]

	mu   sync.Mutex // guards what follows, and writes to slots
	used int        // slots 1 … used have been given out; 0 is never used
	free []uint32
}

func (h *handles[T]) add(v *T) uint32 {
	h.mu.Lock()
	defer h.mu.Unlock()
	if n := len(h.free); n > 0 {
		id := h.free[n-1]
		h.free = h.free[:n-1]
		(*h.slots.Load())[id].Store(v)
		return id
	}
	h.used++
	slots := h.slots.Load()
	if slots == nil || h.used >= len(*slots) {
		// Readers of the old table find there all that they can ask for: an id
		// given out later comes to them with the new table.
		grown := make([]atomic.Pointer[T], 2*h.used+62)
		if slots != nil {
			for i := range *slots {
				grown[i].Store((*slots)[i].Load())
			}
		}
		slots = &grown
		h.slots.Store(slots)
	}
	(*slots)[h.used].Store(v)
	return uint32(h.used)
}

// get gives nil if there is no such handle.
func (h *handles[T]) get(id uint32) *T {
	slots := h.slots.Load()
	if slots == nil || int64(id) >= int64(len(*slots)) {
		return nil
	}
	return (*slots)[id].Load()
}

func (h *handles[T]) remove(id uint32) {
	h.mu.Lock()
	defer h.mu.Unlock()
	(*h.slots.Load())[id].Store(nil)
	h.free = append(h.free, id)
}
