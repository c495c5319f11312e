package engine

import (
	"bytes"
	"sync"

	"github.com/durablego/do/internal/sqlite"
)

// formatVersion is the user_version of a database of this format.
const formatVersion = 1

// schema makes the tables that every object has. Names that begin with _do_ are ours.
const schema = `
CREATE TABLE _do_kv(key TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID;
CREATE TABLE _do_meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;
PRAGMA user_version=1;
`

// image gives the bytes a main file begins its life with: both tables, empty.
var image = sync.OnceValues(func() ([]byte, error) { return sqlite.Image(schema) })

// sector is what a disk writes whole or not at all, in bytes.
const sector = 512

// likeness is what a main file has in common with the image.
type likeness uint8

const (
	grown likeness = iota // a database that was changed, or no database of ours
	fresh                 // the image as it was written
	torn                  // parts of the image and zeros: a power cut came before its first sync
)

// compare tells what data, a whole file, is.
func compare(data, image []byte) likeness {
	if len(data) > len(image) {
		return grown
	}
	missing := len(data) < len(image)
	for at := 0; at < len(data); at += sector {
		end := min(at+sector, len(data))
		switch got, want := data[at:end], image[at:end]; {
		case sameSector(got, want, at):
		case allZero(got):
			missing = true
		default:
			return grown
		}
	}
	if missing {
		return torn
	}
	return fresh
}

// sameSector compares a sector of a file with the image's. In the header the versions of
// the SQLite that wrote it are left out: bytes 92 to 99.
func sameSector(got, want []byte, at int) bool {
	const low, high = 92, 100
	if at > 0 || len(got) < high {
		return bytes.Equal(got, want)
	}
	return bytes.Equal(got[:low], want[:low]) && bytes.Equal(got[high:], want[high:])
}

func allZero(p []byte) bool {
	for _, b := range p {
		if b != 0 {
			return false
		}
	}
	return true
}
