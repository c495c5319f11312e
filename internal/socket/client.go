package socket

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"

	"github.com/gobwas/ws"
)

// Client is a client's end of a WebSocket, over the raw frames of a 101 answer. It reads by
// itself: pings and close frames are answered, messages wait for Receive. Its methods may be
// called from any goroutine.
type Client struct {
	rw    io.ReadWriteCloser
	write chan struct{} // held by who writes

	mu       sync.Mutex // guards following
	messages []Message
	pongs    []string
	ended    bool // nothing more comes
	closed   Close
	sent     bool          // own close frame
	changed  chan struct{} // closed at the next change
}

// Ask makes r a handshake.
func Ask(r *http.Request) {
	r.Header.Set("Connection", "Upgrade")
	r.Header.Set("Upgrade", "websocket")
	r.Header.Set("Sec-WebSocket-Version", "13")
	r.Header.Set("Sec-WebSocket-Key", "ZHVyYWJsZSBvYmplY3RzIQ==")
}

// NewClient makes a Client of the body of a 101 answer. A goroutine reads until the end.
func NewClient(rw io.ReadWriteCloser) *Client {
	c := &Client{rw: rw, write: make(chan struct{}, 1), changed: make(chan struct{})}
	go c.read()
	return c
}

// change changes c and tells those who wait.
func (c *Client) change(fn func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fn()
	close(c.changed)
	c.changed = make(chan struct{})
}

func (c *Client) read() {
	info := Close{Code: codeLost}
	defer func() {
		_ = c.rw.Close()
		c.change(func() { c.ended, c.closed = true, info })
	}()
	var m Message
	for {
		h, err := ws.ReadHeader(c.rw)
		if err != nil {
			return
		}
		p := make([]byte, h.Length)
		if _, err := io.ReadFull(c.rw, p); err != nil {
			return
		}
		switch h.OpCode {
		case ws.OpPing:
			if c.frame(ws.OpPong, p) != nil {
				return
			}
		case ws.OpPong:
			c.change(func() { c.pongs = append(c.pongs, string(p)) })
		case ws.OpClose:
			info = Close{Code: codeNone, Clean: true}
			if len(p) > 1 {
				code, reason := ws.ParseCloseFrameData(p)
				info.Code, info.Reason = int(code), reason
			}
			c.mu.Lock()
			answer := !c.sent
			c.sent = true
			c.mu.Unlock()
			if answer && c.frame(ws.OpClose, p[:min(2, len(p))]) == nil {
				_, _ = io.Copy(io.Discard, c.rw) // the server closes first
			}
			return
		default:
			if h.OpCode != ws.OpContinuation {
				m = Message{Binary: h.OpCode == ws.OpBinary}
			}
			if m.Data = append(m.Data, p...); h.Fin {
				whole := m
				c.change(func() { c.messages = append(c.messages, whole) })
			}
		}
	}
}

func (c *Client) frame(op ws.OpCode, payload []byte) error {
	f, err := ws.CompileFrame(ws.MaskFrame(ws.NewFrame(op, true, payload)))
	if err != nil {
		return err
	}
	c.write <- struct{}{}
	defer func() { <-c.write }()
	_, err = c.rw.Write(f)
	return err
}

// Send sends a message.
func (c *Client) Send(m Message) error {
	if m.Binary {
		return c.frame(ws.OpBinary, m.Data)
	}
	return c.frame(ws.OpText, m.Data)
}

// Close sends a close frame; code 0 is one without a code.
func (c *Client) Close(code int, reason string) error {
	c.mu.Lock()
	sent := c.sent
	c.sent = true
	c.mu.Unlock()
	if sent {
		return nil
	}
	if code == 0 {
		return c.frame(ws.OpClose, nil)
	}
	return c.frame(ws.OpClose, ws.NewCloseFrameBody(ws.StatusCode(code), reason))
}

// Cut ends the connection without a close frame.
func (c *Client) Cut() error { return c.rw.Close() }

// ErrEnded says that nothing more comes: Wait knows why.
var ErrEnded = errors.New("socket: the connection has ended")

// Receive gives the next message, or ErrEnded.
func (c *Client) Receive(ctx context.Context) (m Message, err error) {
	err = c.wait(ctx, func() bool {
		if len(c.messages) == 0 {
			return false
		}
		m, c.messages = c.messages[0], c.messages[1:]
		return true
	})
	return m, err
}

// Ping sends a ping and waits for its pong.
func (c *Client) Ping(ctx context.Context, text string) error {
	if err := c.frame(ws.OpPing, []byte(text)); err != nil {
		return err
	}
	return c.wait(ctx, func() bool {
		for i, p := range c.pongs {
			if p == text {
				c.pongs = c.pongs[i+1:]
				return true
			}
		}
		return false
	})
}

// Wait waits for the end of the connection and says how the peer closed it.
func (c *Client) Wait(ctx context.Context) (Close, error) {
	if err := c.wait(ctx, func() bool { return false }); err != ErrEnded {
		return Close{}, err
	}
	return c.closed, nil
}

// wait waits until is says so, under mu, or nothing more can come.
func (c *Client) wait(ctx context.Context, is func() bool) error {
	for {
		c.mu.Lock()
		done, ended, changed := is(), c.ended, c.changed
		c.mu.Unlock()
		switch {
		case done:
			return nil
		case ended:
			return ErrEnded
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
