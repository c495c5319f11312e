// Package sqlstorage is the SQL face of an object's database.
//
// In this version it holds the error that every face gives when SQLite refuses or fails.
package sqlstorage

import "github.com/durablego/do/internal/sqlite"

// Error is a failure that SQLite reports: a corrupt file, a full disk, a limit, a
// constraint. Find it with errors.As. Its fields are:
//
//	Code     string // SQLite's name of the primary result code, such as "SQLITE_CORRUPT"
//	Extended string // of the extended one, such as "SQLITE_IOERR_WRITE"
//	Offset   int    // byte of the SQL text at which it was found, or -1
//	Err      error  // the error of the disk below, if there was one
//
// Its text never holds stored or bound values (S7).
type Error = sqlite.Error
