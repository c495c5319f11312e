package peer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"github.com/durablego/do/internal/doerr"
)

// countedConn knows whether anything was handed to it.
type countedConn struct {
	net.Conn
	writes atomic.Int64
}

func (c *countedConn) Write(p []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(p)
}

// CloseWrite ends one direction, if the connection below can.
func (c *countedConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return c.Conn.Close()
}

// counted gives the connection of ours below one that the transport uses.
func counted(conn net.Conn) *countedConn {
	if t, ok := conn.(interface{ NetConn() net.Conn }); ok { // TLS
		conn = t.NetConn()
	}
	c, _ := conn.(*countedConn)
	return c
}

// exchange is an attempt whose answer has begun.
type exchange struct {
	client  *Client
	in      io.ReadCloser // after the first frame
	conn    net.Conn
	stop    func() bool // parts it from its caller's context
	cancel  context.CancelFunc
	kind    byte // of the first frame, or 0: a link
	payload []byte
}

// end gives everything back. The connection is used again if all of it was read.
func (x *exchange) end() {
	x.stop()
	_ = x.in.Close()
	x.cancel()
}

// attempt sends a request once, and reads its answer as far as it takes to know whether it
// is a failure. The error is a *Failure, or that of ctx.
func (c *Client) attempt(ctx context.Context, e envelope, body []byte) (*exchange, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if c.open.Err() != nil {
		return nil, closed()
	}
	header, err := c.seal(ctx, &e)
	if err != nil {
		return nil, err
	}
	own, cancel := context.WithCancel(c.open)
	x := &exchange{client: c, cancel: cancel, stop: context.AfterFunc(ctx, cancel)}
	var before int64
	request := (&http.Request{
		Method: http.MethodPost, URL: c.o.URL, Host: c.o.URL.Host, Header: header,
		// No GetBody: the transport cannot send it a second time (B15).
		Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
	}).WithContext(httptrace.WithClientTrace(own, &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) {
			x.conn = info.Conn
			if n := counted(x.conn); n != nil {
				before = n.writes.Load()
			}
		},
	}))
	response, err := c.transport.RoundTrip(request)
	if err != nil {
		x.stop()
		cancel()
		return nil, c.why(ctx, c.fate(x.conn, before, err))
	}
	x.in = response.Body
	if err := x.begin(response); err != nil {
		x.end()
		var f *Failure
		if !errors.As(err, &f) {
			f = lost(err)
		}
		return nil, c.why(ctx, f)
	}
	return x, nil
}

// fate says what became of a request that got no answer: it surely did not start if there was
// no connection, or nothing was handed to it.
func (c *Client) fate(conn net.Conn, before int64, err error) *Failure {
	if conn == nil {
		return unreached(err)
	}
	n := counted(conn)
	if n == nil {
		return lost(err)
	}
	_ = n.Conn.Close() // from now on nothing is
	if n.writes.Load() == before {
		return unreached(err)
	}
	return lost(err)
}

// why is f, unless the end of ctx or of the client explains it.
func (c *Client) why(ctx context.Context, f *Failure) error {
	switch {
	case f.cause == nil && !f.Remote && errors.Is(f, context.DeadlineExceeded) && !errors.Is(f, doerr.ErrClosed) && nearlyOver(ctx):
		<-ctx.Done() // the host's clock was a little faster
		return ctx.Err()
	case f.cause == nil: // it came from the host
		return f
	case ctx.Err() != nil:
		return ctx.Err()
	case c.open.Err() != nil:
		return closed()
	}
	return f
}

// nearlyOver says whether ctx ends within a second.
func nearlyOver(ctx context.Context) bool {
	end, ok := ctx.Deadline()
	return ok && time.Until(end) < time.Second
}

// begin reads the beginning of an answer.
func (x *exchange) begin(response *http.Response) error {
	switch status := response.StatusCode; {
	case status == http.StatusUnauthorized:
		return fault(doerr.ErrPeerAuth, nil)
	case status == http.StatusSwitchingProtocols && response.Header.Get("Upgrade") == protocol:
		if _, ok := x.in.(io.ReadWriteCloser); !ok {
			return errFrame
		}
		head := response.Header[answerHeader]
		if len(head) != 1 {
			return errFrame
		}
		x.payload = []byte(head[0])
		return nil
	case status >= 500:
		return fmt.Errorf("the peer's URL answered %s", response.Status)
	case status != http.StatusOK || response.Header.Get(versionHeader) != version:
		return fault(nil, fmt.Errorf("the peer's URL answered %s, and not as a peer of version %s", response.Status, version))
	}
	kind, n, err := readFrameHead(x.in, x.client.o.MaxResult)
	if err != nil {
		return err
	}
	if x.payload, err = readPayload(x.in, n); err != nil {
		return err
	}
	if x.kind = kind; kind == failureFrame {
		_, _ = io.Copy(io.Discard, x.in) // for the connection to be used again
		return failureIn(x.payload)
	}
	return nil
}
