package engine

import (
	"os"

	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/sqlite"
)

// user gives the connection that a statement of the session's runs on, with the flags the
// session has set: the object's, or while it has no files one to an empty database in
// memory (S19). REQUIRES: lock held.
func (s *Session) user() (*texts, error) {
	d := s.d
	exists, err := d.reading()
	if err != nil {
		return nil, err
	}
	var x *texts
	if exists {
		if d.db.texts == nil {
			d.db.texts = newTexts(d.db.conn)
		}
		x = d.db.texts
	} else {
		if d.void == nil {
			conn, err := openVoid(d.o)
			if err != nil {
				return nil, err
			}
			d.void = newTexts(conn)
		}
		x = d.void
	}
	if x.flags != s.flags {
		d.parkScans() // a flag is for statements that begin after it
		if err := x.apply(s.flags); err != nil {
			return nil, err
		}
	}
	return x, nil
}

// openVoid opens the image, in memory.
func openVoid(o Options) (*sqlite.Conn, error) {
	const path = "void"
	data, err := image()
	if err != nil {
		return nil, err
	}
	fs := disk.Mem()
	f, err := fs.Open(path, os.O_RDWR|os.O_CREATE)
	if err != nil {
		return nil, err
	}
	if _, err = f.WriteAt(data, 0); err != nil {
		return nil, err
	}
	return sqlite.Open(path, sqlite.Options{FS: fs, MaxRowBytes: o.MaxRowBytes, MaxParameters: o.MaxParameters, WAL: true})
}

// endStatements ends what the session's statements of users have open: S10. REQUIRES:
// lock held.
func (d *DB) endStatements() {
	d.endCursors(0)
	if d.void != nil {
		_ = d.void.conn.Close() // memory only
		d.void = nil
	}
}
