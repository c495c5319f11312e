// Package engine is the database of one object: turns on one connection, commits with
// tickets, recovery after failures.
//
// # Terms
//
// A DB lives as long as the object's cell, whether or not its files exist and its
// connection is open. A Session is the DB as one instance of the object sees it. The
// implicit transaction begins with the first write since the last commit point and ends
// with Session.Commit or Session.Rollback. A level is one Session.Transaction that
// runs, or a Tx that is open.
// The DB is broken from a failure until Recover has dealt with it.
//
// # Invariants
//
//  1. One call at a time touches the connection: whoever holds DB.lock. The lock is never
//     held while code of the user runs, and who waits for it waits on a channel.
//  2. A fenced session changes nothing: the fence is checked after the lock was taken, and
//     Recover takes the same lock (L10).
//  3. A commit is a COMMIT into the write-ahead log without any fsync, with a journal without any
//     I/O; its ticket is taken and announced before Commit returns (T13, T14). No frames, no ticket.
//  4. Nothing is on disk before the first write (L16), and reads before it cost one Stat in
//     all. The object's files are nobody else's while the DB lives.
//  5. A file that is opened holds no frames whose durability is unknown: a write-ahead log
//     that a crash left behind is synced, checkpointed and emptied before first use, so
//     that what is read may be said.
//  6. Bytes a failed fsync should have covered are never synced again in hope (T15): they
//     are cut off (the log), written anew (a recovered log, or by the journal's replay, which
//     Doubt asks for) or removed with their file.
//  7. A write-ahead log that is a file has lost its header, durably, before anything is committed after
//     a checkpoint (T16): frames count only behind a header with their salts, so old ones
//     never mix with new ones. A log of zero bytes found at opening is removed rather than
//     trusted to be durably empty.
//  8. A ticket of a new database opens only when main file, log and folder are durable, or
//     the journal has the making of the main file with the commit. So a main file that is
//     torn never carried an open ticket and counts as absent.
//  9. A main file is made only after the removal of older files of the object is durable,
//     in the folder or in the journal, so that no log of one can meet the main file of another.
//  10. With a journal the main file gets pages of commits only that are durable in the journal: by
//     checkpoints, when everything is, by WriteBack, and by Recover. So whatever part of them a
//     power cut takes, the journal has all. One of these three at a time does so (DB.files), and
//     until the connection is closed WriteBack finds every durable commit that the file lacks.
//  11. With a journal, files are touched between Enter and Leave only, but for removals, which it
//     was told of. Whoever syncs them tells it first (Syncing), and afterwards how that ended.
//
// # The journal
//
// An Opener that is a durable.Journal keeps the commits of all objects in one log. Then the
// write-ahead log of an object is in memory, and no file of it is synced by its commits. A
// checkpoint, and Close, copy that log into the main file and sync nothing. When the journal is
// about to forget something it asks for the rest by WriteBack and syncs the files itself. A log
// file that a runtime without journal left is checkpointed, durably, before the object is used.
//
// # Files
//
// The main file starts as an image, written at once: a database in WAL mode with both
// tables, empty. It is torn if every sector is the image's or zero, but not all are the
// image's. Any change SQLite makes to such a small file breaks that pattern, and a
// checkpoint, which makes those changes, comes after the first sync; with a journal, whose
// replay makes the whole file anew, after that has its making. A file that looks
// like the image is synced again with the first commit; it costs little, and whether the
// process before this one did so cannot be known.
//
// # Takeover
//
// With Options.Foreign a file whose format is 0, as the reference's is, is converted at its first
// opening: a copy of it and its log is, elsewhere; the original gets its log folded in and is
// copied to its .orig; then the converted file is renamed into its place. The main file's name
// always means one of the two, whole, and the log beside it is its own. What cannot be converted
// is found before the first write. No .orig is ever read. A name whose SyncDir failed is used
// only after another one has worked (Folder.Settle).
//
// # Failure handling
//
// What SQLite itself ended, a commit or checkpoint that failed, and an fsync that failed
// break the DB: every call of the session gives that error (S57) until Recover. Recover
// fences the session, interrupts its statement and waits for it. If the connection can be
// trusted the transaction is rolled back and nothing else happens: commits that are not
// durable yet stay pending and open later. Else everything announced is synced first, if
// the log still lives; then the write-ahead log is cut to what the last good fsync covered, or what
// it covered is written to the main file and synced there, the connection closed, and the next use
// opens it anew. Recover can be called again when it fails; until it succeeds the DB stays broken.
//
// After a failed fsync the newest ticket is a broken one, and an instance that only reads
// would wait for it in vain: Recover takes one more and opens it.
package engine
