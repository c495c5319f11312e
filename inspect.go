package do

import (
	"context"

	"github.com/durablego/do/internal/actor"
	"github.com/durablego/do/kvstorage"
	"github.com/durablego/do/sqlstorage"
)

// Inspect runs fn on an object's storage, for whoever has to look after it: also when its
// constructor fails, a migration of it for one. It is an event of the object like any other:
// it waits in the queue, is the only one that runs, has a turn and its ctx, and what it writes
// is committed at its end and durable when Inspect returns. An instance that is in memory
// stays as it is, and hears nothing of what fn does behind its back; where there is none, none
// is built, and no Stop runs.
//
// fn's error comes back as it is, and undoes nothing (T12); a panic resets the object, and
// undoes what fn wrote. Other errors are those of a call (L24). Inside an object Inspect is a
// wait of the turn. An object without data is inspected like any other, and nothing is made by
// reading.
func (n *Namespace) Inspect(ctx context.Context, id ID, fn func(ctx context.Context, kv *kvstorage.Store, db *sqlstorage.DB) error) error {
	stub := n.Get(id)
	e := &inspection{fn: fn}
	e.Init(e)
	e.Bare = true
	defer n.settle(id)
	err := stub.send(ctx, &e.Event)
	if err == nil || e.FromTask() {
		return err
	}
	return stub.fail(ctx, "inspect", err, false)
}

// inspection is the event of an Inspect, and its task.
type inspection struct {
	actor.Event
	fn func(ctx context.Context, kv *kvstorage.Store, db *sqlstorage.DB) error
}

// Do runs fn.
func (e *inspection) Do(ctx context.Context, _ any) error {
	state := enter(ctx, &e.Event)
	return state.closeTxs(e.fn(ctx, state.kv, state.sql))
}

// Drop has nothing to give back.
func (e *inspection) Drop() {}
