package dotest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/durablego/do"
	"github.com/durablego/do/internal/socket"
)

// WebSocket is the client's end of a socket of an object (D10). It answers pings and close
// frames by itself, also while nobody calls Receive. Its methods may be called from any
// goroutine.
type WebSocket struct{ client *socket.Client }

// CloseError says that nothing more comes from the object, and how it ended: the object's
// code and reason, 1005 if it gave none, 1006 if no close frame came.
type CloseError struct{ do.CloseInfo }

func (e *CloseError) Error() string {
	return fmt.Sprintf("dotest: the socket was closed with %d %q", e.Code, e.Reason)
}

// Dial opens a WebSocket to an object over memory: the object's Fetch gets a handshake for
// path, which begins with a slash, after edit has had a look at it (D10). An answer other
// than 101 is an error; those of Stub.Fetch come as they are. What is still open when the
// runtime ends is closed with it.
func (r *Runtime) Dial(stub *do.Stub, path string, edit ...func(*http.Request)) (*WebSocket, error) {
	q, err := http.NewRequest(http.MethodGet, "http://object"+path, nil)
	if err != nil {
		return nil, err
	}
	socket.Ask(q)
	for _, f := range edit {
		f(q)
	}
	response, err := stub.Fetch(context.Background(), q)
	if err != nil {
		return nil, err
	}
	body, ok := response.Body.(io.ReadWriteCloser)
	if response.StatusCode != http.StatusSwitchingProtocols || !ok {
		text, _ := io.ReadAll(io.LimitReader(response.Body, 200)) // it only decorates the error
		_ = response.Body.Close()
		return nil, fmt.Errorf("dotest: the object answered the handshake with %s: %s", response.Status, strings.TrimSpace(string(text)))
	}
	return &WebSocket{socket.NewClient(body)}, nil
}

// Send sends a message.
func (w *WebSocket) Send(m do.Message) error {
	if m.Binary != nil {
		return w.client.Send(socket.Message{Binary: true, Data: m.Binary})
	}
	return w.client.Send(socket.Message{Data: []byte(m.Text)})
}

// Receive gives the next message. When there is none and nothing more comes, the error is a
// *CloseError.
func (w *WebSocket) Receive(ctx context.Context) (do.Message, error) {
	m, err := w.client.Receive(ctx)
	switch {
	case err == socket.ErrEnded:
		info, err := w.Closed(ctx)
		if err != nil {
			return do.Message{}, err
		}
		return do.Message{}, &CloseError{info}
	case err != nil:
		return do.Message{}, err
	case m.Binary:
		return do.Message{Binary: append([]byte{}, m.Data...)}, nil
	}
	return do.Message{Text: string(m.Data)}, nil
}

// Ping sends a ping and waits for its pong.
func (w *WebSocket) Ping(ctx context.Context, text string) error { return w.client.Ping(ctx, text) }

// Close sends a close frame; code 0 is one without a code. The answer is what Closed gives.
func (w *WebSocket) Close(code int, reason string) error { return w.client.Close(code, reason) }

// Cut ends the connection as a lost network does: the object sees 1006.
func (w *WebSocket) Cut() error { return w.client.Cut() }

// Closed waits for the end of the connection and says how the object closed it.
func (w *WebSocket) Closed(ctx context.Context) (do.CloseInfo, error) {
	c, err := w.client.Wait(ctx)
	return do.CloseInfo{Code: c.Code, Reason: c.Reason, Clean: c.Clean}, err
}
