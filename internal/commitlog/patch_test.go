package commitlog_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/durablego/do/internal/commitlog"
)

// Pages are logged whole or as what has changed in them, segments are dropped when what they say is
// durable in the file; and whatever mixture of its later versions a power cut leaves of each sector
// of the file, a replay gives the last version (invariant 2).
func TestPatches(t *testing.T) {
	const pages, pageSize, sector = 3, 4096, 512
	for seed := range uint64(30) {
		rng := rand.New(rand.NewPCG(seed, 0))
		f := newFolder(t)
		now := bytes.Repeat([]byte{byte(seed % 4 * 85)}, pages*pageSize) // zeros, every other bit, all
		versions := [][]byte{bytes.Clone(now)}                           // since the file was last durable; the first is durable
		f.write("a", string(now))
		known := [pages]bool{} // it has been logged, so that a patch may follow
		for range 60 {
			n := rng.IntN(pages)
			page := now[n*pageSize : (n+1)*pageSize]
			old := bytes.Clone(page)
			for range rng.IntN(4) {
				at := rng.IntN(pageSize)
				for i := at; i < min(at+1+rng.IntN(1<<rng.IntN(12)), pageSize); i++ {
					page[i] = []byte{0, 1, 2, 0xFF}[rng.IntN(4)]
				}
			}
			f.add(func(b *batch) {
				if known[n] && rng.IntN(5) > 0 {
					b.Patch("a", int64(n*pageSize), old, page, 0)
				} else {
					b.Write("a", int64(n*pageSize), page, int64(len(now)))
				}
			})
			known[n] = true
			versions = append(versions, bytes.Clone(now))
			if rng.IntN(12) > 0 {
				continue
			}
			if err := f.log.Drop(f.log.Rotate()); err != nil { // all of it is durable
				t.Fatal(err)
			}
			versions = versions[len(versions)-1:]
		}
		for cut := range 5 {
			left := make([]byte, len(now))
			for at := 0; at < len(left); at += sector {
				copy(left[at:at+sector], versions[rng.IntN(len(versions))][at:])
			}
			f.write("a", string(left))
			if len(versions) > 1 || cut == 0 {
				f.replay()
			}
			got, err := os.ReadFile(filepath.Join(f.root, "a"))
			if err != nil || !bytes.Equal(got, now) {
				t.Fatalf("seed %d, power cut %d: it is not the last version, %v", seed, cut, err)
			}
		}
	}
}

// A patch says little, and a batch of it is as long as it says.
func TestPatchSize(t *testing.T) {
	page := make([]byte, 4096)
	for i := range page {
		page[i] = byte(i*7 + i/256)
	}
	for name, change := range map[string]func(p []byte){
		"nothing":        func([]byte) {},
		"a byte":         func(p []byte) { p[1000]++ },
		"the first byte": func(p []byte) { p[0]++ },
		"the last byte":  func(p []byte) { p[4095]++ },
		"both ends":      func(p []byte) { p[0]++; p[4095]++ },
		"a word":         func(p []byte) { copy(p[40:], "12345678") },
	} {
		next := bytes.Clone(page)
		change(next)
		var b commitlog.Batch
		b.Patch("a", 0, page, next, 0)
		if b.Len() > 60 {
			t.Errorf("%s: %d bytes", name, b.Len())
		}
		f := newFolder(t)
		f.write("a", string(page))
		if err := f.log.Append(&b, false); err != nil {
			t.Fatal(err)
		}
		f.replay()
		f.want("a", string(next))
	}
}
