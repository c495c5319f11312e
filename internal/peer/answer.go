package peer

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"

	"github.com/durablego/do/internal/codec"
	"github.com/durablego/do/internal/doerr"
)

func writeStatus(w http.ResponseWriter) {
	h := w.Header()
	h[versionHeader] = []string{version}
	h["Content-Type"] = []string{"application/octet-stream"}
	h["Cache-Control"] = []string{"no-store, no-transform"}
	w.WriteHeader(http.StatusOK)
}

func writeFailure(w http.ResponseWriter, f *Failure) {
	b, err := codec.Encode(f)
	if err != nil { // a Failure always encodes
		panic(http.ErrAbortHandler)
	}
	writeStatus(w)
	_, _ = w.Write(appendFrame(nil, failureFrame, b)) // fails when the caller has gone
}

func headOfAnswer(response *http.Response) ([]byte, error) {
	a := answer{Status: response.StatusCode, Header: response.Header, Length: response.ContentLength}
	_, a.Whole = response.Body.(io.WriterTo) // as do.Text, do.JSON and do.Serve make it
	if a.Length == 0 && !a.Whole {
		a.Length = -1 // as in http.Response.Write: nobody filled in the length
	}
	for k := range response.Trailer {
		a.Trailer = append(a.Trailer, k)
	}
	slices.Sort(a.Trailer)
	return codec.EncodeMax(&a, maxHead)
}

// answer writes a response, and closes its body.
func (h *host) answer(w http.ResponseWriter, r *http.Request, response *http.Response) {
	body := response.Body
	// A caller that goes away ends a Read that may otherwise wait for ever.
	stop := context.AfterFunc(r.Context(), func() { _ = body.Close() })
	defer func() {
		if stop() {
			_ = body.Close()
		}
	}()
	head, err := headOfAnswer(response)
	if err != nil {
		h.Logger.Error("the head of an answer cannot be sent to a peer", "cause", err)
		writeFailure(w, Describe(err))
		return
	}
	_, whole := body.(io.WriterTo)
	room := maxChunk
	if whole && response.ContentLength >= 0 {
		room = int(min(response.ContentLength+1, maxChunk))
	}
	control := http.NewResponseController(w)
	writeStatus(w)
	_, err = w.Write(appendFrame(nil, headFrame, head))
	for buffer := make([]byte, frameHead+room); err == nil; {
		if !whole { // the next chunk may be long in coming
			_ = control.Flush() // not every ResponseWriter can; a lost caller shows at the next Write
		}
		n, why := body.Read(buffer[frameHead:])
		if n > 0 {
			putFrameHead(buffer, dataFrame, n)
			_, err = w.Write(buffer[:frameHead+n])
		}
		if why != nil {
			h.end(w, r, response.Trailer, why)
			return
		}
	}
}

// end says how the body ended.
func (h *host) end(w http.ResponseWriter, r *http.Request, trailer http.Header, why error) {
	e := end{Trailer: trailer}
	if why != io.EOF {
		if r.Context().Err() != nil {
			return
		}
		if !errors.Is(why, doerr.ErrReset) { // the object has logged that
			h.Logger.LogAttrs(context.Background(), slog.LevelError, "an answer to a peer was cut short", slog.Any("cause", why))
		}
		e = end{Failure: Describe(why)}
	}
	last, err := codec.EncodeMax(&e, maxHead)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	_, _ = w.Write(appendFrame(nil, endFrame, last)) // fails when the caller has gone
}
