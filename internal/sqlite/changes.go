package sqlite

import (
	"io"
	"sync"
)

// changes is what was written to the log since it was last taken: a copy, or where to
// find it when that would be too large.
type changes struct {
	on    bool
	buf   *[]byte // from changeBuffers; nil: nothing
	spans []span
	from  int64 // of what has no copy
	to    int64 // 0: everything has one
}

// span is a piece of the log; its bytes are in buf, behind those of the spans before it.
type span struct {
	off int64
	n   int
}

// maxCopied is how many bytes are copied at most.
const maxCopied = 1 << 20

var changeBuffers = sync.Pool{New: func() any { return new([]byte) }}

// write notes that p was written at off.
func (c *changes) write(p []byte, off int64) {
	if !c.on {
		return
	}
	end := off + int64(len(p))
	if c.to > 0 {
		c.from, c.to = min(c.from, off), max(c.to, end)
		return
	}
	if c.buf == nil {
		c.buf = changeBuffers.Get().(*[]byte)
	}
	if len(*c.buf)+len(p) > maxCopied {
		c.spans = append(c.spans, span{off, len(p)})
		c.uncopy()
		return
	}
	*c.buf = append(*c.buf, p...)
	if k := len(c.spans) - 1; k >= 0 && c.spans[k].off+int64(c.spans[k].n) == off {
		c.spans[k].n += len(p)
	} else {
		c.spans = append(c.spans, span{off, len(p)})
	}
}

// uncopy keeps where the changes are in place of the copies.
func (c *changes) uncopy() {
	for i, s := range c.spans {
		end := s.off + int64(s.n)
		if i == 0 {
			c.from, c.to = s.off, end
		}
		c.from, c.to = min(c.from, s.off), max(c.to, end)
	}
	c.drop()
}

// drop forgets the copies.
func (c *changes) drop() {
	if c.buf == nil {
		return
	}
	*c.buf = (*c.buf)[:0]
	changeBuffers.Put(c.buf)
	c.buf, c.spans = nil, c.spans[:0]
}

// RecordChanges has the connection keep what is written to the log for TakeChanges.
func (c *Conn) RecordChanges() { c.changes.on = true }

// TakeChanges gives what was written to the log since the last call, in order: copies,
// valid until piece returns, or, of very much, one range of the log's file, which stays as
// it is until the next Checkpoint, CutWAL or Close.
func (c *Conn) TakeChanges(piece func(off int64, p []byte), large func(off, n int64, log io.ReaderAt)) {
	if c.changes.to > 0 {
		large(c.changes.from, c.changes.to-c.changes.from, c.log.Load().disk)
		c.changes.from, c.changes.to = 0, 0
		return
	}
	if c.changes.buf == nil {
		return
	}
	p := *c.changes.buf
	for _, s := range c.changes.spans {
		piece(s.off, p[:s.n])
		p = p[s.n:]
	}
	c.changes.drop()
}

// UncopyChanges has the next TakeChanges give one range of the log's file: it costs no
// memory while somebody waits to read it.
func (c *Conn) UncopyChanges() {
	if c.changes.buf != nil {
		c.changes.uncopy()
	}
}

// DropChanges forgets what was written since the last TakeChanges: by a transaction that
// was rolled back, and whose frames the next one overwrites.
func (c *Conn) DropChanges() {
	c.changes.from, c.changes.to = 0, 0
	c.changes.drop()
}
