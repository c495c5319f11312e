package commitlog_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/durablego/do/internal/commitlog"
)

// Replay of any file does not panic and writes nothing outside the folder.
func FuzzReplay(f *testing.F) {
	for _, fill := range []func(b *batch){
		func(b *batch) { b.Made("ns/a", make([]byte, 5000)); b.Write("ns/a", 7, []byte("text"), 9000) },
		func(b *batch) { b.Removed("../b"); b.Settled("") },
		func(b *batch) {
			b.Write("ns/a", 0, []byte("old text"), 8)
			b.Patch("ns/a", 0, []byte("old text"), []byte("new text"), 8)
		},
	} {
		var b batch
		fill(&b)
		f.Add(commitlog.Payload(&b))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		if len(payload) == 0 || len(payload) > 1<<16 {
			return
		}
		dir := newFolder(t)
		dir.root = filepath.Join(dir.root, "deep", "root")
		if err := os.MkdirAll(dir.root, 0o755); err != nil {
			t.Fatal(err)
		}
		dir.log = commitlog.New(small{dir.fs}, dir.dir())
		if err := dir.log.Append(commitlog.Raw(payload), false); err != nil {
			t.Fatal(err)
		}
		_, _ = commitlog.Replay(small{dir.fs}, dir.root, dir.dir()) // an error, or not
		names, err := dir.fs.ReadDir(filepath.Dir(dir.root))
		if err != nil || len(names) != 1 {
			t.Errorf("beside the folder there is %v, %v", names, err)
		}
	})
}
