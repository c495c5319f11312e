// Package durable makes commits durable and opens their tickets. It is the seam behind
// which a replicated log can take the place of fsync.
//
// # Job
//
// An object's database commits into its write-ahead log without any fsync on the calling
// goroutine, takes a ticket from the gate and announces the commit to its Log. The Log
// makes it durable in its own time and opens the ticket. There are three Openers: Shared,
// one log for all objects of a folder, which runtimes use; Fsync, which syncs the files of
// each object; Relaxed, which promises nothing against a power cut.
//
// # Terms
//
// An Opener makes one Log for each opening of a database. A Target is what the Log can
// ask of that database: make everything written so far durable. A Commit names a ticket
// and the length of the write-ahead log, in frames of its present generation, after it.
//
// Of Shared: a batch is what one write and one sync of the shared log cover. A segment is
// one file of that log. To place a segment is to make durable, in the files of the objects
// themselves, what it says; then it is dropped. A doubt is about an object whose own sync is
// under way or failed, or whose files have yet to be removed. The log is ruined when files
// it no longer holds all of cannot be trusted: everybody leaves, and it is replayed.
//
// # Invariants of all Logs
//
//  1. A good sync covers exactly the commits announced before it began (T13).
//  2. At most one sync of one Log runs at a time. A goroutine exists only while there is
//     something to sync.
//  3. After a failed or timed-out sync a Log that waited for it is dead: it never syncs
//     again (T15), breaks every pending ticket of the gate and every ticket announced
//     later, and reports the failure once.
//  4. Durable stays at the last commit a good sync covered, so that the owner can cut the
//     write-ahead log back to it. The late success of a sync that timed out changes
//     nothing.
//  5. When Close has returned, the Log calls neither Target nor the gate nor failed. A Log of
//     Shared calls failed, again perhaps, when the log is ruined, until Journal.Closed.
//
// # Invariants of Shared
//
//  6. The shared log has every commit whose ticket is open and that may not be durable in its
//     object's main file. So after a power cut a replay, before anything else touches the files,
//     brings back all that was answered. What is in a main file is in the log first.
//  7. Nothing is appended after a failed batch: what the log says is placed first, the log
//     removed, and a new one begun. What was marked meanwhile is not lost by that, as it
//     speaks of what is durable then.
//  8. A segment is dropped only when what it says was written to its objects' main files, by
//     WriteBack or before they left, these were synced after that, and none of them is in doubt,
//     before that sync and after it: an error of the system may have been told to another sync of
//     the same file.
//  9. A removal that was announced is kept until the files are gone, and while they have
//     yet to go nobody writes to them.
//  10. A replay runs alone: Enter waits for it, and it waits for those who have entered.
//     Batches whose tickets broke are cut off before it begins.
//  11. What commits is written by one goroutine, in the order in which batches gathered;
//     complete segments are placed by another, in their order. Beyond three complete
//     segments batches wait.
//
// The sync of a batch of several commits is left to the kernel (disk.SyncAside): others are at work
// then, and a thread in fdatasync would keep a processor of Go's from them.
//
// # Failure handling
//
// Every failure is a *SyncError; Timeout tells a sync that took too long (T16) from one
// the system refused. What to do about it is the owner's decision: package engine cuts
// the write-ahead log, has the journal forget what was cut off, and reopens the database.
// Shared tells of a failed batch exactly those who waited for it; of files that could not
// be placed, everybody.
package durable
