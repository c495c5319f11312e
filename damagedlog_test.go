package do_test

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/durablego/do"
)

// folderContents reads all files below dir.
func folderContents(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	contents := map[string][]byte{}
	wantNil(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			contents[path], err = os.ReadFile(path)
		}
		return err
	}))
	return contents
}

// TestDamagedLog: a commit log that the medium has spoiled, or that a newer version wrote, is
// refused by Open, and no file is changed; what is torn at its end is none of that.
func TestDamagedLog(t *testing.T) {
	const adds = 5
	served, crashed := t.TempDir(), filepath.Join(t.TempDir(), "crashed")
	rt, err := do.Open(boxesIn(served))
	wantNil(t, err)
	for i := range adds {
		wantAdd(t, rt.Namespace("BOX").GetByName("a"), 1, i+1)
	}
	wantNil(t, os.CopyFS(crashed, os.DirFS(served)))
	closeNow(t, rt)
	const first, header, footer = 4096, 16, 4 // see package commitlog
	path := filepath.Join(crashed, "commits", "1.log")
	log, err := os.ReadFile(path)
	wantNil(t, err)
	var batches []int64
	for at := int64(first); ; {
		n := int64(binary.LittleEndian.Uint64(log[at:]))
		if n == 0 {
			break
		}
		batches = append(batches, at)
		at += header + n + footer
	}
	if len(batches) < adds {
		t.Fatalf("%d batches in the log", len(batches))
	}
	last := len(batches) - 1
	for _, c := range []struct {
		name  string
		at    int64
		err   error
		total int // that is kept, if there is no error
	}{
		{"the version", 8, do.ErrNewerFormat, 0},
		{"the first commit", batches[0] + header, do.ErrDamagedLog, 0},
		{"a length", batches[2], do.ErrDamagedLog, 0},
		{"a number", batches[2] + 8, do.ErrDamagedLog, 0},
		{"the last but one", batches[last-1] + header, do.ErrDamagedLog, 0},
		{"the last", batches[last] + header, nil, adds - 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			wantNil(t, os.CopyFS(dir, os.DirFS(crashed)))
			spoiled := bytes.Clone(log)
			spoiled[c.at]++
			if c.at < first { // the header has a checksum of its own
				binary.LittleEndian.PutUint32(spoiled[60:], crc32.Checksum(spoiled[:60], crc32.MakeTable(crc32.Castagnoli)))
			}
			wantNil(t, os.WriteFile(filepath.Join(dir, "commits", "1.log"), spoiled, 0o644))
			before := folderContents(t, dir)
			rt, err := do.Open(boxesIn(dir))
			wantErr(t, "Open", err, c.err)
			if err == nil {
				wantTotal(t, rt.Namespace("BOX").GetByName("a"), c.total)
				closeNow(t, rt)
				return
			}
			after := folderContents(t, dir)
			for path, content := range before {
				if !bytes.Equal(content, after[path]) && filepath.Base(path) != "LOCK" {
					t.Errorf("%s was changed", path)
				}
			}
			// As it is said of ErrDamagedLog.
			wantNil(t, os.RemoveAll(filepath.Join(dir, "commits")))
			rt, err = do.Open(boxesIn(dir))
			wantNil(t, err)
			closeNow(t, rt)
		})
	}
}
