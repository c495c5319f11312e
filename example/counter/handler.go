package main

import (
	"bytes"
	_ "embed"
	"html/template"
	"log"
	"net/http"

	"github.com/durablego/do"
	"github.com/durablego/do/router"
	"github.com/go-chi/chi/v5"
)

//go:embed page.html
var pageText string

var page = template.Must(template.New("page").Parse(pageText))

// handler routes /counter/{name} and what is below it to the counter of that name.
func handler(rt *do.Runtime) http.Handler {
	counters := rt.Namespace("COUNTER")
	r := chi.NewRouter()
	r.Use(http.NewCrossOriginProtection().Handler) // other sites' pages must not count
	r.Get("/", home(counters))
	r.Mount("/counter/{name}", router.ByName(counters, "name"))
	return r
}

// home counts its visits with a counter of its own, which it calls as Go calls Go.
func home(counters *do.Namespace) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		visits, err := do.Call(r.Context(), counters.GetByName("visits"), (*Counter).Add, 1)
		if err != nil {
			log.Print(err)
			http.Error(w, "the counters do not answer", http.StatusServiceUnavailable)
			return
		}
		var b bytes.Buffer
		if err := page.Execute(&b, visits); err != nil {
			log.Print(err)
			http.Error(w, "the page does not work", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		_, _ = w.Write(b.Bytes()) // a client that left reads nothing
	}
}
