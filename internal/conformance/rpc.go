package conformance

import (
	"context"
	"errors"
	"net/http"

	"github.com/durablego/do"
)

// An rpcMethod calls a method of the class by its name in a scenario. In Go the name is a method expression.
type rpcMethod func(ctx context.Context, stub *do.Stub, args []any) (any, error)

var rpcMethods = map[string]rpcMethod{
	"echo":      rpcCall((*object).Echo),
	"add":       rpcCall((*object).Add),
	"nothing":   rpcCall((*object).Nothing),
	"slowEcho":  rpcCall((*object).SlowEcho),
	"fail":      rpcCall((*object).Fail),
	"failLater": rpcCall((*object).FailLater),
	"count":     rpcCall((*object).Count),
	"get":       rpcCall((*object).Get),
	"put":       rpcCall((*object).Put),
	"delete":    rpcCall((*object).Delete),
	"turn": func(ctx context.Context, stub *do.Stub, args []any) (any, error) {
		return do.Call(ctx, stub, (*object).Turn, firstText(args))
	},

	// Names that the runtime keeps for itself. Fetch stands for all of them: it is the one whose shape a call would accept.
	"alarm":            reserved,
	"webSocketMessage": reserved,
	"webSocketClose":   reserved,
	"webSocketError":   reserved,
}

func rpcCall[R any](method func(*object, context.Context, []any) (R, error)) rpcMethod {
	return func(ctx context.Context, stub *do.Stub, args []any) (any, error) {
		r, err := do.Call(ctx, stub, method, args)
		if _, none := any(r).(struct{}); none {
			return undefined{}, err
		}
		return r, err
	}
}

// errReserved is do.ErrNotMethod for a name that the runtime keeps for itself.
var errReserved = errors.New("conformance: reserved name")

func reserved(ctx context.Context, stub *do.Stub, _ []any) (any, error) {
	_, err := do.Call(ctx, stub, (*object).Fetch, (*http.Request)(nil))
	if errors.Is(err, do.ErrNotMethod) {
		return nil, errReserved
	}
	return nil, err
}

// unknown is what a name that the class has no method for comes to: a function that is none of its methods.
func unknown(ctx context.Context, stub *do.Stub, args []any) (any, error) {
	return do.Call(ctx, stub, func(*object, context.Context, []any) (any, error) { return nil, nil }, args)
}

func (r *caller) rpc(ctx context.Context, s Node) (any, error) {
	stub, err := r.stub(s)
	if err != nil {
		return nil, err
	}
	args := []any{}
	if s.has("args") {
		args, _ = decode(s["args"]).([]any)
	}
	method := rpcMethods[s.text("method")]
	if method == nil || s.flag("read") {
		method = unknown
	}
	v, err := r.answer(func() (any, error) { return method(ctx, stub, args) })
	if err == errReserved {
		return map[string]any{"error": "rpc_reserved"}, nil
	}
	return valueOf(v, err)
}
