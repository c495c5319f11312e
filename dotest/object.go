package dotest

import (
	"context"
	"runtime"
	"sync/atomic"

	"github.com/durablego/do"
)

// Objects lists the objects of a namespace that have data (D6), in the order of their ids.
// An error ends the test.
func (r *Runtime) Objects(ns *do.Namespace) []do.ObjectInfo {
	r.t.Helper()
	var all []do.ObjectInfo
	for o, err := range ns.Objects(context.Background(), do.ObjectsOptions{}) {
		if err != nil {
			r.t.Fatalf("dotest: Objects: %v", err)
		}
		all = append(all, o)
	}
	return all
}

// RunAlarm runs the alarm of stub's object now, whatever its time, and waits until the run is
// over and what it did durable (D5). ran says whether there was one; a dead one is none. err is the handler's
// error, do.ErrReset after a panic or a time limit, or a failure of the disk: all rules of
// section 5 apply to it, so it is retried, or dead.
func (r *Runtime) RunAlarm(stub *do.Stub) (ran bool, err error) {
	return r.present().control.RunAlarm(context.Background(), stub)
}

// RunInObject runs fn as an event of stub's object: it waits in the queue, has a turn and
// its ctx, the object's gates, and a commit at its end (D4). obj is the instance, built if
// there is none, and state its State. fn's error comes back as it is, when everything it
// wrote before is durable; other errors are those of do.Call. An object that is no T gives
// do.ErrWrongClass.
//
// In fn, t.Fatal and its kin fail the test and end it: the object is reset, as by any
// runtime.Goexit, and RunInObject ends its caller's goroutine in turn.
func RunInObject[T do.Object](env *Runtime, stub *do.Stub, fn func(ctx context.Context, obj T, state *do.State) error) error {
	var unfinished atomic.Bool
	err := env.present().control.Run(context.Background(), stub, func(ctx context.Context, instance, state any) error {
		obj, ok := instance.(T)
		if !ok {
			return do.ErrWrongClass
		}
		unfinished.Store(true)
		err := fn(ctx, obj, state.(*do.State))
		unfinished.Store(false)
		return err
	})
	if unfinished.Load() && env.t.Failed() {
		runtime.Goexit()
	}
	return err
}
