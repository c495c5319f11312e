package actor

// QueueLen is how many events the queue holds, those of gone callers included.
func (mb *Mailbox) QueueLen() int {
	mb.mu.Lock()
	defer mb.mu.Unlock()
	return mb.queue.len()
}
