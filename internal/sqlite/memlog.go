package sqlite

import (
	"io"
	"sync"

	"github.com/durablego/do/internal/disk"
)

// A log in memory grows by blocks of a few frames, none of which is in two of them.
const (
	blockFrames = 3
	blockSize   = blockFrames * (frameHeaderSize + pageSize)
)

var blocks = sync.Pool{New: func() any { return new([blockSize]byte) }}

// maxInMemory is how much of a log in memory is there. What is behind that, of one large
// transaction or because nothing may be checkpointed, is in a file. A variable for tests.
var maxInMemory int64 = walHeaderSize + 1300*blockSize

// memLog is the file that SQLite takes for the write-ahead log, where that is in memory. It is
// written by the connection's goroutine; what belongs to commits may be read by others, before
// it is truncated.
type memLog struct {
	overflow func() (disk.File, error) // makes the file for what does not fit, once

	mu     sync.RWMutex // guards following; held for copying at most
	header [walHeaderSize]byte
	blocks []*[blockSize]byte
	size   int64
	rest   disk.File // from maxInMemory on; nil: nothing is there
}

var _ disk.File = (*memLog)(nil)

// piece is what is in one place at off, which is there. REQUIRES: mu held.
func (m *memLog) piece(off int64) []byte {
	if off < walHeaderSize {
		return m.header[off:]
	}
	off -= walHeaderSize
	return m.blocks[off/blockSize][off%blockSize:]
}

func (m *memLog) ReadAt(p []byte, off int64) (n int, err error) {
	m.mu.RLock()
	size, rest := m.size, m.rest
	if off+int64(len(p)) > size {
		p, err = p[:max(size-off, 0)], io.EOF
	}
	for n < len(p) && off+int64(n) < maxInMemory {
		n += copy(p[n:], m.piece(off+int64(n)))
	}
	m.mu.RUnlock()
	if n < len(p) {
		if k, rerr := rest.ReadAt(p[n:], off+int64(n)-maxInMemory); rerr != nil {
			return n + k, rerr
		}
	}
	return len(p), err
}

// view gives n bytes at off, which are there, in one piece and in memory; nil: they are not in
// memory. They stay until the log is truncated.
func (m *memLog) view(off int64, n int) []byte {
	if off+int64(n) > maxInMemory {
		return nil
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.piece(off)[:n:n]
}

func (m *memLog) WriteAt(p []byte, off int64) (n int, err error) {
	end := off + int64(len(p))
	m.mu.Lock()
	for walHeaderSize+int64(len(m.blocks))*blockSize < min(end, maxInMemory) {
		m.blocks = append(m.blocks, blocks.Get().(*[blockSize]byte))
	}
	for n < len(p) && off+int64(n) < maxInMemory {
		n += copy(m.piece(off+int64(n)), p[n:])
	}
	rest := m.rest
	m.mu.Unlock()
	if n < len(p) {
		if rest == nil {
			if rest, err = m.overflow(); err != nil {
				return n, err
			}
		}
		k, werr := rest.WriteAt(p[n:], off+int64(n)-maxInMemory)
		n, err = n+k, werr
	}
	m.mu.Lock()
	m.rest = rest
	if err == nil {
		m.size = max(m.size, end)
	}
	m.mu.Unlock()
	return n, err
}

// Truncate takes away what is behind size, for good: it leaves no room. It does not fail.
func (m *memLog) Truncate(size int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.size = min(m.size, size)
	inMemory := max(min(m.size, maxInMemory)-walHeaderSize, 0)
	keep := min(int(inMemory+blockSize-1)/blockSize, len(m.blocks))
	for _, b := range m.blocks[keep:] {
		blocks.Put(b)
	}
	clear(m.blocks[keep:])
	if m.blocks = m.blocks[:keep]; keep == 0 && cap(m.blocks) > 64 {
		m.blocks = nil
	}
	if m.rest != nil && m.size <= maxInMemory {
		_ = m.rest.Close() // of a file that nobody finds any more
		m.rest = nil
	}
	return nil
}

func (m *memLog) Size() (int64, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.size, nil
}

// Sync does nothing.
func (m *memLog) Sync() error { return nil }

// Close gives the memory back.
func (m *memLog) Close() error { return m.Truncate(0) }
