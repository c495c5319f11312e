// Package peertest has what tests of requests between processes need to stay in one.
package peertest

import (
	"context"
	"errors"
	"net"
	"sync"
)

// ErrRefused is the error of connections to a Wire that is closed.
var ErrRefused = errors.New("peertest: connection refused")

// Wire is a listener in memory, so that servers and their callers work in a bubble of
// testing/synctest. Safe for concurrent use.
type Wire struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

var _ net.Listener = (*Wire)(nil)

// NewWire makes a Wire.
func NewWire() *Wire { return &Wire{conns: make(chan net.Conn), closed: make(chan struct{})} }

// Accept waits for the next connection.
func (w *Wire) Accept() (net.Conn, error) {
	select {
	case c := <-w.conns:
		return c, nil
	case <-w.closed:
		return nil, net.ErrClosed
	}
}

// Close ends Accept, and refuses connections from now on.
func (w *Wire) Close() error {
	w.once.Do(func() { close(w.closed) })
	return nil
}

// Addr is no address that could be dialed.
func (w *Wire) Addr() net.Addr { return &net.UnixAddr{Name: "wire"} }

// Dial connects to whoever accepts, whatever the address.
func (w *Wire) Dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case w.conns <- theirs:
		return ours, nil
	case <-w.closed:
		return nil, ErrRefused
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
