package peer

import (
	"bytes"
	"io"
	"net"
	"sync"
	"time"

	"github.com/durablego/do/internal/doerr"
)

const (
	takeLimit = 30 * time.Second // of a 101 that nobody uses (N26)
	linger    = 10 * time.Second // what one direction has when the other has ended
)

// Link is the connection behind a 101 answer of a host: raw frames of a WebSocket (B13). Either
// its reader and writer is the client, or Take gives it one. Safe for concurrent use.
type Link struct {
	client *Client
	body   io.ReadWriteCloser // of the 101
	conn   net.Conn           // below it

	mu     sync.Mutex // guards following; taken before Client.mu
	used   bool
	over   bool
	timer  *time.Timer
	remote net.Conn // the client that was taken
}

// link makes a Link of a 101's body.
func (c *Client) link(body io.ReadWriteCloser, conn net.Conn) (*Link, error) {
	l := &Link{client: c, body: body, conn: conn}
	l.mu.Lock()
	l.timer = time.AfterFunc(takeLimit, l.tooLate)
	l.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		l.timer.Stop()
		return nil, closed()
	}
	c.links[l] = struct{}{}
	return l, nil
}

// tooLate ends a link that nobody has used.
func (l *Link) tooLate() {
	l.mu.Lock()
	used := l.used
	l.mu.Unlock()
	if !used {
		_ = l.Close()
	}
}

// use says that somebody has the link; false if it is over.
func (l *Link) use() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.used {
		l.used = true
		l.timer.Stop()
	}
	return !l.over
}

// Read reads frames that the object sent.
func (l *Link) Read(p []byte) (int, error) {
	if !l.use() {
		return 0, net.ErrClosed
	}
	return l.body.Read(p)
}

// Write writes frames for the object.
func (l *Link) Write(p []byte) (int, error) {
	if !l.use() {
		return 0, net.ErrClosed
	}
	return l.body.Write(p)
}

// Close ends the connection: the object hears of it as W7.4 says.
func (l *Link) Close() error {
	l.mu.Lock()
	over, remote := l.over, l.remote
	l.over = true
	l.timer.Stop()
	l.mu.Unlock()
	if over {
		return nil
	}
	l.client.mu.Lock()
	delete(l.client.links, l)
	l.client.mu.Unlock()
	if remote != nil {
		_ = remote.Close()
	}
	return l.body.Close()
}

// Take relays between the host and conn, a client's connection on which the 101 was sent, until
// either ends. early is what the client sent behind its handshake. After an error conn stays
// the caller's.
func (l *Link) Take(conn net.Conn, early []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.client.mu.Lock()
	defer l.client.mu.Unlock()
	switch {
	case l.client.closed:
		return doerr.ErrClosed
	case l.used || l.over:
		return net.ErrClosed
	}
	l.used, l.remote = true, conn
	l.timer.Stop()
	l.client.relays.Go(func() { l.relay(conn, early) })
	return nil
}

// relay copies both ways. Who is slow holds the other up: there is no queue but those of the
// two connections. When one direction ends, the other has a little time to end as well: what
// is on its way still arrives, a close frame above all.
func (l *Link) relay(conn net.Conn, early []byte) {
	defer l.Close()
	ended := make(chan struct{}, 2)
	go func() {
		_, _ = io.Copy(l.body, io.MultiReader(bytes.NewReader(early), conn))
		halfClose(l.conn)
		ended <- struct{}{}
	}()
	go func() {
		_, _ = io.Copy(conn, l.body)
		halfClose(conn)
		ended <- struct{}{}
	}()
	<-ended
	timer := time.AfterFunc(linger, func() { _ = l.Close() })
	<-ended
	timer.Stop()
}

// halfClose tells the other end that nothing more comes.
func halfClose(conn net.Conn) {
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
		return
	}
	_ = conn.Close()
}
