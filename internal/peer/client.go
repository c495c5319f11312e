package peer

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"io"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/durablego/do/internal/codec"
)

// ClientOptions say how to reach a host.
type ClientOptions struct {
	URL       *url.URL
	Secret    []byte
	TLS       *tls.Config // of connections to it; nil: the system's roots
	MaxResult int64       // of calls, in bytes

	// Dial makes connections; nil: over TCP.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Client sends requests to one host. Safe for concurrent use.
type Client struct {
	o         ClientOptions
	transport *http.Transport
	open      context.Context // until Close
	close     context.CancelFunc

	mu     sync.Mutex // guards following
	closed bool
	links  map[*Link]struct{}
	relays sync.WaitGroup
}

// The repeats of what did not start (B15, N28).
const (
	attempts   = 3
	firstDelay = 100 * time.Millisecond // at most; it doubles
	repeatFor  = 20 * time.Second
	dialLimit  = 10 * time.Second
	idleLimit  = 30 * time.Second // below what servers use: who meets a connection that is being closed loses a call
)

// NewClient makes a client. It connects when there is something to send.
func NewClient(o ClientOptions) *Client {
	c := &Client{o: o, links: map[*Link]struct{}{}}
	c.open, c.close = context.WithCancel(context.Background())
	dial := o.Dial
	if dial == nil {
		dial = (&net.Dialer{Timeout: dialLimit}).DialContext
	}
	var protocols http.Protocols
	protocols.SetHTTP1(true) // of HTTP/2 a connection cannot be taken for a link
	c.transport = &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dial(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &countedConn{Conn: conn}, nil
		},
		TLSClientConfig:        o.TLS,
		TLSHandshakeTimeout:    dialLimit,
		DisableCompression:     true,
		MaxIdleConns:           256,
		MaxIdleConnsPerHost:    256,
		IdleConnTimeout:        idleLimit,
		MaxResponseHeaderBytes: 2 * maxHead,
		Protocols:              &protocols,
	}
	return c
}

// Close cuts off what runs, and waits for the links. What is sent later fails.
func (c *Client) Close() {
	c.mu.Lock()
	c.closed = true
	links := make([]*Link, 0, len(c.links))
	for l := range c.links {
		links = append(links, l)
	}
	c.mu.Unlock()
	c.close()
	for _, l := range links {
		_ = l.Close()
	}
	c.relays.Wait()
	c.transport.CloseIdleConnections()
}

// Fetch sends r, whose body is content, and gives the response. The body of that has to be
// closed. params are the route parameters of r. The end of ctx hangs up, until Fetch returns.
func (c *Client) Fetch(ctx context.Context, q Request, r *http.Request, params map[string]string, content []byte) (*http.Response, error) {
	head, err := headOf(r, params)
	if err != nil {
		return nil, fault(err, nil)
	}
	x, err := c.send(ctx, q, head, content)
	if err != nil {
		return nil, err
	}
	return x.response(ctx)
}

// Call sends the encoded argument of a method, or none, and gives the encoded result.
func (c *Client) Call(ctx context.Context, q Request, argument []byte) ([]byte, error) {
	x, err := c.send(ctx, q, nil, argument)
	if err != nil {
		return nil, err
	}
	defer x.end()
	if x.kind != resultFrame {
		return nil, lost(errFrame)
	}
	_, _ = io.Copy(io.Discard, x.in) // for the connection to be used again
	return x.payload, nil
}

// send makes attempts until one may have started something.
func (c *Client) send(ctx context.Context, q Request, head, content []byte) (*exchange, error) {
	body := pack(head, content)
	e := envelope{Request: q, head: sha256.Sum256(head), body: sha256.Sum256(body)}
	begin := time.Now()
	for n, delay := 1, firstDelay; ; n, delay = n+1, 2*delay {
		x, err := c.attempt(ctx, e, body)
		var f *Failure
		if err == nil || !errors.As(err, &f) || !f.Unstarted || n == attempts {
			return x, err
		}
		wait := mathrand.N(delay) // full jitter
		if time.Since(begin)+wait > repeatFor {
			return nil, err
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, ctx.Err()
		case <-c.open.Done():
			timer.Stop()
			return nil, closed()
		}
	}
}

// seal completes and signs an envelope for one attempt.
func (c *Client) seal(ctx context.Context, e *envelope) (http.Header, error) {
	if deadline, ok := ctx.Deadline(); ok {
		e.Timeout = max(time.Until(deadline).Truncate(time.Millisecond), 0) + time.Millisecond
	}
	e.sent = time.Now().UnixMilli()
	rand.Read(e.nonce[:]) // never fails: it would end the process
	v, err := e.values()
	if err != nil {
		return nil, fault(err, nil)
	}
	h := http.Header{"Content-Type": {"application/octet-stream"}}
	v.write(h, v.sign(c.o.Secret))
	if e.Op == OpConnect {
		h["Connection"], h["Upgrade"] = []string{"Upgrade"}, []string{protocol}
	}
	return h, nil
}

// failureIn reads a failure that came.
func failureIn(payload []byte) *Failure {
	f, err := codec.DecodeAs[Failure](payload)
	if err != nil {
		return lost(errFrame)
	}
	return &f
}
