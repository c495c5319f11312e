package index

// Steps is how many stored rows have been read.
func (x *Index) Steps() int {
	x.token <- struct{}{}
	defer func() { <-x.token }()
	return x.steps
}

// Pending is how many objects have changes that are not written.
func (x *Index) Pending() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.pending)
}

// Waits says whether the timer will fire or its work runs.
func (x *Index) Waits() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.due
}

// Image is what a file begins its life with.
var Image = image

// Closed says whether the index was closed.
func (x *Index) Closed() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.closed
}

// Idle keeps the timer from firing: changes are written by Flush, Sync and Close alone.
func (x *Index) Idle() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.due = true
}
