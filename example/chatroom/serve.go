package main

import (
	_ "embed"
	"net/http"

	"github.com/durablego/do"
	"github.com/durablego/do/router"
	"github.com/go-chi/chi/v5"
)

//go:embed page.html
var page []byte

// handler gives every room its page, and its sockets at /room/{name}/ws.
func handler(rt *do.Runtime) http.Handler {
	rooms := router.ByName(rt.Namespace("ROOM"), "name")
	rooms.CheckOrigin = router.SameOrigin // other sites' pages must not speak here
	r := chi.NewRouter()
	r.Get("/", servePage)
	r.Get("/room/{name}", servePage)
	r.Mount("/room/{name}/ws", rooms)
	return r
}

func servePage(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; connect-src 'self'")
	_, _ = w.Write(page) // a client that left reads nothing
}
