// Package codec turns Go values into the bytes that the store keeps and that typed calls copy,
// and back. Rules K4 to K8 and F3.
//
// # Terms
//
// The format is deterministic CBOR (RFC 8949, section 4.2.1), written and read by
// fxamacker/cbor. Two liberties keep values exact (K5): a NaN keeps its 64 bits, and a string
// its bytes, valid UTF-8 or not. The walk is the look at a value before it is encoded (K6). Plain
// are the types whose values are copied by assignment (F3).
//
// # How types are stored
//
//   - nil, nil pointers, nil slices and nil maps: null. An empty slice or map stays empty.
//   - time.Time: its instant in UTC, years 0 to 9999; the zero time as null, so in a pointer or
//     an any it comes back as nil.
//   - structs: the exported fields, by the rules and options of encoding/json. A cbor tag wins
//     over a json tag; it also knows keyasint and toarray.
//   - maps: keys of any type that encodes. A key that is stored as null, and two keys with one
//     encoding, are refused.
//   - a type with MarshalCBOR: what that writes. Else one with MarshalBinary: a byte string. Else
//     one with MarshalText: a string.
//   - types that are or hold functions, channels, complex numbers, uintptr or unsafe pointers:
//     refused, also where nothing is in them.
//
// Decoding is forgiving where encoding/json is: unknown fields are skipped, names match without
// regard to case if there is no exact match, integers fit into floats, times into strings and
// string keys, arrays of other lengths are cut or filled.
//
// # Invariants
//
//  1. Encode and Decode never overflow the stack: the walk ends every cycle.
//  2. Encode stops early where few bytes of memory stand for many encoded ones: shared parts, and
//     elements without size. Otherwise the limit is checked when all is encoded.
//  3. What Encode writes, Decode reads into the same type. This can be broken by: types that
//     marshal but do not unmarshal, or not symmetrically; fields whose type is an interface with
//     methods; fields embedded by a pointer to an unexported type; map keys of interface type
//     that hold an array or a struct.
//  4. The destination of Decode changes only by one assignment of a fresh value, when all went well.
//  5. Nothing returned shares memory with what was passed in, but for plain values.
//
// # Failure
//
// Every error is doerr.ErrInvalidValue or doerr.ErrValueTooLarge with a reason that names types,
// never values. An error of a user's own method can be found with errors.Is. Its panic passes
// through.
//
// All functions may be called concurrently.
package codec
