package conformance

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/durablego/do"
	"github.com/durablego/do/sqlstorage"
)

// An object is the class of every namespace. It runs lists of ops.
type object struct {
	w        *world
	state    *do.State
	env      *do.Env
	full     string  // the name the scenario knows it by
	instance int     // how many constructors began so far
	memory   float64 // the counter of mem.incr
	lists    map[string]*listing
	cursors  map[string]*sqlstorage.Cursor
	sizes    map[string]int64 // that sql.size remembered
}

// constructor gives the constructor of a namespace's class.
func (w *world) constructor(binding string) func(context.Context, *do.State, *do.Env) (*object, error) {
	return func(ctx context.Context, state *do.State, env *do.Env) (*object, error) {
		o := &object{w: w, state: state, env: env, lists: map[string]*listing{}, cursors: map[string]*sqlstorage.Cursor{}, sizes: map[string]int64{}}
		id := state.ID()
		var program Node
		o.full, o.instance, program = w.begin(objectKey{binding, id.String()}, id.Name())
		w.enter(o.full)
		if !program.has("construct") {
			return o, nil
		}
		p := asNode(program["construct"])
		if p.has("times") && float64(o.instance) > p.number("times") || float64(o.instance) <= p.number("after") {
			return o, nil
		}
		ctx, end := o.begin(ctx)
		defer end()
		if err := o.run(ctx, p.list("sync"), &scope{}); err != nil {
			return nil, err
		}
		if !p.has("block") {
			return o, nil
		}
		return o, state.BlockConcurrencyWhile(ctx, func(ctx context.Context) error {
			return o.run(ctx, p.list("block"), &scope{})
		})
	}
}

// silent gives the constructor of a class that hears of no socket.
func (w *world) silent(binding string) func(context.Context, *do.State, *do.Env) (*silent, error) {
	build := w.constructor(binding)
	return func(ctx context.Context, state *do.State, env *do.Env) (*silent, error) {
		o, err := build(ctx, state, env)
		return &silent{o}, err
	}
}

// Fetch accepts WebSockets: scenarios use it for nothing else.
func (o *object) Fetch(_ context.Context, r *http.Request) (*http.Response, error) {
	if text := r.Header.Get(oracleHeader); text != "" {
		return o.upgrade(r, text)
	}
	return do.Text(http.StatusNotFound, ""), nil
}

// Turn runs a list of ops, given as JSON, and returns {"results": […]}.
func (o *object) Turn(ctx context.Context, ops string) (string, error) {
	o.w.enter(o.full)
	ctx, end := o.begin(ctx)
	defer end()
	var list []Node
	if err := json.Unmarshal([]byte(ops), &list); err != nil {
		return "", err
	}
	s := &scope{}
	if err := o.run(ctx, list, s); err != nil {
		return "", err
	}
	text, err := json.Marshal(map[string]any{"results": results(s.results)})
	return string(text), err
}

// The methods of the rpc steps. A typed call has one argument: the list of the step's.

// Echo returns its only argument, or all of them.
func (o *object) Echo(_ context.Context, args []any) (any, error) {
	if len(args) == 1 {
		return args[0], nil
	}
	return args, nil
}

// Add adds two numbers or joins two texts.
func (o *object) Add(_ context.Context, args []any) (any, error) {
	if len(args) == 2 {
		switch a := args[0].(type) {
		case float64:
			if b, ok := args[1].(float64); ok {
				return a + b, nil
			}
		case string:
			if b, ok := args[1].(string); ok {
				return a + b, nil
			}
		}
	}
	return nil, fmt.Errorf("cannot add %v", args)
}

// Nothing has no result.
func (o *object) Nothing(context.Context, []any) (struct{}, error) { return struct{}{}, nil }

// SlowEcho returns its second argument after as many milliseconds as the first one says.
func (o *object) SlowEcho(ctx context.Context, args []any) (any, error) {
	if len(args) != 2 {
		return nil, fmt.Errorf("slowEcho with %d arguments", len(args))
	}
	ms, _ := args[0].(float64)
	return args[1], o.sleep(ctx, ms)
}

// Fail throws its argument.
func (o *object) Fail(_ context.Context, args []any) (any, error) {
	return nil, userError{firstText(args)}
}

// FailLater throws its argument after a wait.
func (o *object) FailLater(ctx context.Context, args []any) (any, error) {
	if err := o.sleep(ctx, 5); err != nil {
		return nil, err
	}
	return nil, userError{firstText(args)}
}

// Count is mem.incr.
func (o *object) Count(context.Context, []any) (float64, error) {
	o.memory++
	return o.memory, nil
}

// Get, Put and Delete show that a class may use the names of the storage calls.
func (o *object) Get(_ context.Context, args []any) (string, error) {
	return "get:" + firstText(args), nil
}

// Put is like Get.
func (o *object) Put(_ context.Context, args []any) (string, error) {
	return "put:" + firstText(args), nil
}

// Delete is like Get.
func (o *object) Delete(_ context.Context, args []any) (string, error) {
	return "delete:" + firstText(args), nil
}

func firstText(args []any) string {
	if len(args) == 0 {
		return "undefined"
	}
	return asText(args[0])
}

// sleep is a wait: other events run meanwhile.
func (o *object) sleep(ctx context.Context, ms float64) error {
	return o.state.Await(ctx, func(ctx context.Context) error { return pause(ctx, ms) })
}

// pause takes ms milliseconds, at least one like the reference's timers, or until ctx is done.
func pause(ctx context.Context, ms float64) error {
	timer := time.NewTimer(milliseconds(max(ms, 1)))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func milliseconds(ms float64) time.Duration { return time.Duration(ms * float64(time.Millisecond)) }
