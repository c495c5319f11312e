package clone

import (
	"bytes"
	"encoding/binary"
	"math"
)

// viewed reads a buffer, or a reference, and the view of the buffer if one follows.
func (r *reader) viewed(tag byte) any {
	var n int
	if tag == '^' {
		if n = r.referred(); n < 0 {
			return nil
		}
	} else {
		n = r.buffer(tag)
	}
	if r.err != nil {
		return nil
	}
	if o := r.objects[n]; !o.buffer || r.peek() != 'V' {
		return o.value
	}
	r.next()
	return r.view(r.objects[n].value.([]byte))
}

// buffer reads an ArrayBuffer; one that can grow says how far.
func (r *reader) buffer(tag byte) int {
	n, size := r.begin(), r.varint(32)
	if tag == '~' && r.varint(32) < size {
		r.fail("a buffer is larger than it can be")
	}
	r.objects[n].buffer = true
	r.end(n, bytes.Clone(r.bytes(size)))
	if r.err == nil && size == 0 {
		r.objects[n].value = []byte{}
	}
	return n
}

// view reads a view of a buffer.
func (r *reader) view(buffer []byte) any {
	n, kind := r.begin(), r.byte()
	from, size := r.varint(32), r.varint(32)
	if r.version >= 14 {
		if flags := r.varint(32); flags&1 != 0 && from <= uint64(len(buffer)) { // it goes to the end, wherever that is
			size = uint64(len(buffer)) - from
		}
	}
	if r.err == nil && (from > uint64(len(buffer)) || size > uint64(len(buffer))-from) {
		r.fail("a view is larger than its buffer")
	}
	if r.viewing += size; r.viewing > maxViews {
		r.failf("views see over %d bytes", maxViews)
	}
	if r.err != nil {
		return nil
	}
	v := r.elements(kind, buffer[from:from+size])
	r.end(n, v)
	return v
}

// elements gives what a view of a kind sees.
func (r *reader) elements(kind byte, p []byte) any {
	le := binary.LittleEndian
	switch kind {
	case 'B', 'C', '?': // bytes, clamped or not; a DataView
		return append([]byte{}, p...)
	case 'b':
		return slice(r, p, 1, func(p []byte) int8 { return int8(p[0]) })
	case 'w':
		return slice(r, p, 2, func(p []byte) int16 { return int16(le.Uint16(p)) })
	case 'W':
		return slice(r, p, 2, le.Uint16)
	case 'd':
		return slice(r, p, 4, func(p []byte) int32 { return int32(le.Uint32(p)) })
	case 'D':
		return slice(r, p, 4, le.Uint32)
	case 'q':
		return slice(r, p, 8, func(p []byte) int64 { return int64(le.Uint64(p)) })
	case 'Q':
		return slice(r, p, 8, le.Uint64)
	case 'h':
		return slice(r, p, 2, func(p []byte) float64 { return half(le.Uint16(p)) })
	case 'f':
		return slice(r, p, 4, func(p []byte) float32 { return math.Float32frombits(le.Uint32(p)) })
	case 'F':
		return slice(r, p, 8, func(p []byte) float64 { return math.Float64frombits(le.Uint64(p)) })
	}
	r.fail("a view of a kind that is not known")
	return nil
}

func slice[T any](r *reader, p []byte, size int, element func([]byte) T) []T {
	if len(p)%size != 0 {
		r.fail("a view ends within an element")
		return nil
	}
	list := make([]T, len(p)/size)
	for i := range list {
		list[i] = element(p[i*size:])
	}
	return list
}

// half is the value of a float of 16 bits.
func half(u uint16) float64 {
	exponent, fraction := int(u>>10&31), float64(u&1023)
	v := math.Ldexp(fraction, -24)
	switch {
	case exponent == 31 && fraction != 0:
		v = math.NaN()
	case exponent == 31:
		v = math.Inf(1)
	case exponent > 0:
		v = math.Ldexp(1024+fraction, exponent-25)
	}
	if u>>15 == 1 {
		return -v
	}
	return v
}
