package conformance

import (
	"context"
	"errors"
	"regexp"
	"strings"

	"github.com/durablego/do"
	"github.com/durablego/do/kvstorage"
)

// userError is what a scenario throws.
type userError struct{ text string }

func (e userError) Error() string { return "user:" + e.text }

// userText is as much of a message as the scenario format keeps.
var userText = regexp.MustCompile(`^[A-Za-z0-9_. -]*`)

// bodyError is an error that left a body of ops, with the results of the ops before it.
type bodyError struct {
	err     error
	results []any
}

func (e *bodyError) Error() string { return e.err.Error() }
func (e *bodyError) Unwrap() error { return e.err }

// kinds maps our sentinels to the format's error kinds. What has no counterpart there gets a kind of its own, so that it is never equal
// to a recorded one by accident. Order matters where an error is several of them.
var kinds = []struct {
	is   error
	kind string
}{
	{do.ErrInvalidID, "id_invalid"},
	{do.ErrForeignID, "id_foreign"},
	{do.ErrNotRunning, "not_running"},
	{do.ErrClosed, "disconnected"},
	{errDisconnected, "disconnected"},
	{do.ErrTooDeep, "nested_too_deep"},
	{do.ErrInvalidOptions, "invalid_argument"},
	{kvstorage.ErrInvalidKey, "invalid_argument"},
	{kvstorage.ErrKeyTooLarge, "limit_exceeded"},
	{do.ErrValueTooLarge, "limit_exceeded"},
	{kvstorage.ErrTooManyKeys, "limit_exceeded"},
	{do.ErrInvalidValue, "not_serializable"},
	{do.ErrInTransaction, "in_transaction"},
	{do.ErrOutsideTurn, "outside_turn"},
	{do.ErrDeadlock, "deadlock"},
	{do.ErrOverloaded, "overloaded"},
	{do.ErrNoAlarmHandler, "alarm_no_handler"},
	{do.ErrInvalidAlarm, "invalid_argument"},
	{do.ErrNotMethod, "rpc_no_method"},
	{do.ErrTags, "limit_exceeded"},
	{do.ErrTooManySockets, "limit_exceeded"},
	{do.ErrInvalidClose, "invalid_argument"},
	{do.ErrSocketClosed, "ws_closed"},
	{context.DeadlineExceeded, "timeout"},
	{context.Canceled, "canceled"},
}

// failure gives an error as a result.
func failure(err error) map[string]any {
	var user userError
	thrown := errors.As(err, &user)
	if errors.Is(err, do.ErrReset) {
		out := map[string]any{"error": "object_reset"}
		var e *do.Error
		switch isError := errors.As(err, &e); {
		case isError && e.Overloaded: // L24.4: a time limit
			out["why"] = "timeout"
		case thrown:
			out["user"] = userText.FindString(user.text)
		case constraint(err): // T33
			out["why"] = "constraint"
		case isError && e.Retryable: // L24.5: commit or fsync
			out["why"] = "internal"
		}
		return out
	}
	if thrown {
		return map[string]any{"error": "user_error", "user": userText.FindString(user.text)}
	}
	for _, k := range kinds {
		if errors.Is(err, k.is) {
			return map[string]any{"error": k.kind}
		}
	}
	if out := sqlFailure(err); out != nil {
		return out
	}
	return map[string]any{"error": "unclassified", "text": err.Error()}
}

// opFailure gives an op's error as its result. The results of the ops before it inside its body are kept.
func opFailure(op Node, err error) map[string]any {
	out := failure(err)
	if op.kind() == "deleteAll" && out["error"] == "in_transaction" {
		out["error"] = "delete_all_in_txn"
	}
	switch long := len(op.text("reason")) > 123; {
	case op.kind() == "ws.timeout.set" && out["error"] == "invalid_argument",
		strings.HasPrefix(op.kind(), "ws.close") && long && out["error"] == "invalid_argument":
		out["error"] = "limit_exceeded" // one sentinel for what the reference tells apart
	}
	if body, ok := err.(*bodyError); ok { // not one from another object, wrapped further down
		out["results"] = results(body.results)
	}
	return out
}

// results gives a list as JSON wants it: never null.
func results(list []any) []any {
	if list == nil {
		return []any{}
	}
	return list
}
