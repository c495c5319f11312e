package disk_test

import (
	"syscall"
	"testing"

	"github.com/durablego/do/internal/disk"
)

func TestInterruptedCallsAreRepeated(t *testing.T) {
	for _, want := range []error{nil, syscall.EIO} {
		calls := 0
		err := disk.Retry(func() error {
			if calls++; calls < 3 {
				return syscall.EINTR
			}
			return want
		})
		if err != want || calls != 3 {
			t.Errorf("retry = %v after %d calls, want %v after 3", err, calls, want)
		}
	}
}
