package sqlite

import (
	"encoding/binary"
	"io"

	lib "modernc.org/sqlite/lib"
)

// pageSize is that of every database whose log is in memory, in bytes.
const pageSize = 4096

// Frame is a page of a commit in a log in memory.
type Frame struct {
	Off  int64 // of the page in the main file
	At   int64 // of its bytes in the log
	Was  int64 // of what the page held before, in the log; 0: it is not there
	Size int64 // of the main file after the commit, with its last page; else 0
}

// frame reads the header of the n-th frame, from 0.
func (m *memLog) frame(n int) (Frame, error) {
	at := walHeaderSize + int64(n)*(frameHeaderSize+pageSize)
	var h [8]byte
	if _, err := m.ReadAt(h[:], at); err != nil {
		return Frame{}, ioError(lib.SQLITE_IOERR_READ, err)
	}
	page, size := binary.BigEndian.Uint32(h[:]), binary.BigEndian.Uint32(h[4:])
	return Frame{Off: (int64(page) - 1) * pageSize, At: at + frameHeaderSize, Size: int64(size) * pageSize}, nil
}

// memory is the log of a connection with Options.LogInMemory.
func (c *Conn) memory() *memLog { return c.log.Load().disk.(*memLog) }

// TakeCommits appends the pages of the commits since the last call to frames, in their order.
// The log has them until the next Checkpoint or Close.
func (c *Conn) TakeCommits(frames []Frame) ([]Frame, error) {
	for ; c.taken < c.frames; c.taken++ {
		f, err := c.memory().frame(c.taken)
		if err != nil {
			return frames, err
		}
		if c.newest == nil {
			c.newest = map[int64]int64{}
		}
		f.Was = c.newest[f.Off]
		c.newest[f.Off] = f.At
		frames = append(frames, f)
	}
	return frames, nil
}

// View gives the bytes of the page at a position of the log. They must not be changed, and stay
// until the next Checkpoint or Close. Nil: they are not in memory, but in Log.
func (c *Conn) View(at int64) []byte { return c.memory().view(at, pageSize) }

// Log reads the log in memory. From any goroutine: what belongs to commits stays until the
// next Checkpoint or Close.
func (c *Conn) Log() io.ReaderAt { return c.memory() }

// WriteBack writes what commits have changed to the main file: of the frames of the log in
// memory from the from-th on, and before the to-th, those that no later one of them
// replaces. It may run beside calls of other methods, but Checkpoint and Close. before is told
// which part of the file is about to change.
func (c *Conn) WriteBack(from, to int, before func(off int64, n int) error) error {
	m, main := c.memory(), c.main.Load()
	if from >= to {
		return nil
	}
	done := map[int64]bool{}
	buf := make([]byte, pageSize)
	for n := to - 1; n >= from; n-- {
		f, err := m.frame(n)
		if err != nil {
			return err
		}
		if done[f.Off] {
			continue
		}
		done[f.Off] = true
		p := m.view(f.At, pageSize)
		if p == nil {
			p = buf
			if _, err := m.ReadAt(p, f.At); err != nil {
				return ioError(lib.SQLITE_IOERR_READ, err)
			}
		}
		if err := before(f.Off, pageSize); err != nil {
			return err
		}
		c.grown.Store(true)
		if _, err := main.disk.WriteAt(p, f.Off); err != nil {
			return ioError(writeCode(err), err)
		}
	}
	return nil
}

func ioError(rc int32, err error) error {
	e := newError(rc)
	e.Err = err
	return e
}
