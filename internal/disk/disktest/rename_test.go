package disktest_test

import (
	"path/filepath"
	"testing"
)

func TestRecorderRename(t *testing.T) {
	r := newRecording(t)
	path := func(name string) string { return filepath.Join(r.root, name) }
	r.do(write(r.open("new"), "new content", 0), r.Rename(path("new"), path("old")))
	r.expect("new", missing, missing, "", "new content")
	r.expect("old", "old content", "old content", "", "new content") // the name, not yet what it means
	r.do(r.open("old").Sync())
	r.expect("old", "old content", "old content", "new content")
	r.do(r.SyncDir(r.root))
	r.expect("new", missing, missing)
	r.expect("old", "new content", "new content")

	r.do(r.MkdirAll(path("a")), write(r.open("a/file"), "x", 0), r.open("a/file").Sync(), r.SyncDir(path("a")))
	r.do(r.Rename(path("a"), path("b")))
	r.expect("b/file", missing, missing, "x")
	r.do(r.SyncDir(r.root))
	r.expect("b/file", "x", "x")
	r.expect("a/file", missing, missing)
}
