package disk

import "os"

var Retry = retry

const MaxAsides = maxAsides

// Asides gives how many contexts for SyncAside are free, and how many were made.
func Asides() (free, made int) { return len(asides), int(asidesMade.Load()) }

// FailingAside has the kernel read from f to an address that is not there, in place of a sync.
func FailingAside(f *os.File) (begun bool, err error) {
	a := newAside()
	if a == nil {
		return false, nil
	}
	a.call.op, a.call.buf, a.call.size = 0, 1, 4 // IOCB_CMD_PREAD
	if !a.start(int(f.Fd())) {
		return false, nil
	}
	err, over := a.wait()
	return over, err
}
