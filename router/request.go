package router

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"sync"

	"github.com/go-chi/chi/v5"
)

// template is what an object's request is copied from.
type template struct {
	request http.Request
	url     url.URL
}

var requests = sync.Pool{New: func() any { return new(template) }}

func (f *template) release() {
	*f = template{}
	requests.Put(f)
}

// forward fills in the object's request of r, whose body is b now. It shares nothing that
// r's other handlers, or the object's own router, may change: after a hang-up the object
// may still run, or only be about to look at the request, when they go on (T10).
func (f *template) forward(r *http.Request, b body) error {
	path, raw, err := objectPath(r)
	if err != nil {
		return err
	}
	f.request = http.Request{
		Method:        r.Method,
		Proto:         r.Proto,
		ProtoMajor:    r.ProtoMajor,
		ProtoMinor:    r.ProtoMinor,
		Header:        maps.Clone(r.Header), // values are replaced, never changed, by http.Header's methods
		Body:          b.ReadCloser,
		ContentLength: b.length,
		Close:         r.Close,
		Host:          r.Host,
		Form:          maps.Clone(r.Form),
		PostForm:      maps.Clone(r.PostForm),
		MultipartForm: r.MultipartForm,
		Trailer:       r.Trailer, // complete, since the body was read
		RemoteAddr:    r.RemoteAddr,
		RequestURI:    r.RequestURI,
		TLS:           r.TLS,
		Pattern:       r.Pattern,
	}
	f.url = *r.URL
	f.url.Scheme = "http"
	if r.TLS != nil {
		f.url.Scheme = "https"
	}
	f.url.Host = r.Host
	f.url.Path, f.url.RawPath = path, raw
	f.url.Opaque = ""
	f.request.URL = &f.url
	return setParams(&f.request, r)
}

// setParams hands route parameters on.
func setParams(to, from *http.Request) error {
	var keys []string
	if c := chi.RouteContext(from.Context()); c != nil {
		keys = c.URLParams.Keys[:min(len(c.URLParams.Keys), len(c.URLParams.Values))]
		for i, key := range keys {
			if key == "*" {
				continue // the path says it
			}
			value, err := unescape(from.URL, c.URLParams.Values[i])
			if err != nil {
				return err
			}
			to.SetPathValue(key, value)
		}
	}
	for name := range params(from.Pattern) {
		if !slices.Contains(keys, name) {
			to.SetPathValue(name, from.PathValue(name))
		}
	}
	return nil
}
