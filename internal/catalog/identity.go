package catalog

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/doerr"
)

// IdentityFile is the name of the copy of its identity in a namespace's folder (P1).
const IdentityFile = "IDENTITY"

// partialSuffix is that of a copy which is not in its place yet.
const partialSuffix = ".partial"

// The file begins with its kind and the number of its format.
const (
	identityKind   = "durable objects namespace "
	identityFormat = identityKind + "1\n"
)

const lastLine = "."

// text is what the file says.
func (n Namespace) text() string {
	var b strings.Builder
	b.WriteString(identityFormat)
	for _, f := range n.fields() {
		fmt.Fprintf(&b, "%s %q\n", f.name, *f.value)
	}
	return b.String() + lastLine + "\n"
}

type field struct {
	name  string
	value *string
}

func (n *Namespace) fields() []field {
	return []field{{"key", &n.UniqueKey}, {"environment", &n.Environment}, {"script", &n.Script},
		{"id", &n.StableID}, {"class", &n.Class}, {"binding", &n.Binding}}
}

// parseIdentity reads such a text; false if it is not whole, or not of this format.
func parseIdentity(text string) (n Namespace, ok bool) {
	text, ok = strings.CutPrefix(text, identityFormat)
	if !ok {
		return n, false
	}
	for _, f := range n.fields() {
		line, rest, _ := strings.Cut(text, "\n")
		quoted, found := strings.CutPrefix(line, f.name+" ")
		value, err := strconv.Unquote(quoted)
		if !found || err != nil {
			return Namespace{}, false
		}
		*f.value, text = value, rest
	}
	return n, text == lastLine+"\n"
}

// WriteIdentity puts the copy into the folder of a namespace, which must exist, wholly or
// not at all, and durably but for the folder's own name. If it is there nothing is written.
func WriteIdentity(fsys disk.FS, folder string, n Namespace) error {
	if is, ok, err := readIdentity(fsys, folder); err != nil || ok && is == n {
		return err
	}
	path := filepath.Join(folder, IdentityFile)
	f, err := fsys.Open(path+partialSuffix, os.O_RDWR|os.O_CREATE)
	if err != nil {
		return err
	}
	if err = f.Truncate(0); err == nil {
		_, err = f.WriteAt([]byte(n.text()), 0)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := fsys.Rename(path+partialSuffix, path); err != nil {
		return err
	}
	return fsys.SyncDir(folder)
}

// readIdentity reads the copy in a folder; false if there is none that can be read.
func readIdentity(fsys disk.FS, folder string) (n Namespace, ok bool, err error) {
	text, err := readFile(fsys, filepath.Join(folder, IdentityFile))
	if errors.Is(err, fs.ErrNotExist) {
		return n, false, nil
	}
	if err != nil {
		return n, false, err
	}
	n, ok = parseIdentity(string(text))
	if first, _, _ := strings.Cut(string(text), "\n"); !ok && strings.HasPrefix(first, identityKind) && first != identityKind+"1" {
		return n, false, fmt.Errorf("%w: %s of folder %s is a %q", doerr.ErrNewerFormat, IdentityFile, folder, first)
	}
	return n, ok, nil
}

func readFile(fsys disk.FS, path string) ([]byte, error) {
	f, err := fsys.Open(path, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close() // only read
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	b := make([]byte, size)
	if n, err := f.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	} else {
		return b[:n], nil
	}
}
