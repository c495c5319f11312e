package dotest

import (
	"strings"
	"time"

	"github.com/durablego/do/internal/bridge"
	"github.com/durablego/do/internal/disk/disktest"
)

// HoldSyncs lets every fsync of the commit log wait until release is closed.
func HoldSyncs(r *Runtime, release <-chan struct{}) {
	r.present().faults.Hook(func(op disktest.Op, name string) error {
		if op == disktest.Sync && strings.HasSuffix(name, ".log") {
			<-release
		}
		return nil
	})
}

// Hurry shortens the limits of the end of the test.
func Hurry(r *Runtime) { r.closeLimit, r.leaks.limit = 50*time.Millisecond, 50*time.Millisecond }

// Present gives what looks into the present runtime, also when it is no more.
func Present(r *Runtime) bridge.Control { return r.present().control }
