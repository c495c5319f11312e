package do

import (
	"context"
	"log/slog"
	"net/http"
	"sync"

	"github.com/durablego/do/internal/actor"
	"github.com/durablego/do/internal/socket"
	"github.com/durablego/do/kvstorage"
	"github.com/durablego/do/sqlstorage"
)

// State is what the runtime gives an instance: its id, its storage, and control over its
// turns. It belongs to one instance; after a reset everything it gives answers ErrReset.
// Methods that take a ctx want the one of the object's live turn unless they say otherwise.
type State struct {
	id      ID
	life    *actor.Life
	cell    *cell
	storage *Storage
	kv      *kvstorage.Store
	sql     *sqlstorage.DB
	client  *http.Client

	epoch    uint64 // of the sockets
	out      outbox
	accepted map[*actor.Turn][]*accepted // holder of the baton only

	faceMu sync.Mutex // guards following
	faces  map[*socket.Socket]*WebSocket
}

// ID is the object's id. Its name is known if the object was first reached by name, and
// has at most 1,024 bytes (I12, I13).
func (s *State) ID() ID { return s.id }

// Storage is the object's database as a whole.
func (s *State) Storage() *Storage { return s.storage }

// KV is the key-value face of the object's database.
func (s *State) KV() *kvstorage.Store { return s.kv }

// SQL is the SQL face of the object's database.
func (s *State) SQL() *sqlstorage.DB { return s.sql }

// Logger logs with the object's class and id.
func (s *State) Logger() *slog.Logger { return s.cell.Logger() }

// HTTPClient gives a client whose requests are waits (T3): what was written is committed,
// other events run meanwhile, and the request leaves when the writes are durable (T19).
// Its requests want a ctx of this object: a turn's, or of Await or WaitUntil (T7). A
// response's body ends with that ctx: read it in the event, and answer with what was read.
func (s *State) HTTPClient() *http.Client { return s.client }

// Await is a wait: what was written is committed, other events of the object may run, and
// fn starts when the writes are durable; when fn has returned and the object is free, Await
// gives its error in a new turn (T3, T6). Anything in memory may have changed meanwhile.
//
// fn runs outside turns: with its ctx storage gives ErrOutsideTurn, while stubs and
// HTTPClient work, also from several goroutines. Inside Transaction: ErrInTransaction.
// A caller's hang-up reaches ctx here (T9).
func (s *State) Await(ctx context.Context, fn func(ctx context.Context) error) error {
	t := actor.From(ctx)
	if t == nil || t.Life() != s.life {
		return s.outside()
	}
	return t.Wait(ctx, fn)
}

// WaitUntil runs fn in a goroutine that keeps the instance in memory, without a time limit
// (T29). fn starts when the commit of the turn that asked for it is durable; if that turn
// is undone, never. ctx is the turn's, or of Await or WaitUntil. fn's ctx ends at a reset
// and when Close ends; storage needs Run. An error of fn is logged, a panic resets.
func (s *State) WaitUntil(ctx context.Context, fn func(ctx context.Context) error) error {
	return s.life.WaitUntil(ctx, fn)
}

// BlockConcurrencyWhile commits what is open and runs fn in a blocked section: no other
// event of the object runs until fn returns, not even in its waits (T25). fn's ctx carries
// the turn. An error or panic of fn, or Options.BlockTimeout, resets the object (T26).
// Sections nest, to a depth of 64, then ErrTooDeep.
func (s *State) BlockConcurrencyWhile(ctx context.Context, fn func(ctx context.Context) error) error {
	return s.life.Block(ctx, fn)
}

// Run gives fn a turn of its own, from a goroutine of yours: it is an event, queued and
// counted like any other, and returns when its writes are committed, before they are
// durable (T30). ctx is free; inside a turn of this object Run gives ErrDeadlock (T27).
func (s *State) Run(ctx context.Context, fn func(ctx context.Context) error) error {
	return s.life.Run(ctx, func(ctx context.Context) error {
		err := s.closeTxs(fn(ctx))
		s.settle(actor.From(ctx), nil)
		return err
	})
}

// Abort resets the object: what was written since the last commit point is undone, and
// callers get ErrReset with reason as its cause. Inside a turn it does not return: deferred
// functions run, cut off from the object. Elsewhere it returns (L11).
func (s *State) Abort(ctx context.Context, reason error) { s.life.Abort(ctx, reason) }

func (s *State) outside() error {
	if why := s.life.Why(); why != nil {
		return why
	}
	return ErrOutsideTurn
}

// transport makes each request of HTTPClient a wait.
type transport struct {
	life *actor.Life
	base http.RoundTripper
}

// RoundTrip sends r when the writes before it are durable.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx := r.Context()
	var response *http.Response
	sent := false
	defer func() {
		if !sent && r.Body != nil {
			r.Body.Close() // as a RoundTripper must
		}
	}()
	send := func(ctx context.Context) (err error) {
		sent = true
		response, err = t.base.RoundTrip(r.WithContext(ctx))
		return err
	}
	if turn := actor.From(ctx); turn != nil && turn.Life() == t.life {
		err := turn.Wait(ctx, send)
		if err != nil && response != nil {
			response.Body.Close()
			response = nil
		}
		return response, err
	}
	if actor.Outside(ctx) != t.life {
		if why := t.life.Why(); why != nil {
			return nil, why
		}
		return nil, ErrOutsideTurn
	}
	if err := t.life.WaitDurable(ctx); err != nil {
		return nil, err
	}
	err := send(ctx)
	return response, err
}
