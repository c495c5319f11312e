package main

import (
	"bytes"
	"context"
	"embed"
	"html/template"
	"io/fs"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/durablego/do"
	"github.com/durablego/do/router"
	"github.com/go-chi/chi/v5"
)

//go:embed migrations page.html
var files embed.FS

var page = template.Must(template.New("page.html").Funcs(template.FuncMap{"marked": marked}).ParseFS(files, "page.html"))

// handler gives every notebook its page, at /notes/{name}.
func handler(rt *do.Runtime) http.Handler {
	r := chi.NewRouter()
	r.Use(http.NewCrossOriginProtection().Handler) // other sites' pages must not write here
	r.Get("/", http.RedirectHandler("/notes/first", http.StatusSeeOther).ServeHTTP)
	r.Mount("/notes/{name}", router.ByName(rt.Namespace("NOTEBOOK"), "name"))
	return r
}

// A Notebook is an object with notes.
type Notebook struct {
	state *do.State
	notes *Queries
}

func init() { do.Register("NOTEBOOK", NewNotebook) }

// NewNotebook makes the tables in a notebook that has none.
func NewNotebook(ctx context.Context, state *do.State, _ *do.Env) (*Notebook, error) {
	migrations, err := fs.Sub(files, "migrations")
	if err != nil {
		return nil, err
	}
	return &Notebook{state, New(state.SQL().Std())}, state.SQL().MigrateFS(ctx, migrations)
}

// Fetch shows the newest notes, or those with the words in q. A POST with a title adds a note,
// one with an id in remove takes it away.
func (n *Notebook) Fetch(ctx context.Context, r *http.Request) (*http.Response, error) {
	switch {
	case r.URL.Path != "/":
		return do.Text(http.StatusNotFound, "a notebook has one page\n"), nil
	case r.Method == http.MethodPost:
		return n.change(ctx, r)
	}
	return n.show(ctx, r.FormValue("q"))
}

func (n *Notebook) change(ctx context.Context, r *http.Request) (*http.Response, error) {
	title := strings.TrimSpace(r.FormValue("title"))
	id, err := strconv.ParseInt(r.FormValue("remove"), 10, 64)
	switch {
	case err == nil:
		err = n.notes.Remove(ctx, id)
	case title == "":
		return do.Text(http.StatusBadRequest, "a note needs a title\n"), nil
	default:
		err = n.notes.Add(ctx, AddParams{Title: title, Body: r.FormValue("body"), Written: time.Now()})
	}
	if err != nil {
		return nil, err
	}
	response := do.Text(http.StatusSeeOther, "")
	response.Header.Set("Location", "?") // the page again, wherever it is mounted
	return response, nil
}

func (n *Notebook) show(ctx context.Context, q string) (*http.Response, error) {
	found, err := n.find(ctx, q)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := page.Execute(&b, map[string]any{"Name": n.state.ID().Name(), "Q": q, "Notes": found}); err != nil {
		return nil, err
	}
	response := do.Text(http.StatusOK, b.String())
	response.Header.Set("Content-Type", "text/html; charset=utf-8")
	response.Header.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'self'")
	return response, nil
}

func (n *Notebook) find(ctx context.Context, q string) ([]SearchRow, error) {
	if words := match(q); words != "" {
		return n.notes.Search(ctx, words)
	}
	var newest []SearchRow
	notes, err := n.notes.Newest(ctx)
	for _, note := range notes {
		newest = append(newest, SearchRow(note))
	}
	return newest, err
}

// match says to FTS5 that all words are to be there, or begin so. Quoted, they mean nothing else.
func match(q string) string {
	var words []string
	for word := range strings.FieldsSeq(q) {
		words = append(words, `"`+strings.ReplaceAll(word, `"`, `""`)+`"*`)
	}
	return strings.Join(words, " ")
}

// marked shows where FTS5 has found what was looked for.
func marked(s string) template.HTML {
	return template.HTML(strings.NewReplacer("\x02", "<mark>", "\x03", "</mark>").Replace(template.HTMLEscapeString(s)))
}
