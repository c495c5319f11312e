//go:build unix

package socket

import (
	"net"

	"golang.org/x/sys/unix"
)

// tryWrite writes as much as the system takes at once, and says how much that was.
func tryWrite(c *net.TCPConn, p []byte) (n int, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, err
	}
	var failed error
	err = raw.Write(func(fd uintptr) bool {
		for {
			n, failed = unix.Write(int(fd), p)
			if failed != unix.EINTR {
				return true
			}
		}
	})
	if failed == unix.EAGAIN {
		failed = nil
	}
	if err == nil {
		err = failed
	}
	return max(n, 0), err
}
