package sqlstorage_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/engine"
	"github.com/durablego/do/internal/sqlite"
	"github.com/durablego/do/sqlstorage"
)

const (
	benchSchema = "CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT, age INTEGER)"
	selectOne   = "SELECT name, age FROM t WHERE id = ?"
	selectAll   = "SELECT id, name, age FROM t"
	insertOne   = "INSERT INTO t(name, age) VALUES(?, ?)"
)

// bare is the same database below this package: prepared statements on a connection.
type bare struct {
	*sqlite.Conn
	b *testing.B
}

func newBare(b *testing.B, path string) *bare {
	conn, err := sqlite.Open(path, sqlite.Options{FS: disk.OS(), WAL: true, MaxRowBytes: engine.DefaultMaxRowBytes, MaxParameters: engine.DefaultMaxParameters})
	if err != nil {
		b.Fatal(err)
	}
	conn.SetProgress(1000, func() bool { return false }) // as ours has
	return &bare{conn, b}
}

func (c *bare) prepare(sql string) *sqlite.Stmt {
	s, _, err := c.Prepare(sql)
	if err != nil {
		c.b.Fatal(err)
	}
	return s
}

func (c *bare) ok(err error) {
	if err != nil {
		c.b.Fatal(err)
	}
}

// filled gives an object with 1,000 rows, committed, in its file and the log's.
func filled(b *testing.B) *object {
	o := newObject(b)
	o.exec(benchSchema)
	for i := range 1000 {
		o.exec(insertOne, fmt.Sprintf("name %d", i), i)
	}
	o.close()
	return o
}

// compare runs ours and bare in turns, and reports the medians of both and their ratio.
func compare(b *testing.B, ours, bare func()) {
	const round = 20
	var took [2][]time.Duration
	for b.Loop() {
		for i, f := range []func(){ours, bare} {
			start := time.Now()
			for range round {
				f()
			}
			took[i] = append(took[i], time.Since(start))
		}
	}
	var median [2]float64
	for i, name := range []string{"ours-ns", "bare-ns"} {
		slices.Sort(took[i])
		median[i] = float64(took[i][len(took[i])/2]) / round
		b.ReportMetric(median[i], name)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median[0]/median[1], "ratio")
	b.ReportMetric(testing.AllocsPerRun(100, ours), "ours-allocs")
	b.ReportMetric(testing.AllocsPerRun(100, bare), "bare-allocs")
}

func BenchmarkPointRead(b *testing.B) {
	o := filled(b)
	other := filled(b)
	conn := newBare(b, other.path)
	defer conn.Close()
	s := conn.prepare(selectOne)
	compare(b, func() {
		c, err := o.Exec(ctx, selectOne, 500)
		if err != nil {
			b.Fatal(err)
		}
		var name string
		var age int
		if err := c.One(&name, &age); err != nil || age != 499 {
			b.Fatal(age, err)
		}
	}, func() {
		conn.ok(s.BindInt64(1, 500))
		if row, err := s.Step(); !row {
			b.Fatal(err)
		}
		name, age := s.ColumnText(0), s.ColumnInt64(1)
		if row, err := s.Step(); row || age != 499 || name == "" {
			b.Fatal(err)
		}
		conn.ok(s.Reset())
	})
}

func BenchmarkInsert(b *testing.B) {
	o := filled(b)
	other := filled(b)
	conn := newBare(b, other.path)
	defer conn.Close()
	conn.ok(conn.Exec("BEGIN"))
	s := conn.prepare(insertOne)
	compare(b, func() {
		if _, err := o.Exec(ctx, insertOne, "some name", 7); err != nil {
			b.Fatal(err)
		}
	}, func() {
		conn.ok(s.BindText(1, "some name"))
		conn.ok(s.BindInt64(2, 7))
		if row, err := s.Step(); row || err != nil {
			b.Fatal(err)
		}
		conn.ok(s.Reset())
	})
}

func BenchmarkScan1000(b *testing.B) {
	o := filled(b)
	other := filled(b)
	conn := newBare(b, other.path)
	defer conn.Close()
	s := conn.prepare(selectAll)
	compare(b, func() {
		c, err := o.Exec(ctx, selectAll)
		if err != nil {
			b.Fatal(err)
		}
		n := 0
		for c.Next() {
			var id, age int64
			var name string
			if err := c.Scan(&id, &name, &age); err != nil {
				b.Fatal(err)
			}
			n++
		}
		if n != 1000 || c.Err() != nil {
			b.Fatal(n, c.Err())
		}
	}, func() {
		n := 0
		for {
			row, err := s.Step()
			if err != nil {
				b.Fatal(err)
			}
			if !row {
				break
			}
			if id, name, age := s.ColumnInt64(0), s.ColumnText(1), s.ColumnInt64(2); id+age < 0 || name == "" {
				b.Fatal(id)
			}
			n++
		}
		conn.ok(s.Reset())
		if n != 1000 {
			b.Fatal(n)
		}
	})
}

func BenchmarkQuery1000(b *testing.B) {
	o := filled(b)
	type row struct {
		ID   int64
		Name string
		Age  int
	}
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		for r, err := range sqlstorage.Query[row](ctx, o.DB, selectAll) {
			if err != nil || r.Name == "" {
				b.Fatal(err)
			}
			n++
		}
		if n != 1000 {
			b.Fatal(n)
		}
	}
}
