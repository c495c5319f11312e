package router

import (
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/durablego/do"
)

// ByName sends a request to the object whose name is a parameter of the route, chi's or
// net/http's: "name" for the pattern "/counter/{name}". The name is unescaped exactly once
// (F6). An empty one is answered 400; a pattern without the parameter 500, logged.
//
// Whoever can send a request can make up a name: check who may reach which object before.
func ByName(ns *do.Namespace, param string) *Handler {
	check("ByName", ns, param)
	return Func(func(r *http.Request) (*do.Stub, error) {
		name, err := pathParam(r, param)
		if err != nil {
			return nil, err
		}
		return ns.GetByName(name), nil
	})
}

// ByID sends a request to the object whose id, 64 hex digits, is a parameter of the route.
// What is no id of this namespace is answered 400.
func ByID(ns *do.Namespace, param string) *Handler {
	check("ByID", ns, param)
	return Func(func(r *http.Request) (*do.Stub, error) {
		s, err := pathParam(r, param)
		if err != nil {
			return nil, err
		}
		id, err := ns.IDFromString(s)
		if err != nil {
			return nil, err
		}
		return ns.Get(id), nil
	})
}

// ByHeader sends a request to the object named by a header, as it stands. A request where
// it is missing, empty or there twice is answered 400.
//
// A client may send any header it likes: let whatever stands before this handler set it.
func ByHeader(ns *do.Namespace, header string) *Handler {
	check("ByHeader", ns, header)
	header = http.CanonicalHeaderKey(header)
	return Func(func(r *http.Request) (*do.Stub, error) {
		values := r.Header[header]
		if len(values) != 1 || values[0] == "" {
			return nil, &refusal{http.StatusBadRequest, "the header that names the object is missing, empty or there twice"}
		}
		return ns.GetByName(values[0]), nil
	})
}

// ByHost sends a request to the object named by the host it asks for, in lower case,
// without port and without a dot at the end. A request without host is answered 400.
func ByHost(ns *do.Namespace) *Handler {
	check("ByHost", ns, "host")
	return Func(func(r *http.Request) (*do.Stub, error) {
		name := hostName(r.Host)
		if name == "" {
			return nil, &refusal{http.StatusBadRequest, "the request names no host"}
		}
		return ns.GetByName(name), nil
	})
}

// Func sends a request to the object that stub finds; see Handler.Stub.
func Func(stub func(r *http.Request) (*do.Stub, error)) *Handler {
	if stub == nil {
		panic("do: router.Func needs a function")
	}
	return &Handler{Stub: stub}
}

func check(by string, ns *do.Namespace, key string) {
	if ns == nil || key == "" {
		panic(fmt.Sprintf("do: router.%s needs a namespace, and to know where the name is", by))
	}
}

// hostName takes port and closing dot off a Host header.
func hostName(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	} else if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") {
		host = host[1 : len(host)-1]
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}
