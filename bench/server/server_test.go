package main

import (
	"io"
	"net/http/httptest"
	"testing"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
)

// TestEndpoints holds the server to bench/README.md, so that the comparison compares the same work.
func TestEndpoints(t *testing.T) {
	env := dotest.New(t, dotest.Options{Handler: handler})
	for _, c := range []struct {
		path   string
		status int
		body   string
	}{
		{"/raw", 200, "1"},
		{"/o/a/mem", 200, "1"},
		{"/o/a/mem", 200, "2"},
		{"/o/b/mem", 200, "1"},
		{"/o/a/call/b", 200, "2"},
		{"/o/a/kvread", 200, "0"},
		{"/o/a/kv", 200, "1"},
		{"/o/a/kv", 200, "2"},
		{"/o/a/kvread", 200, "2"},
		{"/o/b/kvread", 200, "0"},
		{"/o/a/sql", 200, "1"},
		{"/o/a/sql", 200, "2"},
		{"/o/b/sql", 200, "1"},
		{"/o/a/other", 404, "no such operation"},
	} {
		res := env.Fetch(httptest.NewRequest("GET", c.path, nil))
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		if err := res.Body.Close(); err != nil {
			t.Fatal(err)
		}
		if res.StatusCode != c.status || string(body) != c.body {
			t.Errorf("GET %s = %d %q, want %d %q", c.path, res.StatusCode, body, c.status, c.body)
		}
	}
}

// TestSockets: an echo to the sender, and what begins with b to all.
func TestSockets(t *testing.T) {
	env := dotest.New(t, dotest.Options{})
	stub := env.Namespace("BENCH").GetByName("room")
	a, err := env.Dial(stub, "/ws")
	if err != nil {
		t.Fatal(err)
	}
	b, err := env.Dial(stub, "/ws")
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"ping", "b0123456789"} {
		if err := a.Send(do.Message{Text: text}); err != nil {
			t.Fatal(err)
		}
		if m, err := a.Receive(t.Context()); err != nil || m.Text != text {
			t.Errorf("the sender of %q received %q, %v", text, m.Text, err)
		}
	}
	if m, err := b.Receive(t.Context()); err != nil || m.Text != "b0123456789" {
		t.Errorf("the other received %q, %v", m.Text, err)
	}
}
