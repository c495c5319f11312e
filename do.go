package do

import (
	"context"
	"net/http"

	"github.com/durablego/do/internal/actor"
)

// Object is what a class of objects must do: answer requests. Each id has at most one live
// instance, and its methods run one event at a time.
//
// Fetch runs in a turn, whose key is ctx: storage and State want it. r is a clone; r.Context
// is ctx. The response's body is streamed after the turn (F1); nil without an error is an
// error. A returned error is the caller's error and undoes nothing (T12); a panic resets
// the object and undoes what was written since the last commit point.
type Object interface {
	Fetch(ctx context.Context, r *http.Request) (*http.Response, error)
}

// Stopper is an Object that wants to know before its instance leaves memory (L9). Stop is
// a turn of at most 10 s that lets no other event in; what it writes is saved. It is best
// effort: there is none after a reset or a crash.
type Stopper interface {
	Stop(ctx context.Context, reason StopReason) error
}

// StopReason says why an instance leaves memory.
type StopReason int

const (
	// StopIdle: nothing to do for the class's IdleTimeout.
	StopIdle = StopReason(actor.StopIdle)
	// StopClose: the runtime closes.
	StopClose = StopReason(actor.StopClose)
)

// DefaultDir is the usual data folder for Options.Dir, beside the program (E3).
const DefaultDir = ".do"
