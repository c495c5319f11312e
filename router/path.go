package router

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-chi/chi/v5"
)

// pathParam gives a parameter of the route, unescaped exactly once and not empty.
func pathParam(r *http.Request, param string) (string, error) {
	value, err := routeParam(r, param)
	if err != nil || value != "" {
		return value, err
	}
	for name := range params(r.Pattern) {
		if name == param {
			return "", &refusal{http.StatusBadRequest, "the object's name is empty"}
		}
	}
	return "", fmt.Errorf("router: pattern %q has no parameter %q", r.Pattern, param)
}

func routeParam(r *http.Request, param string) (string, error) {
	if c := chi.RouteContext(r.Context()); c != nil {
		for i := min(len(c.URLParams.Keys), len(c.URLParams.Values)) - 1; i >= 0; i-- {
			if c.URLParams.Keys[i] == param {
				return unescape(r.URL, c.URLParams.Values[i])
			}
		}
	}
	return r.PathValue(param), nil // net/http has unescaped it
}

// escaped says whether s, a part of the path as chi saw it, is still escaped. chi routes on
// RawPath if there is one, else on Path; some of its middleware on Path in any case.
func escaped(u *url.URL, s string) bool {
	return u.RawPath != "" && strings.Contains(u.RawPath, s)
}

func unescape(u *url.URL, s string) (string, error) {
	if strings.IndexByte(s, '%') < 0 || !escaped(u, s) {
		return s, nil
	}
	plain, err := url.PathUnescape(s)
	if err != nil {
		return "", &refusal{http.StatusBadRequest, "the path is not well escaped"}
	}
	return plain, nil
}

// params gives the names in a pattern of chi or net/http; nil ends are skipped.
func params(pattern string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		depth, start := 0, 0
		for i := range len(pattern) {
			switch pattern[i] {
			case '{':
				if depth++; depth == 1 {
					start = i + 1
				}
			case '}':
				if depth--; depth != 0 {
					continue
				}
				name, _, _ := strings.Cut(pattern[start:i], ":") // chi's regular expressions
				name = strings.TrimSuffix(name, "...")
				if name != "" && name != "$" && !yield(name) {
					return
				}
			}
		}
	}
}

// objectPath gives path and raw path of the object's request: what the route left of it.
func objectPath(r *http.Request) (path, raw string, err error) {
	if at := strings.LastIndexByte(r.Pattern, '{'); at >= 0 && strings.HasSuffix(r.Pattern, "...}") {
		rest := r.PathValue(r.Pattern[at+1 : len(r.Pattern)-len("...}")])
		return below(r.URL.Path, rest), rawBelow(r.URL.RawPath, rest), nil
	}
	path, raw = r.URL.Path, r.URL.RawPath
	c := chi.RouteContext(r.Context())
	if c == nil || len(c.RoutePatterns) == 0 {
		return rooted(path), raw, nil
	}
	routed := c.RoutePath
	if strings.HasSuffix(c.RoutePatterns[len(c.RoutePatterns)-1], "*") {
		whole := path
		if raw != "" {
			whole = raw
		}
		routed = below(whole, r.PathValue("*")) // chi clears its own copy at a Mount
	}
	switch {
	case routed == "":
		return rooted(path), raw, nil
	case !escaped(r.URL, routed):
		return routed, "", nil
	}
	if path, err = unescape(r.URL, routed); err != nil {
		return "", "", err
	}
	return path, asParsed(path, routed), nil
}

// below is "/"+rest, taken out of path where it ends so.
func below(path, rest string) string {
	if at := len(path) - len(rest) - 1; at >= 0 && path[at] == '/' && path[at+1:] == rest {
		return path[at:]
	}
	return "/" + rest
}

// rawBelow is the end of an escaped path that means rest, with a slash before it; empty
// when the path has no form of its own, or does not end like that.
func rawBelow(raw, rest string) string {
	if raw == "" {
		return ""
	}
	at := len(raw)
	for range len(rest) {
		switch {
		case at >= 3 && raw[at-3] == '%':
			at -= 3
		case at >= 1:
			at--
		}
	}
	if at < 1 || raw[at-1] != '/' {
		return ""
	}
	if plain, err := url.PathUnescape(raw[at:]); err != nil || plain != rest {
		return ""
	}
	return asParsed("/"+rest, raw[at-1:])
}

// asParsed gives the RawPath that net/url sets for an escaped path: none if it is what
// the plain one would be written as anyway.
func asParsed(path, raw string) string {
	if (&url.URL{Path: path}).EscapedPath() == raw {
		return ""
	}
	return raw
}

func rooted(path string) string {
	if !strings.HasPrefix(path, "/") {
		return "/" + path
	}
	return path
}
