package router_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/durablego/do"
	"github.com/durablego/do/router"
	"github.com/go-chi/chi/v5"
)

// TestL24_9_ByID: malformed and foreign ids are 400, and no object hears of them.
func TestL24_9_ByID(t *testing.T) {
	ns := open(t, whereabouts)
	h := chi.NewRouter()
	h.Mount("/id/{id}", router.ByID(ns, "id"))
	id := ns.IDFromName("a").String()
	foreign := strings.Repeat("ab", 32)
	for _, c := range []struct {
		target string
		status int
	}{
		{"/id/" + id, http.StatusOK},
		{"/id/" + strings.ToUpper(id), http.StatusOK},
		{"/id/" + id + "/x/y", http.StatusOK},
		{fmt.Sprintf("/id/%%%x%s", id[0], id[1:]), http.StatusOK},
		{"/id/" + ns.NewUniqueID().String(), http.StatusOK},
		{"/id/" + foreign, http.StatusBadRequest},
		{"/id/" + strings.Repeat("0", 64), http.StatusBadRequest},
		{"/id/" + id[1:], http.StatusBadRequest},
		{"/id/" + id + "0", http.StatusBadRequest},
		{"/id/" + strings.Repeat("x", 64), http.StatusBadRequest},
		{"/id/hits", http.StatusBadRequest},
	} {
		status, body := get(t, h, c.target)
		if status != c.status {
			t.Errorf("GET %s = %d %q, want %d", c.target, status, body, c.status)
		}
		if status == http.StatusBadRequest && body != "Bad Request\n" {
			t.Errorf("GET %s says %q", c.target, body)
		}
	}
}

func TestByHeader(t *testing.T) {
	ns := open(t, whereabouts)
	h := router.ByHeader(ns, "x-tenant")
	for _, c := range []struct {
		values []string
		status int
		want   string
	}{
		{[]string{"a%2Fb c"}, http.StatusOK, "a%2Fb c|/p/q||"},
		{nil, http.StatusBadRequest, "Bad Request\n"},
		{[]string{""}, http.StatusBadRequest, "Bad Request\n"},
		{[]string{"a", "b"}, http.StatusBadRequest, "Bad Request\n"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/p/q", nil)
		r.Header["X-Tenant"] = c.values
		if response, body := send(t, h, r); response.StatusCode != c.status || body != c.want {
			t.Errorf("X-Tenant %q: %d %q, want %d %q", c.values, response.StatusCode, body, c.status, c.want)
		}
	}
}

func TestByHost(t *testing.T) {
	ns := open(t, whereabouts)
	h := router.ByHost(ns)
	for _, c := range []struct {
		host, want string
		status     int
	}{
		{"Shop.Example.COM", "shop.example.com", http.StatusOK},
		{"shop.example.com.:8080", "shop.example.com", http.StatusOK},
		{"[::1]:8080", "::1", http.StatusOK},
		{"[::1]", "::1", http.StatusOK},
		{"127.0.0.1:80", "127.0.0.1", http.StatusOK},
		{"", "", http.StatusBadRequest},
		{":80", "", http.StatusBadRequest},
		{".", "", http.StatusBadRequest},
	} {
		r := httptest.NewRequest(http.MethodGet, "/p", nil)
		r.Host = c.host
		response, body := send(t, h, r)
		if name, _, _ := strings.Cut(body, "|"); response.StatusCode != c.status || c.status == http.StatusOK && name != c.want {
			t.Errorf("Host %q: %d %q, want %d %q", c.host, response.StatusCode, body, c.status, c.want)
		}
	}
}

func TestFunc(t *testing.T) {
	ns := open(t, whereabouts)
	for _, c := range []struct {
		stub   *do.Stub
		err    error
		status int
	}{
		{ns.GetByName(""), nil, http.StatusOK},
		{nil, nil, http.StatusInternalServerError},
		{nil, errors.New("secret"), http.StatusInternalServerError},
		{nil, do.ErrInvalidID, http.StatusBadRequest},
		{nil, do.ErrForeignID, http.StatusBadRequest},
		{nil, do.ErrOverloaded, http.StatusServiceUnavailable},
		{ns.Get(do.ID{}), nil, http.StatusBadRequest},
	} {
		h := new(logs).to(router.Func(func(*http.Request) (*do.Stub, error) { return c.stub, c.err }))
		status, body := get(t, h, "/")
		if status != c.status || strings.Contains(body, "secret") {
			t.Errorf("stub %v, error %v: %d %q, want %d", c.stub, c.err, status, body, c.status)
		}
	}
}

func TestSetUpMisusePanics(t *testing.T) {
	ns := open(t, whereabouts)
	for name, f := range map[string]func(){
		"ByName, no namespace": func() { router.ByName(nil, "name") },
		"ByName, no parameter": func() { router.ByName(ns, "") },
		"ByID, no namespace":   func() { router.ByID(nil, "id") },
		"ByHeader, no header":  func() { router.ByHeader(ns, "") },
		"ByHost, no namespace": func() { router.ByHost(nil) },
		"Func, no function":    func() { router.Func(nil) },
	} {
		func() {
			defer func() {
				if s, _ := recover().(string); !strings.HasPrefix(s, "do: router.") {
					t.Errorf("%s: panic %q, want do: router.…", name, s)
				}
			}()
			f()
		}()
	}
}
