package metamorphic

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/durablego/do/kvstorage"
	"github.com/durablego/do/sqlstorage"
)

// store runs an operation on keys or the table.
func (f *frame) store(ctx context.Context, o op) error {
	kv := f.s.state.KV()
	switch o.do {
	case "put":
		f.say("put %+q = %s", o.key, kind(kv.Put(ctx, o.key, storable(o.value))))
	case "putMany":
		values := map[string]any{}
		for k, v := range o.values {
			values[k] = storable(v)
		}
		f.say("putMany = %s", kind(kv.PutMany(ctx, values)))
	case "get":
		var v any
		found, err := kv.Get(ctx, o.key, &v)
		f.say("get %+q = %s %v %s", o.key, show(v), found, kind(err))
	case "getInt":
		v, found, err := kvstorage.Get[int64](ctx, kv, o.key)
		f.say("getInt %+q = %d %v %s", o.key, v, found, kind(err))
	case "exists":
		found, err := kv.Get(ctx, o.key, nil)
		f.say("exists %+q = %v %s", o.key, found, kind(err))
	case "delete":
		found, err := kv.Delete(ctx, o.key)
		f.say("delete %+q = %v %s", o.key, found, kind(err))
	case "deleteMany":
		n, err := kv.DeleteMany(ctx, o.keys)
		f.say("deleteMany = %d %s", n, kind(err))
	case "getMany":
		entries, err := kv.GetMany(ctx, o.keys)
		f.say("getMany = %s", kind(err))
		for _, e := range entries {
			f.say("%s", entry(e))
		}
	case "list":
		return f.list(ctx, o)
	default:
		return f.sql(ctx, o)
	}
	return nil
}

func entry(e kvstorage.Entry) string {
	var v any
	err := e.Value(&v)
	return fmt.Sprintf("- %+q %s %s", e.Key, show(v), kind(err))
}

// list runs o's body before it asks for entry number o.at (K23).
func (f *frame) list(ctx context.Context, o op) error {
	n := 0
	f.say("list")
	for e, err := range f.s.state.KV().List(ctx, o.list) {
		if err != nil {
			f.say("- %s", kind(err))
			break
		}
		f.say("%s", entry(e))
		if n++; n == o.at {
			if err := f.run(ctx, o); err != nil {
				return err
			}
		}
	}
	return nil
}

// item is a row of the table.
type item struct {
	ID   int64
	Name string
	Qty  *int64
	Note any
}

func (i item) String() string {
	qty := "nil"
	if i.Qty != nil {
		qty = fmt.Sprint(*i.Qty)
	}
	return fmt.Sprintf("- %d %s %s %s", i.ID, show(i.Name), qty, show(i.Note))
}

// sql runs an operation on the table.
func (f *frame) sql(ctx context.Context, o op) error {
	db := f.s.state.SQL()
	switch o.do {
	case "refused":
		r := refused[o.args[0].(int64)]
		_, err := db.Exec(ctx, r.text)
		f.say("%q = %s", r.text, kind(err))
	case "selectAll":
		f.say("selectAll")
		for row, err := range sqlstorage.Query[item](ctx, db, statements[o.do]) {
			if err != nil {
				f.say("- %s", kind(err))
				break
			}
			f.say("%v", row)
		}
	case "one":
		id, err := sqlstorage.QueryOne[int64](ctx, db, statements[o.do], o.args...)
		f.say("one = %d %s", id, kind(err))
	case "cursor":
		return f.cursor(ctx, o)
	default:
		return f.exec(ctx, o)
	}
	return nil
}

// exec runs a statement and says what it gave: rows written, and the rows, sorted where their order is SQLite's own.
func (f *frame) exec(ctx context.Context, o op) error {
	cursor, err := f.s.state.SQL().Exec(ctx, statements[o.do], o.args...)
	if err != nil {
		f.say("%s = %s", o.do, kind(err))
		if kind(err) == "ErrReset" {
			return f.stop() // every later call gives that error too (S57)
		}
		return nil
	}
	rows, err := rowsOf(cursor)
	if !strings.HasPrefix(o.do, "select") {
		slices.Sort(rows)
	}
	f.say("%s = %s, %d rows, %d written", o.do, kind(err), len(rows), cursor.RowsWritten())
	for _, row := range rows {
		f.say("- %s", row)
	}
	return nil
}

func rowsOf(c *sqlstorage.Cursor) (rows []string, err error) {
	for c.Next() {
		row := make([]any, len(c.Columns()))
		dst := make([]any, len(row))
		for i := range row {
			dst[i] = &row[i]
		}
		if err := c.Scan(dst...); err != nil {
			return rows, err
		}
		texts := make([]string, len(row))
		for i, v := range row {
			texts[i] = show(v)
		}
		rows = append(rows, strings.Join(texts, " "))
	}
	return rows, c.Err()
}

// cursor reads a row, runs o's body, and reads on: the rows that are left, or ErrCursorClosed behind a commit point (S10).
func (f *frame) cursor(ctx context.Context, o op) error {
	c, err := f.s.state.SQL().Exec(ctx, statements["select"], int64(-1<<63), int64(-1))
	if err != nil {
		f.say("cursor = %s", kind(err))
		return nil
	}
	defer c.Close()
	if !c.Next() {
		f.say("cursor = %s, no row", kind(c.Err()))
		return nil
	}
	f.say("cursor")
	if err := f.run(ctx, o); err != nil {
		return err
	}
	rows, err := rowsOf(c)
	f.say("cursor = %s, %d more", kind(err), len(rows))
	return nil
}
