//go:build !linux

package socket

import "net"

// poller watches parked sockets. On this system it does not: each has a goroutine.
type poller struct{}

func (*poller) works() bool                     { return false }
func (*poller) park(*Socket, *net.TCPConn) bool { return false }
func (*poller) drop(*Socket)                    {}
func (*poller) close()                          {}
