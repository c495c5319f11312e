package clone

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

func (r *reader) fail(reason string) {
	if r.err == nil {
		r.err = &Error{Tag: r.tag, At: r.at, Reason: reason}
	}
}

func (r *reader) failf(format string, args ...any) { r.fail(fmt.Sprintf(format, args...)) }

// bigint reads a BigInt: its sign and how many bytes it has, and these, least first.
func (r *reader) bigint() any {
	field := r.varint(32)
	negative, digits := field&1 == 1, r.bytes(field>>1)
	for len(digits) > 0 && digits[len(digits)-1] == 0 {
		digits = digits[:len(digits)-1]
	}
	if len(digits) > 8 {
		r.fail("a BigInt does not fit into 64 bits")
		return nil
	}
	var padded [8]byte
	copy(padded[:], digits)
	u := binary.LittleEndian.Uint64(padded[:])
	switch {
	case negative && u <= 1<<63:
		return -int64(u) // also of the smallest, which is its own negative
	case !negative && u <= math.MaxInt64:
		return int64(u)
	}
	r.fail("a BigInt does not fit into 64 bits")
	return nil
}

// date reads a time in milliseconds since 1970.
func (r *reader) date() any {
	const most = 8.64e15 // of a Date
	ms := r.double()
	if r.err == nil && (ms != math.Trunc(ms) || math.Abs(ms) > most) { // also one that is none, NaN
		r.fail("an invalid date")
	}
	if r.err != nil {
		return nil
	}
	t := time.UnixMilli(int64(ms)).UTC()
	if t.IsZero() {
		r.fail("a date that Go takes for none")
	}
	return t
}

// text reads what follows the tag of a string.
func (r *reader) text(tag byte) any {
	p := r.bytes(r.varint(32))
	switch {
	case r.err != nil:
	case tag == '"':
		return latin1(p)
	case tag == 'S':
		return string(p)
	case tag != 'c':
		r.fail("a string is expected")
	case len(p)%2 != 0:
		r.fail("half a character")
	default:
		return twoByte(p)
	}
	return ""
}

func latin1(p []byte) string {
	s := make([]byte, 0, len(p))
	for _, b := range p {
		s = utf8.AppendRune(s, rune(b))
	}
	return string(s)
}

// twoByte reads UTF-16, low bytes first. Half of a pair of surrogates gets the three bytes that UTF-8
// has for such a number, though it must not use them.
func twoByte(p []byte) string {
	s := make([]byte, 0, len(p))
	for ; len(p) > 0; p = p[2:] {
		c := rune(binary.LittleEndian.Uint16(p))
		if utf16.IsSurrogate(c) {
			if len(p) >= 4 {
				if both := utf16.DecodeRune(c, rune(binary.LittleEndian.Uint16(p[2:]))); both != utf8.RuneError {
					s, p = utf8.AppendRune(s, both), p[2:]
					continue
				}
			}
			s = append(s, 0xe0|byte(c>>12), 0x80|byte(c>>6)&0xbf, 0x80|byte(c)&0xbf)
			continue
		}
		s = utf8.AppendRune(s, c)
	}
	return string(s)
}
