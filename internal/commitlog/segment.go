package commitlog

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"

	"github.com/durablego/do/internal/disk"
)

const (
	version     = 2
	headerSize  = 64
	firstBatch  = 4096 // its own block: the header is not written again
	batchHeader = 16
	batchFooter = 4
	saltSize    = 16
)

var (
	magic      = [8]byte{'d', 'o', 'c', 'o', 'm', 'm', 'i', 't'}
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// segment is one file of the log.
type segment struct {
	file    disk.File
	path    string
	number  uint64 // in the order of the log
	before  uint64 // batches of the segment before it; 0: none, or not known
	salt    [saltSize]byte
	size    int64 // up to the end of the last batch
	room    int64 // up to which the file's blocks are there
	batches uint64
}

// begin gives the segment a new life, behind one of so many batches. The header is durable
// with the first batch.
func (s *segment) begin(number, before uint64) error {
	s.number, s.before, s.size, s.batches = number, before, firstBatch, 0
	if _, err := rand.Read(s.salt[:]); err != nil {
		return err
	}
	h := make([]byte, headerSize)
	copy(h, magic[:])
	binary.LittleEndian.PutUint32(h[8:], version)
	binary.LittleEndian.PutUint64(h[16:], number)
	copy(h[24:], s.salt[:])
	binary.LittleEndian.PutUint64(h[40:], before)
	binary.LittleEndian.PutUint32(h[headerSize-4:], crc32.Checksum(h[:headerSize-4], castagnoli))
	_, err := s.file.WriteAt(h, 0)
	return err
}

// readHeader tells whether the file is a segment in use.
func (s *segment) readHeader() (ok bool, err error) {
	var h [headerSize]byte
	if n, err := s.file.ReadAt(h[:], 0); n < headerSize {
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return false, err
	}
	if [8]byte(h[:8]) != magic || crc32.Checksum(h[:headerSize-4], castagnoli) != binary.LittleEndian.Uint32(h[headerSize-4:]) {
		return false, nil
	}
	if v := binary.LittleEndian.Uint32(h[8:]); v != version {
		return false, &VersionError{Path: s.path, Version: int(v)}
	}
	s.number = binary.LittleEndian.Uint64(h[16:])
	copy(s.salt[:], h[24:])
	s.before = binary.LittleEndian.Uint64(h[40:])
	return true, nil
}

// append writes a batch and makes it durable. buf is room to use.
func (s *segment) append(b *Batch, busy bool, buf *[]byte) error {
	w := &writer{s: s, at: s.size, buf: (*buf)[:0], crc: crc32.Checksum(s.salt[:], castagnoli)}
	var h [batchHeader]byte
	binary.LittleEndian.PutUint64(h[:], uint64(b.Len()))
	binary.LittleEndian.PutUint64(h[8:], s.batches+1)
	w.add(h[:])
	done := 0
	for _, src := range b.sources {
		w.add(b.inline[done:src.at])
		w.copy(src)
		done = src.at
	}
	w.add(b.inline[done:])
	w.add(binary.LittleEndian.AppendUint32(nil, w.crc))
	w.flush()
	*buf = w.buf[:0]
	if w.err != nil {
		return w.err
	}
	s.extend(w.at)
	sync := s.file.Sync
	if busy {
		sync = func() error { return disk.SyncAside(s.file) }
	}
	if err := sync(); err != nil {
		return err
	}
	s.size = w.at
	s.batches++
	return nil
}

// A segment is extended by its own size, within these bounds.
const (
	minExtend = 64 << 10
	maxExtend = 2 << 20
)

var zeros [maxExtend]byte

// extend makes room behind end, so that syncs need no journal of the file system. It may
// fail, on a full disk say: then there is just no room ahead.
func (s *segment) extend(end int64) {
	if end <= s.room {
		return
	}
	s.room = end
	ahead := min(max(end, minExtend), maxExtend)
	if _, err := s.file.WriteAt(zeros[:ahead], end); err == nil {
		s.room += ahead
	}
}

// writer gathers what goes to a segment into few writes.
type writer struct {
	s     *segment
	at    int64
	buf   []byte
	piece []byte // of a source
	crc   uint32
	err   error
}

// chunk is how much is written at once.
const chunk = 1 << 20

func (w *writer) add(p []byte) {
	w.crc = crc32.Update(w.crc, castagnoli, p)
	if len(w.buf)+len(p) > chunk {
		w.flush()
		if len(p) > chunk {
			w.write(p)
			return
		}
	}
	w.buf = append(w.buf, p...)
}

func (w *writer) copy(src source) {
	if n := min(src.n, chunk); int64(len(w.piece)) < n {
		w.piece = make([]byte, n)
	}
	for src.n > 0 && w.err == nil {
		p := w.piece[:min(src.n, int64(len(w.piece)))]
		if _, err := src.r.ReadAt(p, src.off); err != nil {
			w.err = err
			return
		}
		w.add(p)
		src.off += int64(len(p))
		src.n -= int64(len(p))
	}
}

func (w *writer) flush() {
	w.write(w.buf)
	w.buf = w.buf[:0]
}

func (w *writer) write(p []byte) {
	if w.err != nil || len(p) == 0 {
		return
	}
	_, w.err = w.s.file.WriteAt(p, w.at)
	w.at += int64(len(p))
}

// scan calls fn for each record of the segment's good batches, in order.
func (s *segment) scan(fn func(record) error) error {
	return s.each(func(at, n int64) error {
		r := &reader{r: s.file, at: at, end: at + n}
		for r.at < r.end {
			rec, err := r.record()
			if err != nil {
				return err
			}
			if err := fn(rec); err != nil {
				return err
			}
		}
		return nil
	})
}

// each calls fn for the payload of each good batch, in order, and leaves in size and batches
// where they end and how many there are.
func (s *segment) each(fn func(at, n int64) error) error {
	size, err := s.file.Size()
	if err != nil {
		return err
	}
	s.size, s.batches = firstBatch, 0
	for {
		n, err := s.check(s.size, size, s.batches+1)
		if err != nil || n < 0 {
			return err
		}
		if err := fn(s.size+batchHeader, n); err != nil {
			return err
		}
		s.size += batchHeader + n + batchFooter
		s.batches++
	}
}

// check gives the length of the batch at at, −1 if there is no good one.
func (s *segment) check(at, size int64, number uint64) (n int64, err error) {
	if at+batchHeader+batchFooter > size {
		return -1, nil
	}
	var h [batchHeader]byte
	if _, err := s.file.ReadAt(h[:], at); err != nil {
		return -1, err
	}
	n = int64(binary.LittleEndian.Uint64(h[:]))
	if n <= 0 || n > size-at-batchHeader-batchFooter || binary.LittleEndian.Uint64(h[8:]) != number {
		return -1, nil
	}
	crc := crc32.Update(crc32.Checksum(s.salt[:], castagnoli), castagnoli, h[:])
	p := make([]byte, min(n, chunk))
	at += batchHeader
	for left := n; left > 0; left -= int64(len(p)) {
		p = p[:min(left, chunk)]
		if _, err := s.file.ReadAt(p, at); err != nil {
			return -1, err
		}
		crc = crc32.Update(crc, castagnoli, p)
		at += int64(len(p))
	}
	var f [batchFooter]byte
	if _, err := s.file.ReadAt(f[:], at); err != nil {
		return -1, err
	}
	if binary.LittleEndian.Uint32(f[:]) != crc {
		return -1, nil
	}
	return n, nil
}
