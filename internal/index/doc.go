// Package index is the list of a namespace's objects, <namespace>/metadata.sqlite: which
// objects have data, their names, sizes and times.
//
// # Terms
//
// A change says what is new about one object. It is pending until it was written, and
// unsynced until a good sync after that. The token is the right to use the connection;
// who has to wait for it waits on a channel, so that no mutex is held across I/O.
//
// # Invariants
//
//  1. A change is made in memory and waits for nothing: not for the disk, not for a reader.
//  2. Get and List see every change that was made before they began, written or not.
//  3. When Sync returns nil, every change made before it is durable. A change that is not
//     covered may be lost by an unclean stop, alone or with others: whoever knows which
//     objects were touched since the last Sync looks at their files and changes the rows
//     again. No change is written in the background more than once, and no sync is made
//     for a single one.
//  4. The truth is in the objects' files. The index can be removed while nobody has it
//     open; it is then lost (Examine), and is rebuilt from them.
//  5. There is no file before the first row, and no goroutine and no timer without a
//     pending change.
//  6. The first sector of the file is written when everything else in it is durable. So a
//     file that has the header is whole, and one without never held a row.
//
// # Failure handling
//
// Changes that could not be written stay pending and are tried again, at longer and longer
// intervals; Options.Failed hears of each failure. After a failed sync the log is cut to
// what the last good one covered, and the changes behind that are pending again. After a
// failed checkpoint the connection is closed and the log, which is durable, is read anew.
package index
