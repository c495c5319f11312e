package router

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/durablego/do"
)

// answer writes an object's response to w, and closes its body.
func (h *Handler) answer(w http.ResponseWriter, r *http.Request, response *http.Response) {
	status := response.StatusCode
	if status == http.StatusSwitchingProtocols {
		h.upgrade(w, r, response)
		return
	}
	if status < 200 || status > 999 {
		_ = response.Body.Close() // nobody asked for it
		h.fail(w, r, fmt.Errorf("router: an object answered with status %d", status))
		return
	}
	inMemory, _ := response.Body.(io.WriterTo) // as do.Text, do.JSON and do.Serve make it
	length := response.ContentLength
	if len(response.Trailer) > 0 || length == 0 && inMemory == nil {
		length = -1 // as in http.Response.Write: nobody filled in the length
	}
	bare := r.Method == http.MethodHead || status == http.StatusNoContent || status == http.StatusNotModified

	header := w.Header()
	copyHeader(header, response.Header)
	switch {
	case status == http.StatusNoContent || status == http.StatusNotModified:
	case length > 0:
		header["Content-Length"] = []string{strconv.FormatInt(length, 10)}
	case r.Method == http.MethodHead:
		if said := response.Header["Content-Length"]; len(said) > 0 {
			header["Content-Length"] = slices.Clip(said)
		}
	}
	var announced []string
	for k := range response.Trailer {
		announced = append(announced, k)
	}
	if announced != nil {
		slices.Sort(announced)
		header["Trailer"] = []string{strings.Join(announced, ", ")}
	}
	w.WriteHeader(status)
	switch {
	case bare:
		_ = response.Body.Close()
		return
	case inMemory != nil:
		_, _ = inMemory.WriteTo(w) // fails when the client has gone
		_ = response.Body.Close()
	case !h.stream(w, r, response.Body, length < 0):
		return
	}
	for k, values := range response.Trailer {
		if !slices.Contains(announced, k) {
			k = http.TrailerPrefix + k
		}
		header[k] = values
	}
}

var buffers = sync.Pool{New: func() any { return new([32 << 10]byte) }}

// stream copies a body as it comes and says whether it came whole. A failure of the body
// cuts the connection.
func (h *Handler) stream(w http.ResponseWriter, r *http.Request, from io.ReadCloser, flush bool) (whole bool) {
	// A client that goes away ends a Read that may otherwise wait for ever.
	stop := context.AfterFunc(r.Context(), func() { _ = from.Close() })
	defer func() {
		if stop() {
			_ = from.Close()
		}
	}()
	control := http.NewResponseController(w)
	sent := func() {
		if flush {
			_ = control.Flush() // not every ResponseWriter can; a lost client shows at the next Write
		}
	}
	sent() // the head: the first chunk may be long in coming
	buffer := buffers.Get().(*[32 << 10]byte)
	defer buffers.Put(buffer)
	for {
		n, err := from.Read(buffer[:])
		if n > 0 {
			if _, err := w.Write(buffer[:n]); err != nil {
				return false
			}
			sent()
		}
		switch {
		case err == io.EOF:
			return true
		case err == nil:
			continue
		case r.Context().Err() != nil:
			return false
		}
		if !errors.Is(err, do.ErrReset) { // the object has logged that
			h.log(r, "answer cut short", err)
		}
		if r.Context().Value(http.ServerContextKey) != nil {
			panic(http.ErrAbortHandler)
		}
		return false
	}
}

// copyHeader puts the object's headers in place of those that stand there already, except
// for the two of which every line counts. Headers of the connection are not the object's.
func copyHeader(to, from http.Header) {
	named := from["Connection"]
	for k, values := range from {
		k = http.CanonicalHeaderKey(k)
		switch k {
		case "Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection",
			"Te", "Trailer", "Transfer-Encoding", "Upgrade", "Content-Length":
			continue
		case "Set-Cookie", "Vary":
			if len(to[k]) > 0 {
				to[k] = append(slices.Clip(to[k]), values...)
				continue
			}
		}
		if named != nil && names(named, k) {
			continue
		}
		to[k] = slices.Clip(values) // who appends gets a copy
	}
}

// names says whether a header of comma-separated names has k.
func names(values []string, k string) bool {
	for _, v := range values {
		for name := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(strings.TrimSpace(name), k) {
				return true
			}
		}
	}
	return false
}
