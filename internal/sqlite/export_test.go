package sqlite

// Live gives how many connections, open files and page caches there are.
func Live() (connections, openFiles, pageCaches int) {
	return conns.live(), files.live(), caches.live()
}

func (h *handles[T]) live() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.used - len(h.free)
}

// Allowed tells whether users may call a function.
func Allowed(function string) bool { return functions[function] }

// SetMaxInMemory changes how much of a log in memory is there, and gives a way back.
func SetMaxInMemory(frames int) (restore func()) {
	old := maxInMemory
	maxInMemory = walHeaderSize + int64(frames)*(frameHeaderSize+pageSize)
	return func() { maxInMemory = old }
}
