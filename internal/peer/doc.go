// Package peer carries operations on objects from one process to another: the host, which owns
// the objects, and the caller. It knows no object: what an operation does, the functions in
// [HostOptions] say.
//
// # Terms
//
// A caller and a host are scripts, known to each other by name and a shared secret. A request
// is one POST: an envelope of headers, and a body that holds the head of the original HTTP
// request (its headers, mostly) and the content. An answer is status 200 and a sequence of
// frames, or a 101 that makes the connection a link: raw bytes of a WebSocket, both ways.
//
// # On the wire
//
// Envelope: the headers of fields, in that order, each once and at most 64 KiB; texts are
// percent-escaped, the name of the object is base64, digests and nonce are hex. Do-Signature is
// HMAC-SHA-256 of the canonical text: the version, then a line "name:value" for each field as
// it was sent. Request body: the length of the head (4 bytes, big-endian), head, content.
// Do-Head-Digest and Do-Body-Digest are SHA-256 of the head and of the whole body.
//
// Answer: frames of a kind (1 byte), a length (4 bytes, big-endian) and so many bytes. A call
// is answered by a result or a failure; a fetch by a failure, or by a head, data as it comes,
// and an end, which holds trailers or the failure of the body. What ends without an end was cut
// off. Heads, ends and failures are in the encoding of package codec. A 101 has its head, base64,
// in Do-Answer.
//
// # Invariants
//
//  1. Nothing of a request is looked at, its body not even read, before its caller, time,
//     signature and nonce were checked, in this order (B6).
//  2. A request is sent a second time only if no byte of the first was handed to a connection,
//     or if the host said that it was closing and did not start it (B15). net/http's transport
//     never repeats one: it is a POST with a body that cannot be read twice.
//  3. What a peer makes us keep is bounded before it is kept: fields, heads, failures, frames,
//     nonces, bodies and results.
//  4. The end of the caller's context closes its connection, as long as the head of the answer
//     has not come; after that Close of the body does.
//
// # Failure
//
// Every error of a [Client] is a [Failure], or that of the caller's context.
package peer
