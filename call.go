package do

import (
	"context"
	"reflect"

	"github.com/durablego/do/internal/actor"
	"github.com/durablego/do/internal/codec"
)

// Call runs method on the stub's object and gives its result:
//
//	total, err := do.Call(ctx, stub, (*Counter).Add, 5)
//
// T is the class, or an interface it implements. method must be a method expression of
// an exported method other than those of Object and its abilities, else ErrNotMethod (which
// a method expression of a type parameter gives too: name the type); the
// object must be a T, else ErrWrongClass (F2). Argument and result are copies: plain
// values pass as they are, all else through the encoding of kvstorage, of at most
// MaxCallBytes, else ErrValueTooLarge (F3). These errors come before anything is queued.
// Every failure but ctx's own is an *Error (L24); the method's error is its cause.
func Call[T, A, R any](ctx context.Context, s *Stub, method func(T, context.Context, A) (R, error), arg A) (R, error) {
	if s.ns.away != nil {
		m := s.ns.rt.methods.of(reflect.ValueOf(method).Pointer(), reflect.TypeFor[T]())
		return callAway[R](ctx, s, m, func(max int) ([]byte, error) { return codec.EncodeMax(arg, max) })
	}
	c := &call[T, A, R]{stub: s, method: method}
	m, err := methodOf[T](reflect.ValueOf(method).Pointer(), s)
	if err == nil {
		c.arg, err = codec.CopyOf(arg, s.ns.rt.options.MaxCallBytes)
	}
	if err == nil {
		c.Init(c)
		err = s.send(ctx, &c.Event)
	}
	if err != nil {
		var zero R
		return zero, s.fail(ctx, m.name, err, c.FromTask())
	}
	return c.result, nil
}

// Call0 is Call for a method without argument.
func Call0[T, R any](ctx context.Context, s *Stub, method func(T, context.Context) (R, error)) (R, error) {
	if s.ns.away != nil {
		m := s.ns.rt.methods.of(reflect.ValueOf(method).Pointer(), reflect.TypeFor[T]())
		return callAway[R](ctx, s, m, func(int) ([]byte, error) { return nil, nil })
	}
	c := &call0[T, R]{stub: s, method: method}
	m, err := methodOf[T](reflect.ValueOf(method).Pointer(), s)
	if err == nil {
		c.Init(c)
		err = s.send(ctx, &c.Event)
	}
	if err != nil {
		var zero R
		return zero, s.fail(ctx, m.name, err, c.FromTask())
	}
	return c.result, nil
}

// call is the event of a Call, and its task.
type call[T, A, R any] struct {
	actor.Event
	stub   *Stub
	method func(T, context.Context, A) (R, error)
	arg    A
	result R
}

// Do runs the method. The result is copied inside the turn, so that it is what it was then.
func (c *call[T, A, R]) Do(ctx context.Context, instance any) error {
	state := enter(ctx, &c.Event)
	result, err := c.method(instance.(T), ctx, c.arg)
	err = state.closeTxs(err)
	state.settle(c.Turn(), nil)
	if err != nil {
		return err
	}
	c.result, err = codec.CopyOf(result, c.stub.ns.rt.options.MaxCallBytes)
	return err
}

// Drop has nothing to give back.
func (c *call[T, A, R]) Drop() {}

type call0[T, R any] struct {
	actor.Event
	stub   *Stub
	method func(T, context.Context) (R, error)
	result R
}

// Do is as call.Do.
func (c *call0[T, R]) Do(ctx context.Context, instance any) error {
	state := enter(ctx, &c.Event)
	result, err := c.method(instance.(T), ctx)
	err = state.closeTxs(err)
	state.settle(c.Turn(), nil)
	if err != nil {
		return err
	}
	c.result, err = codec.CopyOf(result, c.stub.ns.rt.options.MaxCallBytes)
	return err
}

// Drop has nothing to give back.
func (c *call0[T, R]) Drop() {}
