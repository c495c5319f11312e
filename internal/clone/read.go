package clone

import (
	"encoding/binary"
	"math"
)

const (
	oldest, newest = 13, 15

	maxDepth = 1000     // of values inside each other
	maxHoles = 1 << 20  // of all sparse arrays of a value together
	maxViews = 16 << 20 // bytes that all views of a value see, of which several may see one buffer
)

// Read gives the Go value of stored bytes, which it does not keep. Every error is an *Error.
// It may be called concurrently.
func Read(data []byte) (any, error) {
	r := &reader{data: data}
	v := r.whole()
	if r.err != nil {
		return nil, r.err
	}
	return v, nil
}

// reader reads one value. After an error it reads zeros, and everybody returns soon.
type reader struct {
	data    []byte
	at      int
	version uint64
	tag     byte // that was read last, for errors
	depth   int
	holes   int
	viewing uint64   // bytes
	objects []object // by number
	err     error
}

// object is what may be referred to again.
type object struct {
	value  any
	buffer bool // an ArrayBuffer: a view may follow
	done   bool // else it is being read: a reference to it makes a circle
}

func (r *reader) whole() any {
	if r.byte() != 0xff {
		r.fail("it does not begin with a version")
		return nil
	}
	if r.version = r.varint(32); r.err == nil && (r.version < oldest || r.version > newest) {
		r.failf("version %d of the format, known are %d to %d", r.version, oldest, newest)
	}
	v := r.value()
	if r.err == nil && r.at < len(r.data) {
		r.failf("%d bytes behind the value", len(r.data)-r.at)
	}
	return v
}

// value reads a value.
func (r *reader) value() any {
	if r.depth++; r.depth > maxDepth {
		r.failf("nested over %d levels deep", maxDepth)
	}
	defer func() { r.depth-- }()
	tag := r.next()
	if r.err != nil {
		return nil
	}
	switch tag {
	case 'B', '~', '^':
		return r.viewed(tag)
	case '_', '0':
		return nil
	case 'T', 'y':
		return r.boxed(tag == 'y', true)
	case 'F', 'x':
		return r.boxed(tag == 'x', false)
	case 'I':
		u := r.varint(32)
		return int64(int32(u>>1) ^ -int32(u&1))
	case 'U':
		return int64(r.varint(32))
	case 'N':
		return number(r.double())
	case 'n':
		return r.boxed(true, number(r.double()))
	case 'Z':
		return r.bigint()
	case 'z':
		return r.boxed(true, r.bigint())
	case 'D':
		return r.boxed(true, r.date())
	case '"', 'c', 'S':
		return r.text(tag)
	case 's':
		return r.boxed(true, r.text(r.next()))
	case 'o':
		return r.object()
	case 'A':
		return r.dense()
	case 'a':
		return r.sparse()
	case ';':
		return r.mapping()
	case '\'':
		return r.set()
	}
	if what := foreign[tag]; what != "" {
		r.fail(what + " cannot be taken over")
	} else {
		r.fail("it is not known")
	}
	return nil
}

// boxed gives v a number if it is an object, so that it counts.
func (r *reader) boxed(object bool, v any) any {
	if object {
		r.end(r.begin(), v)
	}
	return v
}

// begin gives the object that is being read its number, end says that it is whole.
func (r *reader) begin() int {
	r.objects = append(r.objects, object{})
	return len(r.objects) - 1
}

func (r *reader) end(n int, v any) { r.objects[n].value, r.objects[n].done = v, true }

// referred gives an object that was read before.
func (r *reader) referred() (n int) {
	u := r.varint(32)
	switch {
	case r.err != nil:
	case u >= uint64(len(r.objects)):
		r.fail("there is no such object")
	case !r.objects[u].done:
		r.fail("the value is part of itself")
	default:
		return int(u)
	}
	return -1
}

// number is what a double is stored as.
func number(f float64) any {
	const most = 1<<53 - 1
	if f == math.Trunc(f) && math.Abs(f) <= most && !(f == 0 && math.Signbit(f)) {
		return int64(f)
	}
	return f
}

// next reads a tag; padding in front of it has no meaning, nor has a count of objects.
func (r *reader) next() byte {
	for r.err == nil {
		switch tag := r.byte(); tag {
		case 0:
		case '?':
			r.varint(32)
		default:
			r.tag = tag
			return tag
		}
	}
	return 0
}

// peek gives the tag that comes next, without reading it.
func (r *reader) peek() byte {
	at := r.at
	for at < len(r.data) && r.data[at] == 0 {
		at++
	}
	if at == len(r.data) || r.err != nil {
		return 0
	}
	return r.data[at]
}

func (r *reader) byte() byte {
	if p := r.bytes(1); p != nil {
		return p[0]
	}
	return 0
}

// bytes gives the next n, which are not copied; nil after an error.
func (r *reader) bytes(n uint64) []byte {
	if r.err == nil && n > uint64(len(r.data)-r.at) {
		r.fail("it ends too early")
	}
	if r.err != nil {
		return nil
	}
	r.at += int(n)
	return r.data[r.at-int(n) : r.at : r.at]
}

// varint reads a number of at most so many bits.
func (r *reader) varint(bits int) (u uint64) {
	for shift := 0; ; shift += 7 {
		b := r.byte()
		if r.err != nil {
			return 0
		}
		if shift > bits || uint64(b&0x7f)<<shift>>shift != uint64(b&0x7f) {
			r.fail("a number is too long")
			return 0
		}
		if u |= uint64(b&0x7f) << shift; b < 0x80 {
			break
		}
	}
	if bits < 64 && u>>bits != 0 {
		r.fail("a number is too large")
		return 0
	}
	return u
}

func (r *reader) double() float64 {
	p := r.bytes(8)
	if p == nil {
		return 0
	}
	return math.Float64frombits(binary.LittleEndian.Uint64(p))
}
