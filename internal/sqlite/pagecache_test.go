package sqlite_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/disk/disktest"
	"github.com/durablego/do/internal/sqlite"
)

// Random work in a cache much too small for it, compared with a map: pages are dropped,
// recycled, spilled, renumbered (VACUUM) and cut off (ROLLBACK, auto_vacuum).
func TestPageCacheUnderPressure(t *testing.T) {
	for _, v := range []struct {
		name, setup, table string
	}{
		{"main", "PRAGMA cache_size=12", "t"},
		{"incremental", "PRAGMA cache_size=12; PRAGMA auto_vacuum=INCREMENTAL; VACUUM", "t"},
		{"temp", "PRAGMA temp.cache_size=12; CREATE TEMP TABLE tt(i INTEGER PRIMARY KEY, x)", "tt"},
	} {
		t.Run(v.name, func(t *testing.T) {
			path := newFile(t, newImage(t, "CREATE TABLE t(i INTEGER PRIMARY KEY, x)"))
			d := open(t, path, sqlite.Options{FS: disktest.NoSync(disk.OS()), WAL: true})
			d.exec("%s", v.setup)
			rng := rand.New(rand.NewPCG(1, 2))
			want := map[int]int{}
			for range 150 {
				change := map[int]int{}
				d.exec("BEGIN")
				for range rng.IntN(20) {
					i, n := rng.IntN(300), rng.IntN(9000)
					d.exec("INSERT OR REPLACE INTO %s VALUES (%d, zeroblob(%d))", v.table, i, n)
					change[i] = n
				}
				if rng.IntN(4) == 0 {
					d.exec("ROLLBACK")
					continue
				}
				d.exec("COMMIT")
				for i, n := range change {
					want[i] = n
				}
				switch rng.IntN(20) {
				case 0:
					d.exec("VACUUM")
				case 1:
					d.exec("DELETE FROM %s WHERE i > 200; PRAGMA incremental_vacuum", v.table)
					for i := range want {
						if i > 200 {
							delete(want, i)
						}
					}
				case 2:
					d.checkpoint()
				case 3:
					d.exec("PRAGMA shrink_memory")
				}
			}
			d.quickCheck()
			sum := 0
			for _, n := range want {
				sum += n
			}
			got := d.value("SELECT count(*) || ' ' || sum(length(x)) FROM " + v.table)
			if got != fmt.Sprint(len(want), " ", sum) {
				t.Errorf("count and sum = %s, want %d %d", got, len(want), sum)
			}
		})
	}
}

func TestPageCacheIsBounded(t *testing.T) {
	d := openWAL(t, newFile(t, newImage(t, "CREATE TABLE t(i INTEGER PRIMARY KEY, x)")))
	d.exec("WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM i LIMIT 1000) INSERT INTO t SELECT n, zeroblob(4000) FROM i")
	d.value("SELECT sum(length(x)) FROM t WHERE x IS NOT 1")
	if got := d.MemoryUsed(); got < 400<<10 || got > 700<<10 {
		t.Errorf("MemoryUsed = %d, want about 512 KB", got)
	}
	d.exec("PRAGMA shrink_memory")
	if got := d.MemoryUsed(); got > 60<<10 {
		t.Errorf("MemoryUsed = %d after shrinking", got)
	}
}

func TestCloseFreesAll(t *testing.T) {
	c0, f0, p0 := sqlite.Live()
	path := newDB(t)
	for range 3 {
		d := openWAL(t, path)
		d.prepare("SELECT * FROM _do_kv")
		d.exec("INSERT OR REPLACE INTO _do_kv VALUES ('a', 1); CREATE TEMP TABLE t(x); BEGIN; INSERT INTO t VALUES (1)")
		d.close()
	}
	for _, content := range []string{"", strings.Repeat("garbage", 1000)} {
		if _, err := sqlite.Open(newFile(t, []byte(content)), sqlite.Options{FS: disk.OS(), WAL: true}); err == nil {
			t.Fatal("Open = nil")
		}
	}
	if _, err := sqlite.Open(path+"x", sqlite.Options{FS: disk.OS()}); err == nil {
		t.Fatal("Open = nil")
	}
	if c, f, p := sqlite.Live(); c != c0 || f != f0 || p != p0 {
		t.Errorf("%d connections, %d files, %d caches, before: %d, %d, %d", c, f, p, c0, f0, p0)
	}
	_ = os.Remove(path)
}

func TestManyConnections(t *testing.T) {
	image := newImage(t, schema)
	for g := range 8 {
		t.Run(fmt.Sprint(g), func(t *testing.T) {
			t.Parallel()
			path := newFile(t, image)
			for i := range 20 {
				d := openWAL(t, path)
				d.exec("INSERT INTO _do_kv VALUES ('%d', zeroblob(10000))", i)
				if got := d.value("SELECT count(*) FROM _do_kv"); got != fmt.Sprint(i+1) {
					t.Errorf("count = %s, want %d", got, i+1)
				}
				d.close()
			}
		})
	}
}
