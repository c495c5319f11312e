package router

import (
	"context"
	"errors"
	"net/http"

	"github.com/durablego/do"
)

// refusal is a request that gets no further than this package.
type refusal struct {
	status int
	text   string
}

func (e *refusal) Error() string { return "router: " + e.text }

// fail answers a request with err's status, and nothing more of it (F6).
func (h *Handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	if hungUp(r, err) {
		// Nobody reads this, unless it was not the client who cancelled: then it must not
		// look like success.
		status := http.StatusServiceUnavailable
		if errors.Is(r.Context().Err(), context.DeadlineExceeded) {
			status = http.StatusGatewayTimeout
		}
		w.WriteHeader(status)
		return
	}
	status, retry := statusOf(err)
	if status == http.StatusInternalServerError {
		h.log(r, "request failed", err)
	}
	if status == http.StatusUpgradeRequired {
		w.Header()["Upgrade"] = []string{"websocket"}
		w.Header()["Connection"] = []string{"Upgrade"}
		w.Header()["Sec-Websocket-Version"] = []string{"13"}
	}
	if retry {
		w.Header()["Retry-After"] = []string{"1"}
	}
	http.Error(w, http.StatusText(status), status)
}

// hungUp says whether err is the end of the request's own context, rather than an answer.
func hungUp(r *http.Request, err error) bool {
	if r.Context().Err() == nil {
		return false
	}
	var e *do.Error
	var own *refusal
	return !errors.As(err, &e) && !errors.As(err, &own)
}

// statusOf is the column "HTTP" of L24. retry says that Retry-After goes with it.
func statusOf(err error) (status int, retry bool) {
	var own *refusal
	if errors.As(err, &own) {
		return own.status, false
	}
	var e *do.Error
	if errors.As(err, &e) {
		switch {
		case e.Reset: // L24.2 to L24.5
			return http.StatusServiceUnavailable, e.Overloaded
		case e.Remote && errors.Is(err, do.ErrNotUpgrade): // W1: the object wants a WebSocket
			return http.StatusUpgradeRequired, false
		case e.Remote && e.Overloaded: // L24.1; what it wraps is the object's own business
			return http.StatusServiceUnavailable, false
		case e.Remote:
			return http.StatusInternalServerError, false
		case e.Retryable: // L24.7, L24.8
			return http.StatusServiceUnavailable, false
		}
	}
	switch {
	case errors.Is(err, do.ErrOverloaded): // L24.6
		return http.StatusServiceUnavailable, true
	case errors.Is(err, do.ErrClosed), errors.Is(err, do.ErrReset):
		return http.StatusServiceUnavailable, false
	case errors.Is(err, do.ErrInvalidID), errors.Is(err, do.ErrForeignID): // L24.9
		return http.StatusBadRequest, false
	}
	return http.StatusInternalServerError, false // L24.10
}
