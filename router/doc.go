// Package router is the door from HTTP to objects: http.Handlers that find the object of a
// request, hand it the request, and stream its answer.
//
// # Mounting
//
// Under chi, mount the handler where the object begins:
//
//	r := chi.NewRouter()
//	r.Mount("/counter/{name}", router.ByName(rt.Namespace("COUNTER"), "name"))
//
// With net/http alone, end the pattern in a wildcard of several segments:
//
//	mux := http.NewServeMux()
//	mux.Handle("/counter/{name}/{rest...}", router.ByName(rt.Namespace("COUNTER"), "name"))
//
// In both, /counter/hits/add reaches the object called hits, which sees the path /add.
//
// # What the object sees
//
// The path below the mount, in this order:
//
//   - what the wildcard at the end of the pattern matched, chi's * or net/http's {rest...};
//   - else, below chi's Mount or Route, the path relative to it;
//   - else the whole path. http.StripPrefix takes off what the object need not know.
//
// It always begins with a slash. URL.Path and URL.RawPath are what a request for just that
// path would have. The query is as it came, and so are method, headers, Host, RequestURI,
// RemoteAddr and TLS. The URL is absolute: http or https, and the Host.
//
// Route parameters, chi's too, are r.PathValue inside the object, unescaped. The routing
// context of chi itself stays outside (F4): a chi router inside an object, by do.Serve,
// starts afresh.
//
// Names and ids taken from a path are unescaped exactly once, whatever chi routed on:
// /%68its and /hits are one object, and a%2Fb is the name a/b (F6).
//
// # Bodies
//
// A request's body is read before the object hears of it, so that a slow client holds
// nothing but its own connection: up to 1 MiB into memory (N7), a longer one into a
// temporary file, beyond Handler.MaxBodyBytes it is refused. The object may read it until
// the answer was sent; if the client goes away meanwhile, until the object is done with it.
//
// The answer is streamed. When its length is not known, each chunk is flushed as it comes.
// Its body is closed in any case; when the client goes away that may be during a Read, as
// net/http's Transport does it with a request's body.
//
// # WebSockets
//
// When an object answers with the 101 of State.Accept, its client's connection is taken from
// the server and handed to the object's socket (W21). That needs HTTP/1.1 and a
// ResponseWriter, through all middleware, that can be hijacked. The server's Shutdown neither
// waits for such connections nor closes them: Runtime.Close does. See Handler.CheckOrigin.
//
// # Errors
//
// Errors become bare statuses, with nothing of the error in the body (F6, L24):
//
//	overloaded                                   503 with Retry-After: 1
//	reset, closing, lost on the way              503
//	a malformed or foreign id, a missing name    400
//	no handshake where the object wants one      426
//	a body that is too long, or cut short        413, 400, or 408 if it is the server's read time limit
//	the deadline of the request's context        504
//	what else the object's code returns          500, logged
//
// When the client has gone there is nobody to tell. When the body of an answer fails after
// its head was sent, the connection is cut, so that nobody takes half an answer for whole.
package router
