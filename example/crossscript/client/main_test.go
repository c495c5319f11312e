package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/durablego/do/dotest"
)

func ask(t *testing.T, env *dotest.Runtime, path, want string) {
	t.Helper()
	res := env.Fetch(httptest.NewRequest("GET", "http://example"+path, nil))
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK || string(body) != want {
		t.Errorf("GET %s = %d %q, %v, want %q", path, res.StatusCode, body, err, want)
	}
}

// Greeters of one script count with one object of the other (E16), across a crash.
func TestTwoScriptsInOneProcess(t *testing.T) {
	o := options("", "", "")
	env := dotest.New(t, dotest.Options{Runtime: o, Handler: handler(o)})
	ask(t, env, "/hello/ann", "hello ann, this is greeting 1\n")
	ask(t, env, "/hello/bob", "hello bob, this is greeting 2\n")
	ask(t, env, "/counter/greetings", "2\n")
	env.Crash()
	ask(t, env, "/hello/ann", "hello ann, this is greeting 3\n")
}

// The program ends in order.
func TestRun(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := run(ctx, "127.0.0.1:0", options(t.TempDir(), "", "")); err != nil {
		t.Error(err)
	}
}
