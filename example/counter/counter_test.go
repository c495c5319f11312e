package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
)

func ask(t *testing.T, env *dotest.Runtime, method, target, body string) (int, string) {
	t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	response := env.Fetch(r)
	b, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(b)
}

func TestCounter(t *testing.T) {
	env := dotest.New(t, dotest.Options{Handler: handler})
	for _, c := range []struct {
		method, target, form string
		status               int
		want                 string
	}{
		{"GET", "/counter/hits", "", 200, "0\n"},
		{"POST", "/counter/hits/add", "", 200, "1\n"},
		{"POST", "/counter/hits/add?n=5", "", 200, "6\n"},
		{"POST", "/counter/%68its/add", "n=-2", 200, "4\n"},
		{"GET", "/counter/hits/", "", 200, "4\n"},
		{"GET", "/counter/other", "", 200, "0\n"},
		{"POST", "/counter/hits/add?n=x", "", 400, "n must be a whole number\n"},
		{"POST", "/counter/hits", "", 404, "a counter has GET / and POST /add?n=5\n"},
		{"GET", "/counter/hits/add", "", 404, "a counter has GET / and POST /add?n=5\n"},
	} {
		if status, body := ask(t, env, c.method, c.target, c.form); status != c.status || body != c.want {
			t.Errorf("%s %s %q = %d %q, want %d %q", c.method, c.target, c.form, status, body, c.status, c.want)
		}
	}

	// The same object, called as Go calls Go; and after a crash.
	total, err := do.Call(t.Context(), env.Namespace("COUNTER").GetByName("hits"), (*Counter).Add, 3)
	if total != 7 || err != nil {
		t.Errorf("Add(3) = %d, %v, want 7", total, err)
	}
	env.Crash()
	total, err = do.Call0(t.Context(), env.Namespace("COUNTER").GetByName("hits"), (*Counter).Total)
	if total != 7 || err != nil {
		t.Errorf("after a crash Total() = %d, %v, want 7", total, err)
	}
}

func TestPage(t *testing.T) {
	env := dotest.New(t, dotest.Options{Handler: handler})
	for _, visits := range []string{"opened 1 time.", "opened 2 times."} {
		if status, body := ask(t, env, "GET", "/", ""); status != 200 || !strings.Contains(body, visits) {
			t.Errorf("GET / = %d, want a page that was %s", status, visits)
		}
	}
	r := httptest.NewRequest(http.MethodPost, "/counter/hits/add", nil)
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	response := env.Fetch(r)
	if err := response.Body.Close(); err != nil {
		t.Error(err)
	}
	if response.StatusCode != http.StatusForbidden {
		t.Errorf("another site's page may count: %d", response.StatusCode)
	}
}

func TestRunReportsWhatKeepsItFromServing(t *testing.T) {
	var out bytes.Buffer
	if err := run(context.Background(), &out, "256.0.0.1:0", t.TempDir()); err == nil {
		t.Error("run serves on an address that does not exist")
	}
	if out.Len() > 0 {
		t.Errorf("it said %q", out.String())
	}
}
