package main

import (
	"bytes"
	"context"
	"io"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/durablego/do/dotest"
)

func ask(t *testing.T, env *dotest.Runtime, method, target string, form url.Values) (int, string) {
	t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response := env.Fetch(r)
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(b)
}

func TestNotes(t *testing.T) {
	env := dotest.New(t, dotest.Options{Handler: handler})
	write := func(book, title, body string) {
		t.Helper()
		if status, b := ask(t, env, "POST", "/notes/"+book, url.Values{"title": {title}, "body": {body}}); status != 303 {
			t.Fatalf("writing %q = %d %s", title, status, b)
		}
	}
	write("ann", "Shopping", "apples, <b>pears</b> and \"quinces\"")
	write("ann", "Garden", "the apple tree wants pruning in March")
	write("bob", "Garden", "Bob has apples, too")
	for _, c := range []struct {
		target     string
		want, lack string
	}{
		{"/notes/ann", "<h2>Garden</h2>", "Bob"},
		{"/notes/ann", "&lt;b&gt;pears", "<b>"},
		{"/notes/ann?q=prun", "<mark>pruning</mark>", "<h2>Shopping</h2>"},
		{"/notes/ann?q=apple+march", "<h2>Garden</h2>", "<h2>Shopping</h2>"},
		{"/notes/ann?q=%22quinces", "<h2>Shopping</h2>", "<h2>Garden</h2>"},
		{"/notes/ann?q=NOT+(", "Nothing has", "<article>"},
		{"/notes/carl", "No notes yet", "<article>"},
	} {
		status, body := ask(t, env, "GET", c.target, nil)
		if status != 200 || !strings.Contains(body, c.want) || strings.Contains(body, c.lack) {
			t.Errorf("GET %s = %d, want %q and not %q in\n%s", c.target, status, c.want, c.lack, body)
		}
	}
	env.Crash()
	if status, _ := ask(t, env, "POST", "/notes/ann", url.Values{"remove": {"2"}}); status != 303 {
		t.Errorf("removing = %d", status)
	}
	if _, body := ask(t, env, "GET", "/notes/ann?q=apple", nil); !strings.Contains(body, "Shopping") || strings.Contains(body, "Garden") {
		t.Errorf("after a crash and a removal:\n%s", body)
	}
	if status, _ := ask(t, env, "POST", "/notes/ann", url.Values{"title": {" "}}); status != 400 {
		t.Errorf("a note without title = %d", status)
	}
	if status, _ := ask(t, env, "GET", "/notes/ann/x", nil); status != 404 {
		t.Errorf("another page = %d", status)
	}
	if status, _ := ask(t, env, "GET", "/", nil); status != 303 {
		t.Errorf("GET / = %d", status)
	}
}

func TestRunReportsWhatKeepsItFromServing(t *testing.T) {
	var out bytes.Buffer
	if err := run(context.Background(), &out, "256.0.0.1:0", t.TempDir()); err == nil || out.Len() > 0 {
		t.Errorf("run on an address that does not exist: %v, said %q", err, out.String())
	}
}
