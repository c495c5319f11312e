package main

import (
	"context"
	"io"
	"net/http/httptest"
	"testing"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
	"github.com/durablego/do/example/crossscript/counter"
)

// The script that owns the counters runs without those that bind them.
func TestHostAlone(t *testing.T) {
	env := dotest.New(t, dotest.Options{Runtime: options("", ""), Handler: handler})
	total, err := do.Call(t.Context(), env.Namespace("COUNTER").GetByName("greetings"), (*counter.Counter).Add, 2)
	if err != nil || total != 2 {
		t.Errorf("Add(2) = %d, %v", total, err)
	}
	res := env.Fetch(httptest.NewRequest("GET", "http://example/counter/greetings", nil))
	if body, err := io.ReadAll(res.Body); err != nil || string(body) != "2\n" {
		t.Errorf("GET /counter/greetings = %q, %v, want 2", body, err)
	}
}

// The program ends in order.
func TestRun(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := run(ctx, "127.0.0.1:0", options(t.TempDir(), "")); err != nil {
		t.Error(err)
	}
}
