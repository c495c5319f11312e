// Package clone reads values that the reference has stored: the wire format of V8's
// structured clone, versions 13 to 15.
//
// # What becomes of a value
//
//   - null, undefined and a hole of an array: nil.
//   - a boolean: bool. A string, whatever its form on the wire: string, in UTF-8; half of a
//     surrogate pair keeps its three bytes, so that nothing is lost.
//   - a number: int64 if it is a whole one within ±(2^53 − 1) and not −0, else float64. How
//     it stands on the wire, as an integer or a double, is of no account: it depends on how
//     the program came by it.
//   - a BigInt that fits: int64. A Date: time.Time in UTC.
//   - a Boolean, Number, BigInt or String object: what it wraps.
//   - an array, dense or sparse: []any. A Set: []any in its order.
//   - a plain object, and a Map whose keys are all strings: map[string]any. Any other Map: a
//     []any of its entries, each a []any of key and value, in its order.
//   - an ArrayBuffer, a DataView, a Uint8Array, a Uint8ClampedArray: []byte. Another typed array:
//     the slice of its Go type, float64 for Float16Array.
//   - a value that stands in several places: the same Go value in each.
//
// # Invariants
//
//  1. What Read cannot say exactly it refuses: what it returns has everything that was stored, but
//     the order of names, and which of the kinds above that become one Go type it was.
//  2. Any bytes give a value or an *Error, never a panic. Memory is within a constant factor of
//     the bytes, plus maxHoles holes; nesting is bounded by maxDepth.
//  3. The value shares no memory with the bytes. It has no circles.
package clone
