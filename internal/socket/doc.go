// Package socket keeps the WebSockets of objects: connections, frames, queues, pings and the
// close handshake. It knows no object and no storage: what a message means, its [Host] says,
// and what a ticket is, the caller of [Socket.Hold]. It is the one importer of the library
// that reads and writes frames.
//
// # Terms
//
// A [Hub] is all sockets of a runtime, a [Set] those of one object, a [Socket] the server's
// end of one connection. A ticket numbers commits as in package gate; a frame waits for its
// own. A socket is parked while nobody reads from it: no goroutine, no buffer, only its
// place in the poller, which starts a reader when something came. Connections that the
// poller cannot watch keep their reader, with a buffer of a few bytes. A [Pass] is the body
// of a 101 answer: who has it gives the socket its connection.
//
// # State of a socket
//
//	accepted ── Take ──▶ open ── Close, or fault ──▶ closing ── peer's close ──▶ over
//	    │                  │ └── peer's close ──▶ answering ── close written ──▶ ┘ │
//	    └──────────────────┴───────── connection lost, time limit ─────────────────┘
//
// # Invariants
//
//  1. Exactly one last event, Host.Closed or Host.Failed, for each socket, unless it is
//     dropped or its Set closes it (W8, W19). After it no message.
//  2. At most one message of a socket is with the Host: the next is read after Socket.Next (W9).
//  3. Frames leave in the order in which they were held; one leaves only when its ticket was
//     released. Pongs, pings and automatic responses overtake frames that are held (T20).
//  4. Nothing follows a close frame.
//  5. One goroutine at a time writes, one at a time reads; Socket.mu is held across neither.
//     Locks in this order: Set.mu, Hub.mu, Socket.mu; poller.mu is the innermost. The Host is
//     called without any.
//  6. What a peer makes us keep is bounded before it is kept: a message by MaxMessage, however
//     it is fragmented or compressed, and with no more room than twice what came; what we owe
//     it by MaxQueued; its silence by twice the ping interval; a handshake by 30 s.
//
// # Failure
//
// A read or write that fails loses the connection: Host.Closed with 1006. A violation of the
// protocol is answered with a close frame, and the Host hears of it by Failed. Nothing here
// resets an object.
package socket
