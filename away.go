package do

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/durablego/do/internal/catalog"
	"github.com/durablego/do/internal/codec"
	"github.com/durablego/do/internal/peer"
	"github.com/durablego/do/internal/socket"
	"github.com/go-chi/chi/v5"
)

// away is a namespace that another process hosts: nothing of it is here but the way (B1).
type away struct {
	client *peer.Client
	caller string // the script whose binding it is
	ref    Ref
}

// errAway refuses what needs the data folder (B16).
var errAway = fmt.Errorf("do: the namespace is in another process: %w", errors.ErrUnsupported)

// followAway is follow for a script that this runtime does not serve: a peer may.
func (rt *Runtime) followAway(script string, l link) (*served, error) {
	p, listed := rt.options.Peers[l.ref.Script]
	client := rt.peers.clients[l.ref.Script]
	switch {
	case !listed:
		return nil, fmt.Errorf("%w: %v: the script is not mounted; add it to Options.Scripts or Options.Peers", ErrUnresolved, l.ref)
	case client == nil:
		return nil, fmt.Errorf("%w: %v: the script is not mounted, and its peer has no URL", ErrUnresolved, l.ref)
	case l.ref.NamespaceID == "":
		return nil, fmt.Errorf("%w: %v: to a peer a Ref needs the NamespaceID, of which ids are made", ErrUnresolved, l.ref)
	}
	k := &class{script: l.ref.Script, name: l.ref.Class, namespaceID: l.ref.NamespaceID}
	if k.name == "" {
		k.name = l.ref.NamespaceID
	}
	key := p.UniqueKeys[l.ref.NamespaceID]
	if key == "" {
		key = catalog.UniqueKey(rt.options.Environment, l.ref.Script, l.ref.NamespaceID)
	}
	return &served{
		rt: rt, class: k, away: &away{client, script, l.ref}, unserved: rt.options.DryRun,
		key: newIDKey(key),
	}, nil
}

// checkHere says why an operation on an object as a whole cannot be: it is in another process
// (B16), or by the id.
func (s *served) checkHere(id ID) error {
	if s.away != nil {
		return errAway
	}
	return s.check(id)
}

// ask is a request to the object of s.
func (s *Stub) ask(op peer.Op, method string) peer.Request {
	a := s.ns.away
	q := peer.Request{
		Caller: a.caller, Script: a.ref.Script, Environment: s.ns.rt.options.Environment, Namespace: a.ref.NamespaceID,
		ID: s.id.String(), Op: op, Method: method,
	}
	if len(s.id.name) <= maxKnownName { // a longer one no object would hear of (I12)
		q.Name = s.id.name
	}
	return q
}

// fetchAway is Fetch of an object in another process. The body of r is read first (B8).
func (s *Stub) fetchAway(ctx context.Context, r *http.Request) (*http.Response, error) {
	const op = "fetch"
	q := s.ask(peer.OpFetch, r.Method)
	q.URL = r.URL.String()
	if u, err := url.Parse(q.URL); err != nil || !u.IsAbs() {
		return nil, s.failAway(ctx, op, fmt.Errorf("%w: the URL cannot be written", ErrInvalidValue))
	}
	if socket.AsksUpgrade(r.Header) {
		q.Op = peer.OpConnect
	}
	params := paramsOf(ctx, r)
	var response *http.Response
	err := s.leave(ctx, func(ctx context.Context) error {
		content, err := readAll(ctx, r, s.ns.rt.options.peerBytes())
		if err != nil {
			return err
		}
		response, err = s.ns.away.client.Fetch(ctx, q, r, params, content)
		return err
	})
	if err != nil {
		return nil, s.failAway(ctx, op, err)
	}
	return response, nil
}

// callAway is Call and Call0 of an object in another process.
func callAway[R any](ctx context.Context, s *Stub, m *method, encode func(max int) ([]byte, error)) (result R, err error) {
	var argument, answer []byte
	if err = m.err; err == nil {
		argument, err = encode(int(s.ns.rt.options.peerBytes()))
	}
	if err == nil {
		err = s.leave(ctx, func(ctx context.Context) error {
			answer, err = s.ns.away.client.Call(ctx, s.ask(peer.OpCall, m.name), argument)
			return err
		})
	}
	if err == nil {
		result, err = codec.DecodeAs[R](answer)
	}
	if err != nil {
		return result, s.failAway(ctx, m.name, err)
	}
	return result, nil
}

// leave runs fn by the rules for the code that holds ctx: for a turn it is a wait, and fn starts
// when all that was written before is durable (T3, B12).
func (s *Stub) leave(ctx context.Context, fn func(ctx context.Context) error) error {
	if s.err != nil {
		return s.err
	}
	return s.ns.rt.apart(ctx, s.ns.owner, fn)
}

// failAway makes the caller's error of err.
func (s *Stub) failAway(ctx context.Context, op string, err error) error {
	var f *peer.Failure
	if !errors.As(err, &f) {
		return s.fail(ctx, op, err, false)
	}
	return &Error{
		Op: op, Class: s.ns.class.name, ID: s.id, Err: f,
		Remote: f.Remote, Retryable: f.Retryable, Overloaded: f.Overloaded, Reset: f.Reset,
	}
}

// readAll reads r's body, of at most limit bytes. The end of ctx closes it.
func readAll(ctx context.Context, r *http.Request, limit int64) ([]byte, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	tooLarge := fmt.Errorf("%w: a request to a peer has at most %d bytes", ErrValueTooLarge, limit)
	if r.ContentLength > limit {
		return nil, tooLarge
	}
	stop := context.AfterFunc(ctx, func() { _ = r.Body.Close() })
	defer stop()
	var b bytes.Buffer
	_, err := b.ReadFrom(io.LimitReader(r.Body, limit+1))
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, fmt.Errorf("do: the body of the request: %w", err)
	case int64(b.Len()) > limit:
		return nil, tooLarge
	}
	return b.Bytes(), nil
}

// paramsOf gives the route parameters of r, as far as their names can be known: chi's (F4).
func paramsOf(ctx context.Context, r *http.Request) map[string]string {
	route, _ := ctx.Value(chi.RouteCtxKey).(*chi.Context)
	if route == nil {
		return nil
	}
	params := map[string]string{}
	for _, name := range route.URLParams.Keys {
		if value := r.PathValue(name); value != "" {
			params[name] = value
		}
	}
	return params
}
