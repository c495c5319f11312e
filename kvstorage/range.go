package kvstorage

import (
	"fmt"

	"github.com/durablego/do/internal/engine"
)

// check finds options that contradict each other (K17, K21).
func (o ListOptions) check() error {
	if o.Start != "" && o.StartAfter != "" {
		return fmt.Errorf("%w: Start and StartAfter together", ErrInvalidOptions)
	}
	if o.Limit < 0 {
		return fmt.Errorf("%w: Limit is negative", ErrInvalidOptions)
	}
	return nil
}

// rangeOf gives the keys that o selects: lo ≤ key < hi, compared as bytes (K14 to K20). A range
// whose lo is not below its hi is empty (K22).
func rangeOf(o ListOptions) engine.Range {
	r := engine.Range{Lo: o.Start, Reverse: o.Reverse}
	if o.StartAfter != "" {
		r.Lo = o.StartAfter + "\x00" // no key is between the two
	}
	r.Lo = max(r.Lo, o.Prefix)
	r.Hi, r.HasHi = successor(o.Prefix)
	if o.End != "" && (!r.HasHi || o.End < r.Hi) {
		r.Hi, r.HasHi = o.End, true
	}
	return r
}

// successor gives the least string above all strings that begin with prefix, false if there is
// none (K15). It need not be valid UTF-8.
func successor(prefix string) (string, bool) {
	for last := len(prefix) - 1; last >= 0; last-- {
		if c := prefix[last]; c < 0xff {
			return prefix[:last] + string([]byte{c + 1}), true
		}
	}
	return "", false
}
