package do_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/durablego/do"
)

// TestF5ContentType guesses the type of an answer where net/http does, and only there.
func TestF5ContentType(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"none":    func(w http.ResponseWriter, _ *http.Request) {},
		"encoded": func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Encoding", "gzip") },
		"unsaid":  func(w http.ResponseWriter, _ *http.Request) { w.Header()["Content-Type"] = nil },
		"empty":   func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Type", "") },
		"own":     func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Type", "text/csv") },
	} {
		whole := func(w http.ResponseWriter, r *http.Request) {
			h(w, r)
			_, _ = io.WriteString(w, "\x1f\x8b\x08 looks like gzip")
		}
		server := httptest.NewServer(http.HandlerFunc(whole))
		want, err := http.Get(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		want.Body.Close()
		server.Close()
		got, err := do.Serve(http.HandlerFunc(whole), httptest.NewRequest("GET", "/", nil))
		wantNil(t, err)
		if g, w := got.Header.Get("Content-Type"), want.Header.Get("Content-Type"); g != w {
			t.Errorf("%s: Content-Type %q, want %q", name, g, w)
		}
	}
}
