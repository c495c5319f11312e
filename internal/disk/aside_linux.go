package disk

import (
	"os"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// aside is a context of the kernel for asynchronous calls (io_setup(2)), one at a time, with the
// event by which Go's poller learns that the call has ended.
type aside struct {
	context uintptr
	event   *os.File
	call    asideCall
	result  asideResult
}

// asideCall is struct iocb of linux/aio_abi.h.
type asideCall struct {
	_       uint64 // data
	_       [2]uint32
	op      uint16
	_       int16 // priority
	fd      uint32
	buf     uint64
	size    uint64
	_       int64 // offset
	_       uint64
	flags   uint32
	eventFD uint32
}

// asideResult is struct io_event.
type asideResult struct {
	_, _   uint64 // data, call
	result int64
	_      int64
}

const (
	asideFdatasync = 3 // IOCB_CMD_FDSYNC
	asideTellEvent = 1 // IOCB_FLAG_RESFD
)

// maxAsides bounds the contexts of the program: the system has a number of them for all programs
// together, and one is enough for a log.
const maxAsides = 4

var (
	asides     = make(chan *aside, maxAsides) // not in use
	asidesMade atomic.Int32
)

// SyncAside is Sync; see the function of that name.
func (f *osFile) SyncAside() error {
	a := takeAside()
	if a == nil {
		return f.Sync()
	}
	if !a.start(f.fd) {
		asides <- a
		return f.Sync() // whose error says more
	}
	err, over := a.wait()
	if over {
		asides <- a
	} // else what comes of the call must not be taken for that of another
	return f.fail("sync", err)
}

// takeAside gives a context that is not in use, nil if there is none to be had.
func takeAside() *aside {
	select {
	case a := <-asides:
		return a
	default:
	}
	if asidesMade.Add(1) <= maxAsides {
		if a := newAside(); a != nil {
			return a
		}
		return nil // and none of its place: the system has refused one
	}
	asidesMade.Add(-1)
	return nil
}

func newAside() *aside {
	a := &aside{}
	if _, _, errno := syscall.Syscall(unix.SYS_IO_SETUP, 1, uintptr(unsafe.Pointer(&a.context)), 0); errno != 0 {
		return nil // none in this kernel, not allowed, or too many of all programs
	}
	fd, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		_, _, _ = syscall.Syscall(unix.SYS_IO_DESTROY, a.context, 0, 0) // nothing runs in it
		return nil
	}
	a.event = os.NewFile(uintptr(fd), "eventfd")
	a.call = asideCall{op: asideFdatasync, flags: asideTellEvent, eventFD: uint32(fd)}
	return a
}

// start begins an fdatasync; false if it was not begun.
func (a *aside) start(fd int) bool {
	a.call.fd = uint32(fd)
	call := &a.call // the kernel takes a list of pointers, and has copied all when it returns
	n, _, errno := syscall.Syscall(unix.SYS_IO_SUBMIT, a.context, 1, uintptr(unsafe.Pointer(&call)))
	return errno == 0 && n == 1
}

// wait returns the outcome of what start began, and whether that is over.
func (a *aside) wait() (err error, over bool) {
	var count [8]byte
	_, err = a.event.Read(count[:])
	for {
		// The call has ended, unless the event could not be read: then this waits in its place.
		n, _, errno := syscall.Syscall6(unix.SYS_IO_GETEVENTS, a.context, 1, 1, uintptr(unsafe.Pointer(&a.result)), 0, 0)
		switch {
		case errno == syscall.EINTR || errno == 0 && n == 0:
			continue
		case errno != 0:
			return errno, false
		case a.result.result < 0:
			return syscall.Errno(-a.result.result), true
		}
		return err, true
	}
}
