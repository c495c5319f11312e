package clone

import "fmt"

// Error says why a value cannot be read. It shows nothing of the value.
type Error struct {
	Tag    byte // what was being read, as on the wire; 0 before the first tag
	At     int  // how many bytes had been read
	Reason string
}

func (e *Error) Error() string {
	if e.Tag == 0 {
		return fmt.Sprintf("at byte %d: %s", e.At, e.Reason)
	}
	return fmt.Sprintf("tag %s at byte %d: %s", tagName(e.Tag), e.At, e.Reason)
}

func tagName(tag byte) string {
	if tag > ' ' && tag < 0x7f {
		return fmt.Sprintf("%q (0x%02x)", tag, tag)
	}
	return fmt.Sprintf("0x%02x", tag)
}

// foreign names what is refused although it is well-formed.
var foreign = map[byte]string{
	'R':  "a regular expression",
	'r':  "an error object",
	'\\': "a host object",
	'u':  "a shared buffer",
	't':  "a transferred buffer",
	'w':  "a wasm module",
	'p':  "a shared value",
	'm':  "a wasm memory",
}
