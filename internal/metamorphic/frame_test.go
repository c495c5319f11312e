package metamorphic

import (
	"context"

	"github.com/durablego/do"
)

// frame is a piece of user code with a turn, at work on a script.
type frame struct {
	s      *subject
	script script
	over   bool // nothing it does has a result any more
}

// stop ends the frame.
func (f *frame) stop() error {
	f.over = true
	return errStop
}

func (f *frame) say(format string, args ...any) { f.script.trace.say(format, args...) }

// run runs the body of o and ends as o says. It gives errStop if the frame is cut off.
func (f *frame) run(ctx context.Context, o op) error {
	for _, inner := range o.body {
		if err := f.do(ctx, inner); err != nil {
			return err
		}
	}
	switch o.end {
	case failing:
		return errUser
	case panicking:
		panic("a panic of the history")
	case aborting:
		f.s.state.Abort(ctx, errUser)
	}
	return nil
}

// do runs an operation and says what it gave. Its error is errStop or nil.
func (f *frame) do(ctx context.Context, o op) error {
	var err error
	switch o.do {
	case "transaction":
		err = f.s.state.Storage().Transaction(ctx, func(ctx context.Context) error { return f.run(ctx, o) })
	case "block":
		err = f.s.state.BlockConcurrencyWhile(ctx, func(ctx context.Context) error { return f.run(ctx, o) })
	case "sync":
		if err = f.s.state.Storage().Sync(ctx); err == nil {
			f.s.w.point(ctx, f.script.root)
		}
	case "deleteAll":
		err = f.s.state.Storage().DeleteAll(ctx)
	case "await":
		err = f.await(ctx, o)
	case "call":
		err = f.call(ctx, o)
	case "waitUntil":
		err = f.waitUntil(ctx, o)
	case "size":
		var size int64
		if size, err = f.s.state.SQL().Size(ctx); err == nil && size < 0 {
			f.say("a size of %d", size)
		}
	default:
		return f.store(ctx, o)
	}
	if f.over {
		return errStop
	}
	f.say("%s = %s", o.do, kind(err))
	if kind(err) == "ErrReset" && f.cutOff(ctx) {
		return f.stop()
	}
	return nil
}

// cutOff says whether the frame's own object was reset, not one that it called.
func (f *frame) cutOff(ctx context.Context) bool {
	_, err := f.s.state.KV().Get(ctx, "", nil)
	return kind(err) == "ErrReset"
}

func (f *frame) await(ctx context.Context, o op) error {
	return f.s.state.Await(ctx, func(ctx context.Context) error {
		f.s.w.point(ctx, f.script.root)
		for _, inner := range o.body {
			err := f.call(ctx, inner)
			if err != nil && err == ctx.Err() {
				err = do.ErrReset // nobody else ends ctx; this end comes beside that of the call, which may be held longer (T10, T18)
			}
			f.say("call = %s", kind(err))
		}
		switch o.end {
		case failing:
			return errUser
		case panicking:
			panic("a panic of the history")
		}
		return nil
	})
}

// call runs another event, of this or another object.
func (f *frame) call(ctx context.Context, o op) error {
	w := f.s.w
	ticket := w.add(o, f.script.trace.begin(), f.script.root)
	_, err := do.Call(ctx, f.s.env.Namespace(binding).GetByName(w.names[o.obj]), (*subject).Work, ticket)
	return err
}

// waitUntil runs a turn beside the event, as soon as the test says so.
func (f *frame) waitUntil(ctx context.Context, o op) error {
	inner := script{op: o, trace: f.script.trace.begin(), root: f.script.root}
	sp := f.s.w.spawn(inner.root)
	return f.s.state.WaitUntil(ctx, func(ctx context.Context) error {
		sp.began.Store(true)
		defer close(sp.done)
		select {
		case <-sp.release:
		case <-ctx.Done():
			return ctx.Err()
		}
		return f.s.state.Run(ctx, func(ctx context.Context) error {
			f.s.w.running.Add(1)
			defer f.s.w.running.Done()
			inner.trace.say("run")
			if err := (&frame{s: f.s, script: inner}).run(ctx, o); err != errStop {
				return err
			}
			return nil
		})
	})
}
