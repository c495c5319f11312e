package router_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/durablego/do"
	"github.com/go-chi/chi/v5"
)

// nowhere is a ResponseWriter that keeps nothing.
type nowhere struct{ header http.Header }

func (w *nowhere) Header() http.Header         { return w.header }
func (w *nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (w *nowhere) WriteHeader(int)             {}

func (w *nowhere) WriteString(s string) (int, error) { return len(s), nil }

// BenchmarkRouter is a request to an object that adds to a field, through chi and this
// package, without a network; "bare" is a chi handler that does it, "fetch" the way from
// Stub.Fetch on. What is between "fetch" and "mem", beyond "bare", is this package.
func BenchmarkRouter(b *testing.B) {
	ns := open(b, func(_ context.Context, o *object, _ *http.Request) (*http.Response, error) {
		o.count++
		return do.Text(http.StatusOK, strconv.Itoa(o.count)), nil
	})
	door := byName(ns)
	count := 0
	bare := chi.NewRouter()
	bare.Get("/o/{name}/mem", func(w http.ResponseWriter, _ *http.Request) {
		count++
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write([]byte(strconv.Itoa(count)))
	})
	request := func() *http.Request {
		r := httptest.NewRequest(http.MethodGet, "/o/x/mem", nil)
		r.Header = http.Header{"User-Agent": {"bench"}, "Accept": {"*/*"}, "Accept-Encoding": {"gzip"}}
		return r
	}
	for _, c := range []struct {
		name string
		h    http.Handler
	}{{"bare", bare}, {"mem", door}} {
		b.Run(c.name, func(b *testing.B) {
			r, w := request(), &nowhere{}
			b.ReportAllocs()
			for b.Loop() {
				w.header = make(http.Header)
				c.h.ServeHTTP(w, r)
			}
		})
	}
	b.Run("fetch", func(b *testing.B) {
		r, stub := request(), ns.GetByName("x")
		r.URL.Scheme = "http"
		b.ReportAllocs()
		for b.Loop() {
			response, err := stub.Fetch(context.Background(), r)
			if err != nil {
				b.Fatal(err)
			}
			if err := response.Body.Close(); err != nil {
				b.Fatal(err)
			}
		}
	})
	for _, size := range []int{100, 100 << 10} {
		b.Run("post-"+strconv.Itoa(size), func(b *testing.B) {
			content, w := strings.Repeat("x", size), &nowhere{}
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				w.header = make(http.Header)
				door.ServeHTTP(w, post("/o/x", strings.NewReader(content)))
			}
		})
	}
}
