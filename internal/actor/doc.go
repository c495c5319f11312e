// Package actor gives one object its mailbox and its turns. It knows no storage
// and no HTTP: what a commit, a reset or a constructor is, its [Host] says.
//
// # Terms
//
// An [Event] is one piece of work for the object. A [Turn] is the part of an event
// between two waits, and the context that its code gets. A [Life] is one instance of
// the object, from its constructor to its eviction or reset. The baton is the right
// to run the object's code: the mailbox has one, and Mailbox.busy says that somebody
// holds it. A worker is a goroutine that holds the baton; a mailbox has one only while
// there is work, and [Workers] lends it.
//
// # State of an event
//
//	queued ── begins ──▶ running ── answered ──▶ done
//	   │                    └──── caller gives up ──▶ left   (goes on, answer dropped)
//	   └── caller gives up ──▶ cancelled                     (never starts)
//
// # State of a life
//
//	new ── Begin ──▶ begun ── constructor ──▶ running ◀──▶ quiet ── Leave ──▶ over
//	 └────── reset ────┴──────────┴──────────────┴───────────┴──────────────▶ over (fenced)
//
// A bare event that finds no instance runs on a life that has only begun, which is over with it.
//
// # Invariants
//
//  1. Only the holder of the baton of the current epoch runs the object's code. A reset
//     begins a new epoch and takes the baton into it, so a goroutine of an older life never
//     comes back into the mailbox.
//  2. The baton is passed on in this order: the turn of a blocked section, turns whose wait
//     is over (in order of their return), queued events (in order of arrival) (T1, T25).
//  3. A turn's context is a key to storage only while its state is live and its life not
//     over: not while it waits, not after its event, not after a reset (T2, T5).
//  4. Every event is answered exactly once, through the output gate unless the event is a
//     Run or is told its answer, storage failed or the runtime closed (T14, T18, T30). What a task made is handed
//     over or dropped, once, and never while the task runs.
//  5. Mailbox.mu guards short field access only; it is never held across user code, I/O,
//     a channel operation that can block, or a call of the Host.
//  6. The Host works on storage outside turns (Begin, Leave, Recover, a chore, exclusive
//     work, visits) for one caller at a time: a reset takes the baton at once, but its recovery waits
//     for the work under way (Mailbox.working). Leave needs no such wait: the life is over
//     before it, so nothing can reset it.
//  7. A visit (Between, Fenced) waits for the baton in a list of its own and gets it before any
//     event; only the first of the list may. While that one is a fence, events that did not
//     begin and that nobody who began can wait for stay in the queue.
//  8. A full queue refuses events, but patient ones stand outside, in order, and come in before
//     anybody else when there is room (W9).
//  8. Whenever nothing runs, waits or is held any more, Quiet is called; whoever waits for
//     that (Mailbox.idlers) looks again himself.
//
// # Failure
//
// A reset (panic, Goexit, Abort, failed commit or fsync, time limit) marks the life over
// under mu, fences it, answers its events, and lets the Host recover storage before the
// next event begins. If that takes long because an old goroutine is inside storage, waiting
// and new events are answered with ErrReset until it is done (L10). If it fails, or Begin
// does, those that wait are told, and the next event tries again. Storage that cannot be
// closed keeps the mailbox in memory: a second one would open the same files.
package actor
