// Package sqlite is one connection to one SQLite database. It is the only importer of
// modernc.org/sqlite, and uses that library below its driver: the driver has no
// statement tail, no read-only flag, no WAL hook, and no say about memory and files.
//
// # Terms
//
//   - main file: the database itself. log: the write-ahead log, <path>-wal.
//   - frame: one page in the log with its 24-byte header; a commit ends with a marked frame.
//   - checkpoint: copying the log's frames into the main file.
//   - handle: an integer that stands for a Go value in C memory (handle.go).
//   - thread: what a C function needs to run (capi.go); taken from a pool for each call.
//
// # Files
//
// SQLite reaches files only through the VFS in vfs.go and vfsfile.go, which is written
// in Go on [disk.FS]: that is where tests inject faults and cut the power, and it gives
// us the very file handles for fsyncs of our own. It grants every lock. Whoever opens
// a database keeps others away: other processes by the LOCK in the data folder, this
// process by opening a path once. SQL reaches no other file: ATTACH and VACUUM INTO of a
// name fail. Temporary files are in memory.
//
// # Invariants of a connection with Options.WAL
//
//  1. No commit syncs anything. When COMMIT returns, its frames are in the log, in one
//     write each; nothing is held back in memory.
//  2. The main file is written by Checkpoint, in this order: sync the log, write
//     pages, sync the main file, clear the log's header, sync the log. So a log is never
//     restarted in place (T16). Before Close there is Backfill, which leaves the log.
//  3. Nothing is checkpointed at Close, so that frames which are not to be trusted
//     never reach the main file (T15). After CutWAL nothing is written at all.
//  4. Locking is exclusive from the first access on, so the wal-index is on the heap
//     and there is no shared-memory file.
//  5. Reading makes no file: the log is made by the first write to it.
//  6. With Options.LogInMemory COMMIT reaches no file at all. TakeCommits gives every page of
//     every commit once, in order; its bytes do not change before the next Checkpoint or Close.
//     Checkpoint and WriteBack write the main file, and sync nothing. What is very much is in a
//     file without a name.
//
// Without Options.WAL there is a rollback journal, and a commit that has returned is
// durable, the folder included.
//
// # Memory
//
// All of SQLite's memory is outside the Go heap. Per connection it is one block of
// 32 KB for the wal-index, the cached pages, two buffers of a page, and some 20 KB of
// schema, functions and statements. There is no lookaside, and the page cache is our
// own (pagecache.go). These settings are the whole process's (library.go).
//
// # Failures
//
// Every error of SQLite is an [*Error] with the names of its codes; if the disk was the
// cause, Unwrap gives the disk's error. After an I/O error or a full disk SQLite may have
// ended the transaction: [Conn.InTransaction] tells. A statement that failed can be
// reset and used again.
package sqlite
