package peer

import (
	"bytes"
	"encoding/base64"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// protocol is what a connection is upgraded to.
const protocol = "do-peer"

// headLimit is how long a caller may take to accept the head of a 101.
const headLimit = 10 * time.Second

// taker is the body of an object's 101 answer: it takes the connection over (W21).
type taker interface {
	Take(conn net.Conn, head []byte) error
}

var errNotOurs = errors.New("do: a 101 answer that is not of State.Accept, or to a request that asked for none")

// upgrade makes the connection of a POST a link and hands it to the object (B13).
func (h *host) upgrade(w http.ResponseWriter, q *Request, response *http.Response) {
	body, ok := response.Body.(taker)
	head, err := headOfAnswer(response)
	if !ok || err != nil || q.Op != OpConnect {
		_ = response.Body.Close()
		writeFailure(w, Describe(errNotOurs))
		return
	}
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		_ = response.Body.Close() // the object hears of it: 1006
		h.Logger.Error("a link of a peer needs a connection of HTTP/1.1", "cause", err)
		writeFailure(w, Describe(errNotOurs))
		return
	}
	if err := sendSwitch(conn, head); err != nil {
		_ = conn.Close()
		_ = response.Body.Close()
		return // the caller has gone
	}
	early, _ := buffered.Reader.Peek(buffered.Reader.Buffered()) // it is there
	if err := body.Take(conn, bytes.Clone(early)); err != nil {
		_ = conn.Close()
		h.Logger.Warn("a link of a peer came too late", slog.Any("cause", err))
	}
}

func sendSwitch(conn net.Conn, head []byte) error {
	var b bytes.Buffer
	b.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: " + protocol + "\r\n" +
		versionHeader + ": " + version + "\r\n" + answerHeader + ": " + base64.StdEncoding.EncodeToString(head) + "\r\n\r\n")
	if err := conn.SetWriteDeadline(time.Now().Add(headLimit)); err != nil {
		return err
	}
	if _, err := conn.Write(b.Bytes()); err != nil {
		return err
	}
	return conn.SetDeadline(time.Time{})
}
