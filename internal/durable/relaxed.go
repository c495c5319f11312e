package durable

// Relaxed returns an Opener whose Logs open each ticket with its commit (T21): what was
// answered for outlives the process, not a power cut. Flush still syncs, because a
// checkpoint may only begin when the write-ahead log is durable (T16); that sync is the
// only one, and has the limits of Fsync. If it fails the Log is dead like any other, and
// what it did not cover is lost although its tickets were open.
func Relaxed() Opener {
	f := newFsync(FsyncOptions{})
	f.relaxed = true
	return f
}
