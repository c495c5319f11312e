package do

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/durablego/do/internal/actor"
	"github.com/durablego/do/internal/peer"
	"github.com/durablego/do/internal/socket"
)

// memoryBody is a response body that was complete when its handler returned: it holds
// nothing and needs no gate of its own.
type memoryBody struct{ strings.Reader }

// Close does nothing.
func (*memoryBody) Close() error { return nil }

// heldBody is a body that is read after its turn: each chunk waits until what the object
// wrote before it is durable (T17), and the instance stays in memory until Close (L8).
type heldBody struct {
	body    io.ReadCloser
	life    *actor.Life
	release func()
	closed  sync.Once
}

func holdBody(l *actor.Life, r *http.Response) {
	switch r.Body.(type) {
	case nil:
		r.Body = http.NoBody
		return
	case *memoryBody:
		return
	case *socket.Pass, *peer.Link: // the frames have a gate of their own
		return
	}
	if r.Body != http.NoBody {
		r.Body = &heldBody{body: r.Body, life: l, release: l.Hold()}
	}
}

// Read gives the next chunk once it may leave, and so the body's end or error; after a
// reset that one's error, held like an answer (T18).
func (b *heldBody) Read(p []byte) (n int, err error) {
	why := b.life.Why()
	switch {
	case why == nil:
		n, err = b.body.Read(p)
	case why.Storage || why.Closed:
		return 0, why
	default:
		err = why
	}
	if n > 0 || err != nil {
		if held := b.life.WaitDurable(context.Background()); held != nil {
			return 0, held
		}
	}
	return n, err
}

// Close closes the handler's body and lets the instance go.
func (b *heldBody) Close() error {
	err := b.body.Close()
	b.closed.Do(b.release)
	return err
}
