package do

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// uncleanFile tells the next Open which objects' rows in the indexes may be wrong: one path
// of a main file in a line, or an extent of a namespace or of all, and a last line. Without commit
// log it is there while a runtime has the folder; with one, from a replay to the end of the
// repair, for objects that are open when the log forgets them, and where something could not
// be closed as it should be. What it says of namespaces that are not served (L23) stays in it
// until they are.
const uncleanFile = "UNCLEAN"

const lastLine = "."

// extent is how much of a namespace is to be repaired, apart from objects that are named.
type extent int

const (
	nothing    extent = iota
	found             // what files without row, rows without file and logs beside files show
	everything        // any row may be wrong
)

// extents are the lines of the file that stand for them.
var extents = map[string]extent{"*-wal": found, "*": everything}

func (e extent) String() string {
	for line, of := range extents {
		if of == e {
			return line
		}
	}
	return ""
}

// unclean is what the file says.
type unclean struct {
	all   extent // of all namespaces
	names []string
}

// of gives what it says of one namespace.
func (u unclean) of(s *served) touched {
	t := touched{extent: u.all}
	for _, name := range u.names {
		if filepath.Dir(name) != s.identity.UniqueKey {
			continue
		}
		if id, ok := s.idOfFile(filepath.Base(name)); ok {
			t.ids = append(t.ids, id)
		}
		t.extent = max(t.extent, extents[filepath.Base(name)])
	}
	return t
}

// ofThose gives what it says of the namespaces with these unique keys.
func (u unclean) ofThose(keys map[string]bool) (names []string) {
	for key := range keys {
		if u.all != nothing {
			names = append(names, filepath.Join(key, u.all.String()))
		}
	}
	for _, name := range u.names {
		if u.all != everything && keys[filepath.Dir(name)] {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// readUnclean reads it; of one that is not whole nothing is known.
func (rt *Runtime) readUnclean() (u unclean, err error) {
	f, err := rt.fs.Open(filepath.Join(rt.dir, uncleanFile), os.O_RDWR)
	if errors.Is(err, fs.ErrNotExist) {
		return u, nil
	}
	if err != nil {
		return u, err
	}
	size, err := f.Size()
	text := make([]byte, size)
	if err == nil {
		if _, err = f.ReadAt(text, 0); errors.Is(err, io.EOF) {
			err = nil
		}
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return u, err
	}
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	if lines[len(lines)-1] != lastLine {
		return unclean{all: everything}, nil
	}
	if u.names = lines[:len(lines)-1]; len(u.names) > 0 {
		if u.all = extents[u.names[0]]; u.all != nothing {
			u.names = u.names[1:]
		}
	}
	return u, nil
}

// writeUnclean writes it, durably.
func (rt *Runtime) writeUnclean(u unclean) error { return rt.writeUncleanIn(rt.dir, u) }

func (rt *Runtime) writeUncleanIn(dir string, u unclean) error {
	lines := append(u.names[:len(u.names):len(u.names)], lastLine, "")
	if u.all != nothing {
		lines = append([]string{u.all.String()}, lines...)
	}
	path := filepath.Join(dir, uncleanFile)
	f, err := rt.fs.Open(path+partialSuffix, os.O_RDWR|os.O_CREATE)
	if err != nil {
		return err
	}
	if err = f.Truncate(0); err == nil {
		_, err = f.WriteAt([]byte(strings.Join(lines, "\n")), 0)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := rt.fs.Rename(path+partialSuffix, path); err != nil {
		return err
	}
	return rt.fs.SyncDir(dir)
}

// tidy says that of what is served there are only these to repair. Should the file come back
// after a power cut, the next Open only takes longer.
func (rt *Runtime) tidy(names []string) error {
	if names = slices.Concat(rt.unclean, names); len(names) > 0 {
		return rt.writeUnclean(unclean{names: names})
	}
	if err := rt.fs.Remove(filepath.Join(rt.dir, uncleanFile)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
