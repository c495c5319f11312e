package router

import (
	"bufio"
	"bytes"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/durablego/do"
)

// taker is the body of an object's 101 answer: it takes the connection over (W21).
type taker interface {
	Take(conn net.Conn, head []byte) error
}

// headLimit is how long a client may take to accept the head of a 101 answer.
const headLimit = 10 * time.Second

var errNotOurs = &refusal{http.StatusNotImplemented, "a 101 answer that is not of State.Accept"}

// SameOrigin says whether r comes from a page of the host it asks for, or names no origin, as
// clients do that are no browsers. It is a Handler.CheckOrigin.
func SameOrigin(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, r.Host)
}

// asksUpgrade says whether r is a WebSocket handshake.
func asksUpgrade(r *http.Request) bool {
	return names(r.Header["Connection"], "Upgrade") && names(r.Header["Upgrade"], "websocket")
}

// upgrade hands the connection of r to the object that answered with 101.
func (h *Handler) upgrade(w http.ResponseWriter, r *http.Request, response *http.Response) {
	body, ok := response.Body.(taker)
	if !ok {
		_ = response.Body.Close()
		h.fail(w, r, errNotOurs)
		return
	}
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		_ = response.Body.Close() // the object hears of it: 1006
		h.log(r, "a 101 answer needs a connection of HTTP/1.1", err)
		h.fail(w, r, &refusal{http.StatusNotImplemented, "the connection cannot be taken"})
		return
	}
	if err := sendHead(conn, w.Header(), response); err != nil {
		_ = conn.Close()
		_ = response.Body.Close()
		return // the client has gone
	}
	if err := body.Take(conn, unread(buffered.Reader)); err != nil {
		_ = conn.Close()
		if !errors.Is(err, do.ErrClosed) {
			h.log(r, "a 101 answer came too late", err)
		}
	}
}

// sendHead writes the head of a 101 answer, with the headers that stand in own already.
func sendHead(conn net.Conn, own http.Header, response *http.Response) error {
	for k, values := range response.Header {
		own[http.CanonicalHeaderKey(k)] = values
	}
	own.Del("Content-Length")
	own.Del("Transfer-Encoding")
	var head bytes.Buffer
	head.WriteString("HTTP/1.1 101 Switching Protocols\r\n")
	if err := own.Write(&head); err != nil {
		return err
	}
	head.WriteString("\r\n")
	if err := conn.SetWriteDeadline(time.Now().Add(headLimit)); err != nil {
		return err
	}
	if _, err := conn.Write(head.Bytes()); err != nil {
		return err
	}
	return conn.SetDeadline(time.Time{})
}

// unread gives what the server has read of the connection already.
func unread(r *bufio.Reader) []byte {
	p, _ := r.Peek(r.Buffered()) // it is there
	return bytes.Clone(p)
}
