// Package gate holds back what an object says until what it wrote is durable.
//
// # Terms
//
// A ticket is the number of a commit: 1, 2, … in the order of the commits of one
// object. Ticket 0 stands for "nothing was ever committed" and is always open. A ticket
// is open when its commit and all before it are durable, broken when they were given
// up, and pending until one of the two happens. An output waits for the newest ticket
// taken before it (T14).
//
// # Invariants
//
//  1. Tickets are settled in order: no ticket opens or breaks while an older one is
//     pending.
//  2. A settled ticket never changes: what was broken stays broken, for callers that
//     come late as well, and a later Open never reaches back over it (T34.8).
//  3. Waiters are released in the order of their tickets, and of their registration
//     within one ticket, once each, and never under the gate's lock.
//  4. No commit is pending that nobody will settle: that is the duty of the log that was
//     told of the commit (package durable), not of the gate.
//
// # Failure handling
//
// Break fails every pending ticket. Numbering goes on, and the next ticket is fresh: the
// object can be built anew behind the same gate. The failed ranges are remembered; when
// there are many, the oldest are merged, which can only turn a very late answer about a
// very old ticket from "open" into "broken", never the other way round.
package gate
