package dotest

import (
	"io"
	"sync"
)

// logWriter writes to a test's output until the test is over: later it would panic.
type logWriter struct {
	mu sync.Mutex // guards to
	to io.Writer  // nil: over
}

// Write implements io.Writer.
func (w *logWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.to == nil {
		return len(p), nil
	}
	return w.to.Write(p)
}

func (w *logWriter) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.to = nil
}

// mutable is the log of one runtime: after a power cut it says nothing, as it would only
// tell of a disk that is gone.
type mutable struct {
	w     *logWriter
	power *power
}

// Write implements io.Writer.
func (m *mutable) Write(p []byte) (int, error) {
	if m.power.off.Load() {
		return len(p), nil
	}
	return m.w.Write(p)
}
