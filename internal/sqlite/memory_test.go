package sqlite_test

import (
	"bytes"
	"fmt"
	"os"
	"runtime/debug"
	"testing"
)

// resident gives the bytes of this process that are in memory.
func resident(t *testing.T) int {
	t.Helper()
	debug.FreeOSMemory()
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Skip(err)
	}
	var total, rss int
	if _, err := fmt.Fscan(bytes.NewReader(b), &total, &rss); err != nil {
		t.Fatal(err)
	}
	return rss * os.Getpagesize()
}

func TestMemoryPerOpenDatabase(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector has memory of its own")
	}
	for _, inMemory := range []bool{false, true} {
		const n, limit = 1000, 115 << 10
		image := newImage(t, schema)
		all := make([]*kv, 0, n+20)
		add := func() {
			k := openKV(t, newFile(t, image), inMemory)
			k.doPut(t, "key", []byte("value"))
			all = append(all, k)
		}
		for range 20 { // what the process needs once
			add()
		}
		before := resident(t)
		for range n {
			add()
		}
		per := (resident(t) - before) / n
		t.Logf("log in memory %v: %d bytes per open database; SQLite counts %d", inMemory, per, all[n].MemoryUsed())
		if per > limit {
			t.Errorf("%d bytes per open database, want at most %d", per, limit)
		}
		for _, k := range all {
			if err := k.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}
