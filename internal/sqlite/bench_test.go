package sqlite_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/sqlite"
)

// kv is a database with the statements that a KV store keeps.
type kv struct {
	*sqlite.Conn
	begin, commit, get, put *sqlite.Stmt
}

// options are those of an object's database.
var options = sqlite.Options{FS: disk.OS(), WAL: true, MaxRowBytes: 2<<20 + 4096, MaxPages: 2621440}

func openKV(tb testing.TB, path string, inMemory bool) *kv {
	tb.Helper()
	o := options
	o.LogInMemory = inMemory
	c, err := sqlite.Open(path, o)
	if err != nil {
		tb.Fatal(err)
	}
	k := &kv{Conn: c}
	for _, p := range []struct {
		to  **sqlite.Stmt
		sql string
	}{
		{&k.begin, "BEGIN"},
		{&k.commit, "COMMIT"},
		{&k.get, "SELECT value FROM _do_kv WHERE key = ?"},
		{&k.put, "INSERT INTO _do_kv VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value"},
	} {
		s, _, err := c.Prepare(p.sql)
		if err != nil {
			tb.Fatal(err)
		}
		*p.to = s
	}
	return k
}

func run(tb testing.TB, s *sqlite.Stmt) {
	if _, err := s.Step(); err != nil {
		tb.Fatal(err)
	}
	if err := s.Reset(); err != nil {
		tb.Fatal(err)
	}
}

func (k *kv) doPut(tb testing.TB, key string, value []byte) {
	run(tb, k.begin)
	if err := k.put.BindText(1, key); err != nil {
		tb.Fatal(err)
	}
	if err := k.put.BindBlob(2, value); err != nil {
		tb.Fatal(err)
	}
	run(tb, k.put)
	run(tb, k.commit)
}

func (k *kv) doGet(tb testing.TB, key string) int {
	if err := k.get.BindText(1, key); err != nil {
		tb.Fatal(err)
	}
	row, err := k.get.Step()
	if err != nil || !row {
		tb.Fatal(row, err)
	}
	n := len(k.get.ColumnBytes(0))
	if err := k.get.Reset(); err != nil {
		tb.Fatal(err)
	}
	return n
}

func BenchmarkGet(b *testing.B) {
	k := openKV(b, newDB(b), false)
	defer k.Close()
	for i := range 1000 {
		k.doPut(b, fmt.Sprintf("key%04d", i), []byte("a value"))
	}
	for _, inTransaction := range []bool{false, true} {
		b.Run(fmt.Sprint("transaction=", inTransaction), func(b *testing.B) {
			if inTransaction {
				run(b, k.begin)
				defer run(b, k.commit)
			}
			b.ReportAllocs()
			for b.Loop() {
				k.doGet(b, "key0500")
			}
		})
	}
}

func BenchmarkPutCommit(b *testing.B) {
	k := openKV(b, newDB(b), false)
	defer k.Close()
	value := make([]byte, 100)
	b.ReportAllocs()
	for b.Loop() {
		k.doPut(b, "key", value)
		if k.WALSize() > 4<<20 { // as its owner does
			if err := k.Checkpoint(); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkOpenClose(b *testing.B) {
	path := newDB(b)
	b.ReportAllocs()
	for b.Loop() {
		c, err := sqlite.Open(path, options)
		if err != nil {
			b.Fatal(err)
		}
		if err := c.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkNewDatabase makes a database, puts one entry into it and closes it.
func BenchmarkNewDatabase(b *testing.B) {
	image := newImage(b, schema)
	dir := b.TempDir()
	value := make([]byte, 100)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		path := filepath.Join(dir, fmt.Sprint(i))
		f, err := options.FS.Open(path, os.O_RDWR|os.O_CREATE|os.O_EXCL)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := f.WriteAt(image, 0); err != nil {
			b.Fatal(err)
		}
		if err := f.Close(); err != nil {
			b.Fatal(err)
		}
		k := openKV(b, path, false)
		k.doPut(b, "key", value)
		if err := k.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
