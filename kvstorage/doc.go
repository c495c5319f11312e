// Package kvstorage is the key-value face of an object's database.
//
//	total, _, err := kvstorage.Get[int](ctx, state.KV(), "total")
//	if err != nil {
//		return err
//	}
//	return state.KV().Put(ctx, "total", total+1)
//
// # Turns
//
// Every call needs the ctx of the object's live turn, else it gives [ErrOutsideTurn]. Within
// the turn a read sees every write made before it. All writes of a turn become durable
// together, and nothing leaves the object before they are. A call does not let other events in.
//
// # Keys
//
// A key is valid UTF-8 of at most 2,048 bytes. The empty key is one, and a key may hold NUL.
// Keys are kept as they are, and sorted by their bytes, which is also the order of their code
// points.
//
// # Values
//
// A value is encoded when it is put and decoded when it is got, so a store shares no memory
// with the object. Numbers, strings with any bytes, []byte, bool, time.Time (in UTC, to the
// nanosecond, years 0 to 9999), nil, and slices, arrays, maps, structs and pointers of storable
// values can be stored. Of a struct, exported fields are stored; names and options come from
// cbor tags, else from json tags. A type with MarshalCBOR, with MarshalBinary and
// UnmarshalBinary, or with MarshalText and UnmarshalText, encodes itself. Functions, channels,
// complex numbers, and values that contain themselves or nest over 1,000 levels deep give
// [ErrInvalidValue].
//
// Read into an any, numbers come as int64 or float64, times as time.Time (the zero time as
// nil), lists as []any and maps and structs as map[string]any. An integer above the largest int64, and a map whose keys
// are no strings, need a destination of a fitting type.
//
// # Errors
//
// What the caller did wrong is one of the errors of this package, found with errors.Is, and
// then nothing was written. Any other error is a failure of the storage, after which the object
// is reset.
package kvstorage
