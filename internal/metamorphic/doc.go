// Package metamorphic holds random histories as tests; it has no code to import.
//
// A history is a list of steps, drawn from a seed; a step is an event of one of three objects: a tree of operations on keys, a table,
// transactions, blocked sections, waits, calls to other objects, and failures. The same history runs in every mode (how durable, and what
// happens to the objects after each step: nothing, eviction, restart, power cut) beside a model that is plain Go and knows neither SQLite
// nor turns. What each operation gave must be what the model says, in every mode, and so must be what is found at the end.
//
// A history that fails is printed with its seed, and shrunk to the few operations that still fail.
//
//   - Steps run one after the other, and so do the operations of a step: what its parts may do to each other depends on waits alone. So
//     every result is one text, and all modes have the same one.
//   - A frame is a piece of user code with a turn: an event, or State.Run. Frames call each other, so that they make a chain.
//   - A frame resets its object only if no other object's frame stands between it and the first frame of its object in the chain: one that
//     does would lose its caller while it works, and hears of that at some moment of its waits (T9).
package metamorphic
