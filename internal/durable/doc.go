// Package durable makes commits durable and opens their tickets. It is the seam behind
// which a replicated log can take the place of fsync.
//
// # Job
//
// An object's database commits into its write-ahead log without any fsync on the calling
// goroutine, takes a ticket from the gate and announces the commit to its Log. The Log
// makes it durable in its own time and opens the ticket.
//
// # Terms
//
// An Opener makes one Log for each opening of a database. A Target is what the Log can
// ask of that database: make everything written so far durable. A Commit names a ticket
// and the length of the write-ahead log, in frames of its present generation, after it.
//
// # Invariants
//
//  1. A good sync covers exactly the commits announced before it began (T13): Fsync reads
//     the newest commit before it calls Target.Sync, never after.
//  2. At most one sync of one Log runs at a time. A goroutine exists only while there is
//     something to sync.
//  3. After a failed or timed-out sync the Log is dead: it never syncs again (T15), breaks
//     every pending ticket of the gate and every ticket announced later, and reports the
//     failure once.
//  4. Durable stays at the last commit a good sync covered, so that the owner can cut the
//     write-ahead log back to it. The late success of a sync that timed out changes
//     nothing.
//  5. When Close has returned, the Log calls neither Target nor the gate nor failed.
//  6. Logs that wait at the same time may be synced together, by one sync of the whole file
//     system, which covers what was written before it began. It is not tried again after
//     it failed once, as its error need not be about those that waited for it.
//
// # Failure handling
//
// Every failure is a *SyncError; Timeout tells a sync that took too long (T16) from one
// the system refused. What to do about it is the owner's decision: package engine cuts
// the write-ahead log and reopens the database.
package durable
