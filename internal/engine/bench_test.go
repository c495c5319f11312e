package engine_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/durable"
	"github.com/durablego/do/internal/engine"
	"github.com/durablego/do/internal/gate"
)

// benchDB is a database of the disk below the test's folder.
func benchDB(b *testing.B, opener durable.Opener) (*engine.DB, *engine.Session) {
	dir := b.TempDir()
	d := engine.New(engine.Options{
		FS: disk.OS(), Path: filepath.Join(dir, "a.sqlite"), Folder: durable.NewFolder(disk.OS(), dir),
		Opener: opener, Gate: new(gate.Gate),
	})
	b.Cleanup(func() {
		if err := d.Close(context.Background()); err != nil {
			b.Error(err)
		}
	})
	return d, d.Session(nil)
}

func put(b *testing.B, s *engine.Session, key string, value []byte) {
	if err := s.Put(context.Background(), key, value); err != nil {
		b.Fatal(err)
	}
}

func commit(b *testing.B, s *engine.Session) {
	if _, _, err := s.Commit(); err != nil {
		b.Fatal(err)
	}
}

func BenchmarkGet(b *testing.B) {
	_, s := benchDB(b, durable.Relaxed())
	put(b, s, "key", make([]byte, 64))
	commit(b, s)
	ctx := context.Background()
	b.Run("copy", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, ok, err := s.Get(ctx, "key"); !ok || err != nil {
				b.Fatal(ok, err)
			}
		}
	})
	b.Run("borrowed", func(b *testing.B) {
		b.ReportAllocs()
		look := func([]byte) error { return nil }
		for b.Loop() {
			if ok, err := s.GetFunc(ctx, "key", look); !ok || err != nil {
				b.Fatal(ok, err)
			}
		}
	})
}

// BenchmarkTurn is a turn that reads, writes and commits: what a counter does.
func BenchmarkTurn(b *testing.B) {
	root := b.TempDir()
	shared := durable.NewShared(durable.SharedOptions{FS: disk.OS(), Root: root, Dir: filepath.Join(root, "commits")})
	b.Cleanup(func() {
		if err := shared.Close(); err != nil {
			b.Error(err)
		}
	})
	for _, mode := range []struct {
		name   string
		opener durable.Opener
	}{{"relaxed", durable.Relaxed()}, {"fsync", durable.Fsync(durable.FsyncOptions{})}, {"shared", shared}} {
		b.Run(mode.name, func(b *testing.B) {
			d, s := benchDB(b, mode.opener)
			ctx := context.Background()
			value := make([]byte, 8)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.GetFunc(ctx, "total", func(v []byte) error { copy(value, v); return nil }); err != nil {
					b.Fatal(err)
				}
				value[0]++
				put(b, s, "total", value)
				commit(b, s)
				if d.WantsCheckpoint() {
					if err := d.Checkpoint(ctx); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

func BenchmarkPutCommit(b *testing.B) {
	_, s := benchDB(b, durable.Relaxed())
	n := byte(0)
	value := make([]byte, 64)
	b.ReportAllocs()
	for b.Loop() {
		n++
		value[0] = n
		put(b, s, "key", value)
		commit(b, s)
	}
}

func BenchmarkScan1000(b *testing.B) {
	_, s := benchDB(b, durable.Relaxed())
	for i := range 1000 {
		put(b, s, fmt.Sprintf("key%04d", i), make([]byte, 64))
	}
	commit(b, s)
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		n, scan := 0, s.Scan(ctx, engine.Range{})
		for {
			_, ok, err := scan.Next(ctx)
			if err != nil {
				b.Fatal(err)
			}
			if !ok {
				break
			}
			n++
		}
		if n != 1000 {
			b.Fatal(n)
		}
	}
}

// BenchmarkNew is the first write of an object, its eviction, a cold read and the removal,
// on a disk whose syncs cost nothing: what is left is ours.
func BenchmarkNew(b *testing.B) {
	dir := b.TempDir()
	ctx := context.Background()
	fs := lazy{disk.OS()}
	folder := durable.NewFolder(fs, dir)
	each := func(b *testing.B, measured int) {
		steps := []func(*engine.DB, *engine.Session) error{
			func(d *engine.DB, s *engine.Session) error {
				put(b, s, "key", []byte("value"))
				commit(b, s)
				return nil
			},
			func(d *engine.DB, _ *engine.Session) error { return d.Close(ctx) },
			func(_ *engine.DB, s *engine.Session) error { _, _, err := s.Get(ctx, "key"); return err },
			func(d *engine.DB, s *engine.Session) error {
				_, err := s.Delete(ctx, []string{"key"})
				commit(b, s)
				return errors.Join(err, d.Close(ctx))
			},
		}
		b.ReportAllocs()
		for i := range b.N {
			d := engine.New(engine.Options{
				FS: fs, Path: filepath.Join(dir, fmt.Sprint(i)), Folder: folder, Opener: durable.Relaxed(), Gate: new(gate.Gate),
			})
			s := d.Session(nil)
			for n, step := range steps {
				if n != measured {
					b.StopTimer()
				}
				if err := step(d, s); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
		}
	}
	for n, name := range []string{"create", "evict", "wake", "remove"} {
		b.Run(name, func(b *testing.B) { each(b, n) })
	}
}
