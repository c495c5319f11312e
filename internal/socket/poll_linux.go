package socket

import (
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// poller watches the connections of parked sockets: one goroutine for all, which waits like
// any reader of the Go runtime, since an epoll descriptor can itself be waited for. It is
// started by the first socket and ends at close. The zero value is ready for use.
type poller struct {
	mu     sync.Mutex // guards following; held across calls that do not block
	file   *os.File   // the epoll descriptor
	fd     int
	slots  []*Socket // by number; 0 is nobody
	free   []int
	failed bool // the system has none for us, or it is closed
	ended  chan struct{}
}

// works says whether sockets can be parked.
func (p *poller) works() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.failed
}

// park watches s until something comes; then s.woken is called, unless s is dropped before.
// False: it is not watched.
func (p *poller) park(s *Socket, c *net.TCPConn) bool {
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failed || p.file == nil && !p.open() {
		return false
	}
	op := unix.EPOLL_CTL_MOD
	if s.slot == 0 {
		op = unix.EPOLL_CTL_ADD
		if n := len(p.free); n > 0 {
			s.slot = p.free[n-1]
			p.free = p.free[:n-1]
		} else {
			s.slot = len(p.slots)
			p.slots = append(p.slots, nil)
		}
		p.slots[s.slot] = s
	}
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLONESHOT, Fd: int32(s.slot)}
	s.parked = true
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = unix.EpollCtl(p.fd, op, int(fd), &event) }); err != nil || failed != nil {
		s.parked = false
		if op == unix.EPOLL_CTL_ADD {
			p.freeLocked(s)
		}
		return false
	}
	return true
}

// drop forgets s, whose connection is about to be closed: that ends the watching.
func (p *poller) drop(s *Socket) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.freeLocked(s)
}

func (p *poller) freeLocked(s *Socket) {
	s.parked = false
	if s.slot > 0 {
		p.slots[s.slot] = nil
		p.free = append(p.free, s.slot)
		s.slot = 0
	}
}

// open makes the descriptor and starts to wait. REQUIRES: mu.
func (p *poller) open() bool {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err == nil {
		err = unix.SetNonblock(fd, true)
	}
	if err != nil {
		p.failed = true
		return false
	}
	p.fd, p.file = fd, os.NewFile(uintptr(fd), "epoll")
	raw, err := p.file.SyscallConn()
	if err == nil {
		err = p.file.SetReadDeadline(time.Time{}) // only what the runtime can wait for has deadlines
	}
	if err != nil {
		_ = p.file.Close()
		p.failed = true
		return false
	}
	p.slots = make([]*Socket, 1)
	p.ended = make(chan struct{})
	go p.wait(raw, fd)
	return true
}

// wait wakes sockets until close.
func (p *poller) wait(raw syscall.RawConn, fd int) {
	defer close(p.ended)
	var events [128]unix.EpollEvent
	var ready []*Socket
	for {
		n := 0
		err := raw.Read(func(uintptr) bool {
			err := error(unix.EINTR)
			for err == unix.EINTR {
				n, err = unix.EpollWait(fd, events[:], 0)
			}
			return n > 0
		})
		if err != nil {
			return
		}
		p.mu.Lock()
		for _, e := range events[:n] {
			// A slot may have changed hands since: then a reader finds nothing and waits itself.
			if s := p.slots[e.Fd]; s != nil && s.parked {
				s.parked = false
				ready = append(ready, s)
			}
		}
		p.mu.Unlock()
		for i, s := range ready {
			s.woken()
			ready[i] = nil
		}
		ready = ready[:0]
	}
}

// close ends the waiting. Parked sockets are not woken any more.
func (p *poller) close() {
	p.mu.Lock()
	file, ended := p.file, p.ended
	p.file, p.failed = nil, true
	p.mu.Unlock()
	if file != nil {
		_ = file.Close()
		<-ended
	}
}
