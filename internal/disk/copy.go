package disk

import (
	"io"
	"os"
)

// Copy copies a file that nobody writes to, and gives its size. to must not exist. With sync
// the content, not the name, is durable before Copy returns nil.
func Copy(fsys FS, from, to string, sync bool) (size int64, err error) {
	f, err := fsys.Open(from, os.O_RDWR)
	if err != nil {
		return 0, err
	}
	defer f.Close() // only read
	if size, err = f.Size(); err != nil {
		return 0, err
	}
	g, err := fsys.Open(to, os.O_RDWR|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return 0, err
	}
	_, err = io.CopyBuffer(struct{ io.Writer }{io.NewOffsetWriter(g, 0)}, io.NewSectionReader(f, 0, size), make([]byte, min(size+1, 256<<10)))
	if err == nil && sync {
		err = g.Sync()
	}
	if cerr := g.Close(); err == nil {
		err = cerr
	}
	return size, err
}
