package dotest

import (
	"context"
	"runtime"
	"sync/atomic"

	"github.com/durablego/do"
)

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
