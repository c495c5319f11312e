package commitlog

import (
	"encoding/binary"
	"errors"
	"io"
)

// logSuffix is behind the name of an object's main file in that of a write-ahead log.
const logSuffix = "-wal"

// kind of a record, and what follows the name.
type kind byte

const (
	kindWrite   kind = iota + 1 // the file's size then, or 0, offset in it, size (uvarints), runs
	kindMade                    // size (uvarint), runs
	kindSettled                 // nothing
	kindRemoved                 // nothing
	kindCopy                    // size, offset and size as in kindWrite, then so many bytes
	kindTouched                 // nothing
	kindPatch                   // as kindWrite, but what runs leave out is not zeros but as it was
)

// Runs are content without long stretches of zeros, of which pages are full, or of what was there
// before: a number of bytes left out, a number of bytes (uvarints), those bytes, and so on until the
// size is reached.

// maxWrite is the largest size of a kindWrite.
const maxWrite = 1 << 24

// Batch is a number of records. The zero value is empty. It is used by one goroutine at a time.
type Batch struct {
	inline  []byte
	sources []source
	copied  int64 // bytes of all sources
}

// source is a piece of another file, which belongs behind the first at bytes of inline.
type source struct {
	at  int
	r   io.ReaderAt
	off int64
	n   int64
}

// Len is the size of the batch in bytes.
func (b *Batch) Len() int64 { return int64(len(b.inline)) + b.copied }

// Held is how much of the batch is in memory, in bytes.
func (b *Batch) Held() int { return len(b.inline) }

// Empty reports whether the batch says nothing.
func (b *Batch) Empty() bool { return len(b.inline) == 0 }

// Reset empties the batch and keeps its room, unless that is large.
func (b *Batch) Reset() {
	const keep = 1 << 20
	if cap(b.inline) > keep {
		b.inline = nil
	}
	clear(b.sources)
	*b = Batch{inline: b.inline[:0], sources: b.sources[:0]}
}

// Write says that p, which is copied, is in the object's main file at off. size is that of
// the whole file then; 0: that is not known yet.
func (b *Batch) Write(name string, off int64, p []byte, size int64) {
	for len(p) > 0 {
		part := p[:min(len(p), maxWrite)]
		b.begin(kindWrite, name)
		b.number(size)
		b.number(off)
		b.runs(part)
		p, off = p[len(part):], off+int64(len(part))
	}
}

// Patch is Write of p where the file has old, of the same length: the log has that, too, or had it
// and it is durable in the file. Only what differs is said.
func (b *Batch) Patch(name string, off int64, old, p []byte, size int64) {
	b.begin(kindPatch, name)
	b.number(size)
	b.number(off)
	b.number(int64(len(p)))
	for at := 0; at < len(p); {
		same := equal(old[at:], p[at:])
		at += same
		n := untilEqual(old[at:], p[at:])
		b.number(int64(same))
		b.number(int64(n))
		b.inline = append(b.inline, p[at:at+n]...)
		at += n
	}
}

// Copy is Write of the n bytes that r has at at. They are read when the batch is appended, and
// must not change before.
func (b *Batch) Copy(name string, off, n int64, r io.ReaderAt, at, size int64) {
	b.begin(kindCopy, name)
	b.number(size)
	b.number(off)
	b.number(n)
	b.sources = append(b.sources, source{at: len(b.inline), r: r, off: at, n: n})
	b.copied += n
}

// Made says that the object's main file was made with this content. What was said of the
// object before does not count any more.
func (b *Batch) Made(name string, content []byte) {
	b.begin(kindMade, name)
	b.runs(content)
}

// runs puts size and runs of content.
func (b *Batch) runs(content []byte) {
	b.number(int64(len(content)))
	for len(content) > 0 {
		zeros := leadingZeros(content)
		content = content[zeros:]
		n := untilZeros(content)
		b.number(int64(zeros))
		b.number(int64(n))
		b.inline = append(b.inline, content[:n]...)
		content = content[n:]
	}
}

// Settled says that all that was written to the object's files is durable there, so that
// what was said of it before does not count any more.
func (b *Batch) Settled(name string) { b.begin(kindSettled, name) }

// Removed says that the object's files are to be gone.
func (b *Batch) Removed(name string) { b.begin(kindRemoved, name) }

// Touched says nothing of the object but that a Replay is to name it.
func (b *Batch) Touched(name string) { b.begin(kindTouched, name) }

func (b *Batch) begin(k kind, name string) {
	b.inline = append(b.inline, byte(k))
	b.number(int64(len(name)))
	b.inline = append(b.inline, name...)
}

func (b *Batch) number(n int64) { b.inline = binary.AppendUvarint(b.inline, uint64(n)) }

func leadingZeros(p []byte) (n int) {
	for ; len(p)-n >= 32; n += 32 {
		q := p[n : n+32 : n+32]
		if word(q)|word(q[8:])|word(q[16:])|word(q[24:]) != 0 {
			break
		}
	}
	for len(p)-n >= 8 && word(p[n:]) == 0 {
		n += 8
	}
	for n < len(p) && p[n] == 0 {
		n++
	}
	return n
}

// untilZeros is how many bytes come before a stretch of zeros that is worth leaving out.
func untilZeros(p []byte) (n int) {
	for ; len(p)-n >= 16; n += 8 {
		if word(p[n:]) == 0 && word(p[n+8:]) == 0 {
			return n
		}
	}
	return len(p)
}

// equal is how many bytes of p are as in old.
func equal(old, p []byte) (n int) {
	for ; len(p)-n >= 32; n += 32 {
		a, b := old[n:n+32:n+32], p[n:n+32:n+32]
		if (word(a)^word(b))|(word(a[8:])^word(b[8:]))|(word(a[16:])^word(b[16:]))|(word(a[24:])^word(b[24:])) != 0 {
			break
		}
	}
	for len(p)-n >= 8 && word(old[n:]) == word(p[n:]) {
		n += 8
	}
	for n < len(p) && old[n] == p[n] {
		n++
	}
	return n
}

// untilEqual is how many bytes come before a stretch as in old that is worth leaving out.
func untilEqual(old, p []byte) (n int) {
	for ; len(p)-n >= 16; n += 8 {
		if word(old[n:]) == word(p[n:]) && word(old[n+8:]) == word(p[n+8:]) {
			return n
		}
	}
	return len(p)
}

func word(p []byte) uint64 { return binary.NativeEndian.Uint64(p) }

// record is a record as it was read. Offsets are those in the segment's file.
type record struct {
	kind kind
	name string
	size int64 // of the main file afterwards; 0: as it comes
	off  int64 // in the main file
	at   int64 // of the first run, or of the bytes
	n    int64 // size
	end  int64 // behind the record
}

var errRecord = errors.New("commitlog: a record that makes no sense")

// reader reads numbers and names at a position of a file.
type reader struct {
	r   io.ReaderAt
	at  int64
	end int64
	buf [512]byte
}

// next gives up to n bytes, which are valid until the next call.
func (r *reader) next(n int) ([]byte, error) {
	p := r.buf[:min(int64(n), int64(len(r.buf)), r.end-r.at)]
	if _, err := r.r.ReadAt(p, r.at); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return p, nil
}

func (r *reader) number() (int64, error) {
	p, err := r.next(binary.MaxVarintLen64)
	if err != nil {
		return 0, err
	}
	v, n := binary.Uvarint(p)
	if n <= 0 || int64(v) < 0 {
		return 0, errRecord
	}
	return int64(v), r.skip(int64(n))
}

// record reads the record at the position, and goes behind it.
func (r *reader) record() (rec record, err error) {
	p, err := r.next(1)
	if err != nil || len(p) < 1 {
		return rec, errors.Join(errRecord, err)
	}
	rec.kind = kind(p[0])
	r.at++
	size, err := r.number()
	if err != nil || size > int64(len(r.buf)) || size > r.end-r.at {
		return rec, errors.Join(errRecord, err)
	}
	if p, err = r.next(int(size)); err != nil {
		return rec, err
	}
	rec.name = string(p)
	r.at += size
	if rec.kind == kindWrite || rec.kind == kindPatch || rec.kind == kindCopy {
		if rec.size, err = r.number(); err != nil {
			return rec, err
		}
		if rec.off, err = r.number(); err != nil {
			return rec, err
		}
	}
	switch rec.kind {
	case kindCopy:
		if rec.n, err = r.number(); err != nil {
			return rec, err
		}
		rec.at = r.at
		if err := r.skip(rec.n); err != nil {
			return rec, err
		}
	case kindWrite, kindPatch, kindMade:
		if rec.n, err = r.number(); err != nil || rec.kind != kindMade && rec.n > maxWrite {
			return rec, errors.Join(errRecord, err)
		}
		rec.at = r.at
		for size := int64(0); size < rec.n; {
			run, err := r.run()
			if err != nil {
				return rec, err
			}
			if size += run.left + run.n; run.left+run.n <= 0 || size > rec.n || size < 0 {
				return rec, errRecord
			}
		}
	case kindSettled, kindRemoved, kindTouched:
	default:
		return rec, errRecord
	}
	rec.end = r.at
	return rec, nil
}

// run is a part of content: so many bytes are left out, then come n, which are at at.
type run struct{ left, n, at int64 }

func (r *reader) run() (x run, err error) {
	if x.left, err = r.number(); err != nil {
		return x, err
	}
	if x.n, err = r.number(); err != nil {
		return x, err
	}
	x.at = r.at
	return x, r.skip(x.n)
}

// skip goes n bytes on.
func (r *reader) skip(n int64) error {
	if n > r.end-r.at {
		return errRecord
	}
	r.at += n
	return nil
}
