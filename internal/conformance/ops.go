package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/durablego/do"
)

// A scope is one body of ops.
type scope struct {
	results []any
	txn     *txnScope // the innermost open transaction
	socket  *socketScope
}

// A txnScope is shared by the bodies inside one transaction.
type txnScope struct{ rolledBack bool }

// within gives the scope of a body inside this one.
func (s *scope) within() *scope { return &scope{txn: s.txn, socket: s.socket} }

// errRollback leaves a Transaction so that it is undone; it is no failure.
var errRollback = errors.New("conformance: roll back")

// run runs ops one after the other. A failing op leaves its error as its result; throw, and an op with rethrow, end the body.
func (o *object) run(ctx context.Context, ops []Node, s *scope) error {
	for _, op := range ops {
		if op.kind() == "throw" {
			return userError{op.message()}
		}
		result, err := o.do(ctx, op, s)
		if err != nil {
			if op.flag("rethrow") {
				return err
			}
			result = opFailure(op, err)
		}
		s.results = append(s.results, result)
	}
	return nil
}

var okay = map[string]any{"ok": true}

// done gives the result of an op that has none.
func done(err error) (any, error) { return okay, err }

// valueOf gives a result that is one value.
func valueOf(v any, err error) (any, error) { return map[string]any{"value": encode(v)}, err }

func (o *object) do(ctx context.Context, op Node, s *scope) (any, error) {
	if f, ok := kvOps[op.kind()]; ok {
		return f(o, ctx, op)
	}
	if f, ok := sqlOps[op.kind()]; ok {
		return f(o, ctx, op)
	}
	if f, ok := alarmOps[op.kind()]; ok {
		return f(o, ctx, op)
	}
	switch op.kind() {
	case "deleteAll":
		return done(o.state.Storage().DeleteAll(ctx))
	case "sync":
		return done(o.state.Storage().Sync(ctx))
	case "sleep":
		return done(o.sleep(ctx, op.number("ms")))
	case "txn":
		return o.transaction(ctx, op, &scope{txn: &txnScope{}, socket: s.socket})
	case "txnSync":
		return o.transaction(ctx, op, s.within())
	case "txn.rollback":
		if s.txn == nil {
			return nil, errors.New("txn.rollback outside a transaction")
		}
		s.txn.rolledBack = true
		return okay, nil
	case "blockConcurrencyWhile":
		return o.block(ctx, op, s.within())
	case "nest":
		v, err := o.nest(ctx, op, int(op.number("depth")))
		return map[string]any{"value": v}, err
	case "try":
		in := s.within()
		if err := o.run(ctx, op.list("body"), in); err != nil {
			out := failure(err)
			out["results"] = results(in.results)
			return out, nil
		}
		return body(in), nil
	case "waitUntil":
		return done(o.state.WaitUntil(ctx, func(ctx context.Context) error { return o.background(ctx, op.list("body")) }))
	case "call":
		return o.call(ctx, op)
	case "abort":
		var reason error
		if op.has("message") {
			reason = userError{op.text("message")}
		}
		if s.socket != nil {
			s.socket.aborted = true
		}
		o.state.Abort(ctx, reason)
		return okay, nil
	case "mem.incr":
		o.memory++
		return valueOf(o.memory, nil)
	case "mem.get":
		return valueOf(o.memory, nil)
	case "mem.instance":
		return valueOf(o.instance, nil)
	case "id.self":
		return shownID(o.state.ID()), nil
	case "note":
		o.w.note(o.full, map[string]any{"ev": "note", "text": op["text"]})
		return okay, nil
	}
	if strings.HasPrefix(op.kind(), "ws.") {
		return o.socketOp(op, s)
	}
	return nil, fmt.Errorf("unknown op %q", op.kind())
}

// body gives the result of a body that ended well.
func body(s *scope) any { return map[string]any{"ok": true, "results": results(s.results)} }

// transaction serves txn and txnSync: we have one kind.
func (o *object) transaction(ctx context.Context, op Node, in *scope) (any, error) {
	err := o.state.Storage().Transaction(ctx, func(ctx context.Context) error {
		if err := o.run(ctx, op.list("body"), in); err != nil {
			return err
		}
		switch end := op.text("end"); {
		case end == "throw":
			return userError{op.message()}
		case op.kind() == "txn" && (end == "rollback" || in.txn.rolledBack):
			return errRollback
		}
		return nil
	})
	if err != nil && err != errRollback { // T22: fn's error comes back as it is
		return nil, &bodyError{err, in.results}
	}
	return body(in), nil
}

func (o *object) block(ctx context.Context, op Node, in *scope) (any, error) {
	err := o.state.BlockConcurrencyWhile(ctx, func(ctx context.Context) error {
		if err := o.run(ctx, op.list("body"), in); err != nil {
			return err
		}
		if op.text("end") == "throw" {
			return userError{op.message()}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return body(in), nil
}

// nest dives through depth sections inside each other. With catch the last but one gives the error of the last as the value.
func (o *object) nest(ctx context.Context, op Node, depth int) (value any, err error) {
	err = o.state.BlockConcurrencyWhile(ctx, func(ctx context.Context) error {
		if depth <= 1 {
			value = "bottom"
			return nil
		}
		inner, err := o.nest(ctx, op, depth-1)
		if err != nil && op.flag("catch") && depth == 2 {
			inner, err = failure(err), nil
		}
		value = inner
		return err
	})
	return value, err
}

// background runs the body of waitUntil: pauses outside turns, everything else in turns of its own.
func (o *object) background(ctx context.Context, ops []Node) error {
	for len(ops) > 0 {
		if ops[0].kind() == "sleep" {
			if err := pause(ctx, ops[0].number("ms")); err != nil {
				return err
			}
			ops = ops[1:]
			continue
		}
		n := 1
		for n < len(ops) && ops[n].kind() != "sleep" {
			n++
		}
		part := ops[:n]
		err := o.state.Run(ctx, func(ctx context.Context) error {
			ctx, end := o.begin(ctx)
			defer end()
			return o.run(ctx, part, &scope{})
		})
		if err != nil {
			return err
		}
		ops = ops[n:]
	}
	return nil
}

// call runs ops in another object of the case.
func (o *object) call(ctx context.Context, op Node) (any, error) {
	binding := "main"
	if op.has("ns") {
		binding = op.text("ns")
	}
	text, err := json.Marshal(op["turn"])
	if err != nil {
		return nil, err
	}
	stub := o.env.Namespace(binding).GetByName(siblingOf(o.full, op.text("on")))
	answer, err := do.Call(ctx, stub, turner.Turn, string(text))
	if err != nil {
		return nil, err
	}
	return parse(answer), nil
}

// parse reads what Turn returned.
func parse(answer string) any {
	var v any
	if err := json.Unmarshal([]byte(answer), &v); err != nil {
		return map[string]any{"error": "unclassified", "text": err.Error()}
	}
	return v
}

// shownID gives an id as a result. The library cannot tell an empty name from none (I11).
func shownID(id do.ID) map[string]any {
	out := map[string]any{"id": id.String(), "name": nil}
	if name := id.Name(); name != "" {
		out["name"] = encode(name)
	}
	return out
}
