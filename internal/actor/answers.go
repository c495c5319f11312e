package actor

import "sync"

// Answers lends the channels on which callers wait. One value serves the mailboxes of one
// runtime: channels must not wander from one synctest bubble to another. The zero value
// is ready for use.
type Answers struct{ pool sync.Pool }

func (a *Answers) get() chan struct{} {
	if c, ok := a.pool.Get().(chan struct{}); ok {
		return c
	}
	return make(chan struct{}, 1)
}

// put takes back a channel that is empty and that nobody will send on.
func (a *Answers) put(c chan struct{}) { a.pool.Put(c) }
