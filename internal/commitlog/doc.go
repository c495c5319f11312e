// Package commitlog is the log that all databases of a folder share: one write and one
// sync make the commits of many databases durable.
//
// # Terms
//
// An object has a main file. A record says something of one object: bytes of its main file,
// and how long that is then; that the file was made, and as what; that everything before is
// durable in it (a barrier); that it is gone (a barrier, too). A batch is what is written and
// synced at once. A segment is one file of the log.
//
// # Invariants
//
//  1. A batch counts as a whole or not at all: it carries a checksum over its bytes, its
//     number and the salt of its segment, so that neither a torn one nor one of the file's
//     former life is taken for good.
//  2. Replay does, object by object, what the records since its last barrier say, in their
//     order. Doing it twice is doing it once; so is doing it to files of which any part was
//     written later, as long as what was written is in the log as well.
//  3. A segment may be dropped when everything it says is durable in the files. Segments
//     are dropped in order.
//  4. A batch is begun when all before it are durable. So one that is not good, with a good
//     one behind it, was damaged later: then what the files have cannot be told, and Replay
//     touches nothing.
//  5. After a failed write or sync the log takes no batch any more. Whether the failed one
//     counts is open; a new log may only begin when this one was removed.
//
// # Format, version 2
//
// Numbers are little-endian. A segment begins with a header of 64 bytes: magic, version,
// number, salt, how many batches the one before it has, CRC-32C; batches follow from 4,096 on, back to back: length of the payload
// (8 bytes), number in the segment from 1 (8), payload, CRC-32C over salt and all of this
// (4). What is no such batch ends the segment. A record is its kind (1 byte), the length of the
// name (uvarint), the name of the main file below the data folder, and what its kind
// needs, see record.go.
package commitlog
