package sqlite

import (
	"fmt"
	"os"

	"github.com/durablego/do/internal/disk"
)

// Image gives the bytes of a new database file in WAL mode with 4,096-byte pages, after
// the statements in schema (which may also set user_version). Written to a file it is
// ready for [Open]: no journal is needed to make a database.
func Image(schema string) ([]byte, error) {
	const name = "image"
	fs := disk.Mem()
	f, err := fs.Open(name, os.O_RDWR|os.O_CREATE)
	if err != nil {
		return nil, err
	}
	c, err := Open(name, Options{FS: fs})
	if err != nil {
		return nil, err
	}
	err = c.Exec("PRAGMA page_size=4096;" + schema)
	if cerr := c.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return nil, err
	}
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	if size == 0 {
		return nil, fmt.Errorf("sqlite: the schema makes nothing")
	}
	image := make([]byte, size)
	if _, err := f.ReadAt(image, 0); err != nil {
		return nil, err
	}
	// The file format's read and write versions: 2 is WAL. Setting them is all that
	// PRAGMA journal_mode=WAL does to a file.
	image[18], image[19] = 2, 2
	return image, nil
}
