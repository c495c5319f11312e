package do

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
)

// Text makes a response with a body of plain text.
func Text(status int, body string) *http.Response {
	return respond(status, "text/plain; charset=utf-8", body)
}

// JSON makes a response with v as JSON. A v that JSON cannot express makes it a 500
// without detail.
func JSON(status int, v any) *http.Response {
	b, err := json.Marshal(v)
	if err != nil {
		return Text(http.StatusInternalServerError, "the answer cannot be written as JSON\n")
	}
	b = append(b, '\n')
	return respond(status, "application/json", string(b))
}

func respond(status int, contentType, body string) *http.Response {
	a := &struct {
		http.Response
		body        memoryBody
		contentType [1]string
	}{
		Response: http.Response{
			StatusCode:    status,
			Status:        statusLine(status),
			Proto:         "HTTP/1.1",
			ProtoMajor:    1,
			ProtoMinor:    1,
			ContentLength: int64(len(body)),
		},
		contentType: [1]string{contentType},
	}
	a.Header = http.Header{"Content-Type": a.contentType[:]}
	a.body.Reset(body)
	a.Body = &a.body
	return &a.Response
}

func statusLine(status int) string {
	if status == http.StatusOK {
		return "200 OK"
	}
	return strconv.Itoa(status) + " " + http.StatusText(status)
}

// Serve runs h on r inside the object's turn and gives what it wrote as a response, so
// that an object can route with http.ServeMux or chi. The answer is kept in memory until h
// returns: Flush and Hijack are not supported. To stream, return a response of your own
// whose body a State.WaitUntil goroutine writes (F5). The error is always nil: the results
// are those of Object.Fetch. A handler that called State.Accept on r, or on a request derived
// from it, has answered with that 101. A panic of h resets the object.
func Serve(h http.Handler, r *http.Request) (*http.Response, error) {
	w := &recorder{header: http.Header{}}
	h.ServeHTTP(w, r)
	if response := answered(r); response != nil {
		return response, nil // the handler accepted a WebSocket (W23)
	}
	w.WriteHeader(http.StatusOK)
	response := respond(w.status, "", w.body.String())
	response.Header = w.sent
	response.Request = r
	if _, said := w.sent["Content-Type"]; !said && w.sent.Get("Content-Encoding") == "" && w.body.Len() > 0 {
		w.sent.Set("Content-Type", http.DetectContentType(w.body.Bytes()))
	}
	return response, nil
}

// recorder keeps what a handler answers.
type recorder struct {
	header http.Header // the handler's
	sent   http.Header // as it was at WriteHeader
	status int
	body   bytes.Buffer
}

// Header gives the headers that WriteHeader will send.
func (w *recorder) Header() http.Header { return w.header }

// WriteHeader fixes status and headers. Informational ones (1xx) are dropped.
func (w *recorder) WriteHeader(status int) {
	if w.status != 0 || status < 200 {
		return
	}
	w.status = status
	w.sent = w.header.Clone()
}

func (w *recorder) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(p)
}
