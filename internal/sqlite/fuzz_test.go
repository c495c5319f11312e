package sqlite_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/sqlite"
)

// smallDB gives a database and a log that belongs to it.
func smallDB(tb testing.TB) (main, log []byte) {
	tb.Helper()
	main = newImage(tb, "CREATE TABLE _do_kv(key TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID; INSERT INTO _do_kv VALUES ('a', 'b')")
	path := newFile(tb, main)
	d := openWAL(tb, path)
	d.exec("INSERT INTO _do_kv VALUES ('c', 'd')")
	d.close()
	log, err := os.ReadFile(path + "-wal")
	if err != nil {
		tb.Fatal(err)
	}
	return main, log
}

// openDamaged opens any bytes in the place of a database and its log, and uses them: no
// panic, only typed errors, and a main file that could not be opened stays as it was.
func openDamaged(t *testing.T, main, log []byte) {
	t.Helper()
	fs := disk.Mem()
	for name, b := range map[string][]byte{"a": main, "a-wal": log} {
		file, err := fs.Open(name, os.O_RDWR|os.O_CREATE)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.WriteAt(b, 0); err != nil {
			t.Fatal(err)
		}
	}
	typed := func(err error) {
		t.Helper()
		var e *sqlite.Error
		if err != nil && !errors.As(err, &e) {
			t.Errorf("%T: %v", err, err)
		}
	}
	c, err := sqlite.Open("a", sqlite.Options{FS: fs, WAL: true, MaxPages: 1000})
	typed(err)
	if err == nil {
		for _, sql := range []string{
			"SELECT key, value FROM _do_kv", "PRAGMA integrity_check", "INSERT OR REPLACE INTO _do_kv VALUES ('a', 'e')",
			"CREATE TABLE t(x)", "DELETE FROM _do_kv",
		} {
			typed(c.Exec(sql))
		}
		typed(c.Checkpoint())
		typed(c.Close())
		return
	}
	file, err := fs.Open("a", os.O_RDWR)
	if err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(main)+1)
	if n, _ := file.ReadAt(got, 0); !bytes.Equal(got[:n], main) {
		t.Error("the main file has changed")
	}
}

func FuzzOpen(f *testing.F) {
	main, log := smallDB(f)
	f.Add(main, []byte(nil))
	f.Add(main, log)
	f.Add(main[:pageSize], log[:32+frameSize/2])
	f.Add([]byte("SQLite format 3\x00"), log)
	f.Add([]byte(nil), []byte("garbage"))
	f.Fuzz(openDamaged)
}

// The same with damage that gets further than most of what a fuzzer finds.
func TestOpenDamaged(t *testing.T) {
	main, log := smallDB(t)
	rng := rand.New(rand.NewPCG(3, 4))
	rounds := 2000
	if raceEnabled {
		rounds = 100
	}
	for range rounds {
		main, log := bytes.Clone(main), bytes.Clone(log)
		for range 1 + rng.IntN(5) {
			b := main
			if rng.IntN(4) == 0 {
				b = log
			}
			at := rng.IntN(len(b))
			if rng.IntN(2) == 0 { // a header of the file or of a page
				at = at&^(pageSize-1) + rng.IntN(min(110, len(b)-at&^(pageSize-1)))
			}
			b[at] = byte(rng.IntN(256))
		}
		if rng.IntN(3) == 0 {
			log = nil
		}
		if rng.IntN(10) == 0 {
			main = main[:rng.IntN(len(main))]
		}
		openDamaged(t, main, log)
	}
}
