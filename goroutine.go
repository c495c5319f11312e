package do

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"sync"

	"github.com/durablego/do/internal/actor"
)

// goroutineGuard is Life.Check for tests: it holds each turn to the goroutine that first
// used storage in it (T5). Asking for a goroutine's number takes about a microsecond.
type goroutineGuard struct {
	life *actor.Life

	mu     sync.Mutex // guards following
	owners map[*actor.Turn]string
	order  []*actor.Turn // the keys of owners, oldest first
}

// maxOwners is how many turns are remembered.
const maxOwners = 1024

// check lets a call of storage pass.
func (g *goroutineGuard) check(ctx context.Context) error {
	if err := g.life.Check(ctx); err != nil {
		return err
	}
	turn, caller := actor.From(ctx), goroutineNumber()
	g.mu.Lock()
	defer g.mu.Unlock()
	owner, known := g.owners[turn]
	if known && owner == caller {
		return nil
	}
	caller = callerNumber()
	switch {
	case known && owner == caller:
		return nil
	case known:
		return fmt.Errorf("%w: the turn belongs to goroutine %s, storage was called by goroutine %s", ErrOutsideTurn, owner, caller)
	case g.owners == nil:
		g.owners = map[*actor.Turn]string{}
	case len(g.order) == maxOwners:
		delete(g.owners, g.order[0])
		g.order = g.order[1:]
	}
	g.owners[turn] = caller
	g.order = append(g.order, turn)
	return nil
}

// goroutineNumber reads "goroutine 7 [running]: …".
func goroutineNumber() string {
	var buf [64]byte
	words := bytes.Fields(buf[:runtime.Stack(buf[:], false)])
	if len(words) < 2 {
		return ""
	}
	return string(words[1])
}

// callerNumber is goroutineNumber, but of whoever called next if the goroutine is one of
// iter.Pull: both take turns and are as one.
func callerNumber() string {
	buf := make([]byte, 64<<10)
	_, made, pulled := bytes.Cut(buf[:runtime.Stack(buf, false)], []byte("\ncreated by iter.Pull"))
	if _, number, found := bytes.Cut(made, []byte(" in goroutine ")); pulled && found {
		number, _, _ = bytes.Cut(number, []byte("\n"))
		return string(number)
	}
	return goroutineNumber()
}
