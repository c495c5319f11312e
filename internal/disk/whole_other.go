//go:build !linux

package disk

// Whole is the file system that holds a folder, as one thing to be synced.
type Whole struct{}

// OpenWhole gives nil: this system has no such call.
func OpenWhole(dir string) (*Whole, error) { return nil, nil }

// Sync is never called.
func (*Whole) Sync() error { return nil }

// Close is never called.
func (*Whole) Close() error { return nil }
