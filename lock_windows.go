//go:build windows

package do

import (
	"errors"
	"os"
	"syscall"
)

// takeLock has nothing to do: openLock shares the file for reading only, so that no
// second holder can open it.
func takeLock(*os.File) (bool, error) { return true, nil }

func openLock(path string) (*os.File, error) {
	name, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		return nil, err
	}
	h, err := syscall.CreateFile(name, syscall.GENERIC_READ|syscall.GENERIC_WRITE, syscall.FILE_SHARE_READ,
		nil, syscall.OPEN_ALWAYS, syscall.FILE_ATTRIBUTE_NORMAL, 0)
	if errors.Is(err, errSharing) {
		return nil, errTaken
	}
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(h), path), nil
}

const errSharing = syscall.Errno(32) // ERROR_SHARING_VIOLATION
