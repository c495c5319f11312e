package router

import (
	"errors"
	"log/slog"
	"net/http"

	"github.com/durablego/do"
	"github.com/durablego/do/internal/bridge"
)

// Handler sends requests to objects. ByName and the like make one, whose other fields may
// still be set. A Handler in use must not change; it is safe for concurrent use.
type Handler struct {
	// Stub finds the object of a request, by anything but its body. Required. Its errors
	// are answered as a call's would be: do.ErrInvalidID is 400, anything unknown 500.
	Stub func(r *http.Request) (*do.Stub, error)

	// MaxBodyBytes bounds the body of a request; a longer one is answered 413 and the object
	// does not hear of it. Defaults to the runtime's MaxCallBytes; negative: no limit (F6, N6).
	MaxBodyBytes int64

	// CheckOrigin is asked about WebSocket handshakes; if it says no, the answer is 403 and the
	// object does not hear of it. Browsers let any page open a WebSocket to anywhere, with the
	// user's cookies: SameOrigin keeps foreign pages out. Nil: the object decides (W23).
	CheckOrigin func(r *http.Request) bool

	// Logger gets the errors behind 500 answers, and those that cut one short.
	// Nil: slog.Default().
	Logger *slog.Logger
}

var _ http.Handler = (*Handler)(nil)

var errNoStub = errors.New("router: Stub gave neither a stub nor an error")

// ServeHTTP hands r to its object and streams the answer to w.
//
// It panics with http.ErrAbortHandler, as net/http wants it, to cut a connection whose
// answer failed on the way.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	stub, err := h.Stub(r)
	if err == nil && stub == nil {
		err = errNoStub
	}
	if err != nil {
		h.fail(w, r, err)
		return
	}
	if h.CheckOrigin != nil && asksUpgrade(r) && !h.CheckOrigin(r) {
		h.fail(w, r, &refusal{http.StatusForbidden, "the origin is not allowed"})
		return
	}
	limit := h.MaxBodyBytes
	if limit == 0 {
		limit = int64(bridge.MaxCallBytes(stub))
	}
	b, err := readBody(r, limit)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	request := requests.Get().(*template)
	defer request.release()
	if err := request.forward(r, b); err != nil {
		b.release()
		h.fail(w, r, err)
		return
	}
	response, err := bridge.FetchOwned(r.Context(), stub, &request.request)
	if err != nil {
		if !hungUp(r, err) {
			b.release()
		} // else the object may be reading it still (T10)
		h.fail(w, r, err)
		return
	}
	defer b.release()
	h.answer(w, r, response)
}

func (h *Handler) log(r *http.Request, what string, err error) {
	l := h.Logger
	if l == nil {
		l = slog.Default()
	}
	l.LogAttrs(r.Context(), slog.LevelError, what,
		slog.String("method", r.Method), slog.String("path", r.URL.Path), slog.Any("cause", err))
}
