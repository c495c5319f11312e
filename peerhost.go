package do

import (
	"context"
	"errors"
	"net/http"
	"reflect"

	"github.com/durablego/do/internal/actor"
	"github.com/durablego/do/internal/codec"
	"github.com/durablego/do/internal/peer"
)

// peerStub gives the stub of the object that a peer's request is for. Its id has to be one of
// the namespace, and its name to hash to the id (B10).
func (rt *Runtime) peerStub(q *peer.Request) (*Stub, error) {
	for _, s := range rt.spaces {
		if s.class.script != q.Script || s.class.namespaceID != q.Namespace {
			continue
		}
		id, err := s.key.parse(q.ID)
		if err != nil {
			return nil, err
		}
		if q.Name != "" {
			if !s.key.fromName(q.Name).Equal(id) {
				return nil, ErrForeignID
			}
			id.name = q.Name
		}
		return (&Namespace{served: s}).Get(id), nil
	}
	return nil, ErrUnserved
}

// peerFetch is the Fetch of a peer.
func (rt *Runtime) peerFetch(ctx context.Context, q *peer.Request, r *http.Request) (*http.Response, *peer.Failure) {
	s, err := rt.peerStub(q)
	if err != nil {
		return nil, peer.Describe(err)
	}
	response, err := s.fetchOwned(ctx, r)
	if err != nil {
		return nil, failureOf(err)
	}
	return response, nil
}

// peerCall is the Call of a peer: the method is found by its name (B9).
func (rt *Runtime) peerCall(ctx context.Context, q *peer.Request, argument []byte) ([]byte, *peer.Failure) {
	s, err := rt.peerStub(q)
	if err != nil {
		return nil, peer.Describe(err)
	}
	c := &namedCall{max: int(rt.options.peerBytes())}
	if err := c.find(s.ns.class.typ, q.Method, argument); err != nil {
		return nil, peer.Describe(err)
	}
	c.Init(c)
	if err := s.send(ctx, &c.Event); err != nil {
		return nil, failureOf(s.fail(ctx, q.Method, err, c.FromTask()))
	}
	return c.result, nil
}

// failureOf is an error of a stub, for its caller in another process.
func failureOf(err error) *peer.Failure {
	e, ok := err.(*Error)
	if !ok {
		return peer.Describe(err)
	}
	f := peer.Describe(e.Err)
	f.Remote, f.Retryable, f.Overloaded, f.Reset = e.Remote, e.Retryable, e.Overloaded, e.Reset
	var reset *actor.ResetError
	f.Unstarted = !e.Remote && errors.Is(e.Err, ErrClosed) && !errors.As(e.Err, &reset) // not T34.12
	return f
}

// namedCall is the event of a call by name, and its task.
type namedCall struct {
	actor.Event
	method   reflect.Value // func(T, context.Context) (R, error), or with an argument
	argument []reflect.Value
	max      int
	result   []byte
}

var (
	contextType = reflect.TypeFor[context.Context]()
	errorType   = reflect.TypeFor[error]()
)

// find looks for the method of a class and reads its argument: nothing encoded is none.
func (c *namedCall) find(class reflect.Type, name string, argument []byte) error {
	m, ok := class.MethodByName(name)
	if !ok || notCalled[name] {
		return ErrNotMethod
	}
	typ, want := m.Type, 2
	if len(argument) > 0 {
		want = 3
	}
	if typ.NumIn() != want || typ.IsVariadic() || typ.In(1) != contextType || typ.NumOut() != 2 || typ.Out(1) != errorType {
		return ErrNotMethod
	}
	c.method = m.Func
	if want == 3 {
		p := reflect.New(typ.In(2))
		if err := codec.Decode(argument, p.Interface()); err != nil {
			return err
		}
		c.argument = []reflect.Value{p.Elem()}
	}
	return nil
}

// Do runs the method. The result is encoded inside the turn, so that it is what it was then.
func (c *namedCall) Do(ctx context.Context, instance any) error {
	state := enter(ctx, &c.Event)
	in := append([]reflect.Value{reflect.ValueOf(instance), reflect.ValueOf(ctx)}, c.argument...)
	out := c.method.Call(in)
	err, _ := out[1].Interface().(error)
	err = state.closeTxs(err)
	state.settle(c.Turn(), nil)
	if err != nil {
		return err
	}
	c.result, err = codec.EncodeMax(out[0].Interface(), c.max)
	return err
}

// Drop has nothing to give back.
func (c *namedCall) Drop() {}
