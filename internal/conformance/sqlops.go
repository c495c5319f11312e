package conformance

import (
	"context"
	"errors"
	"regexp"
	"strings"

	"github.com/durablego/do/sqlstorage"
)

var sqlOps = map[string]func(*object, context.Context, Node) (any, error){
	"sql.exec":    (*object).sqlExec,
	"sql.open":    (*object).sqlOpen,
	"sql.next":    (*object).sqlNext,
	"sql.rest":    (*object).sqlRest,
	"sql.columns": (*object).sqlColumns,
	"sql.size":    (*object).sqlSize,
}

// The reference's own tables begin with _cf_, ours with _do_. Scenarios and results speak of the reference's.
var (
	ourNames   = strings.NewReplacer("_cf_KV", "_do_kv", `\_cf`, `\_do`, "_cf_", "_do_", "_CF_", "_DO_", "_Cf_", "_Do_")
	theirNames = strings.NewReplacer("_do_kv", "_cf_KV", "_do_", "_cf_", "_DO_", "_CF_", "_Do_", "_Cf_")
)

func (o *object) exec(ctx context.Context, op Node) (*sqlstorage.Cursor, error) {
	text, _ := decode(op["sql"]).(string)
	args, _ := decode(op["bindings"]).([]any)
	return o.state.SQL().Exec(ctx, ourNames.Replace(text), args...)
}

func (o *object) sqlExec(ctx context.Context, op Node) (any, error) {
	c, err := o.exec(ctx, op)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	switch op.text("mode") {
	case "void":
		return okay, nil
	case "names":
		return map[string]any{"columns": columnsOf(c)}, nil
	case "one":
		row := make([]any, len(c.Columns()))
		dst := make([]any, len(row))
		for i := range row {
			dst[i] = &row[i]
		}
		if err := c.One(dst...); err != nil {
			return nil, err
		}
		return map[string]any{"row": asObject(c, shownRow(row))}, nil
	}
	rows := []any{}
	for row, err := range c.Rows() {
		if err != nil {
			return nil, err
		}
		rows = append(rows, shownRow(row))
	}
	switch op.text("mode") {
	case "objects":
		for i := range rows {
			rows[i] = asObject(c, rows[i].([]any))
		}
		return map[string]any{"rows": rows}, nil
	case "count":
		return map[string]any{"count": len(rows)}, nil
	case "counters":
		return map[string]any{"rowsRead": c.RowsRead(), "rowsWritten": c.RowsWritten()}, nil
	}
	return map[string]any{"columns": columnsOf(c), "rows": rows}, nil
}

func columnsOf(c *sqlstorage.Cursor) []any {
	names := []any{}
	for _, name := range c.Columns() {
		names = append(names, theirNames.Replace(name))
	}
	return names
}

func shownRow(row []any) []any {
	out := make([]any, len(row))
	for i, v := range row {
		if s, ok := v.(string); ok {
			v = theirNames.Replace(s)
		}
		out[i] = encode(v)
	}
	return out
}

func asObject(c *sqlstorage.Cursor, row []any) map[string]any {
	out := map[string]any{}
	for i, name := range columnsOf(c) {
		out[name.(string)] = row[i]
	}
	return out
}

func (o *object) sqlOpen(ctx context.Context, op Node) (any, error) {
	c, err := o.exec(ctx, op)
	if err != nil {
		return nil, err
	}
	o.cursors[op.text("cursor")] = c
	return okay, nil
}

var errNoCursor = errors.New("no such cursor")

func (o *object) sqlNext(_ context.Context, op Node) (any, error) {
	c := o.cursors[op.text("cursor")]
	if c == nil {
		return nil, errNoCursor
	}
	if !c.Next() {
		return map[string]any{"done": true}, c.Err()
	}
	row := make([]any, len(c.Columns()))
	dst := make([]any, len(row))
	for i := range row {
		dst[i] = &row[i]
	}
	err := c.Scan(dst...)
	return map[string]any{"row": shownRow(row)}, err
}

func (o *object) sqlRest(_ context.Context, op Node) (any, error) {
	c := o.cursors[op.text("cursor")]
	if c == nil {
		return nil, errNoCursor
	}
	rows := []any{}
	for row, err := range c.Rows() {
		if err != nil {
			return nil, err
		}
		rows = append(rows, shownRow(row))
	}
	return map[string]any{"rows": rows}, nil
}

func (o *object) sqlColumns(_ context.Context, op Node) (any, error) {
	c := o.cursors[op.text("cursor")]
	if c == nil {
		return nil, errNoCursor
	}
	return map[string]any{"columns": columnsOf(c)}, nil
}

func (o *object) sqlSize(ctx context.Context, op Node) (any, error) {
	size, err := o.state.SQL().Size(ctx)
	if err != nil {
		return nil, err
	}
	if op.has("as") {
		o.sizes[op.text("as")] = size
	}
	if op.has("above") {
		return map[string]any{"value": size > o.sizes[op.text("above")]}, nil
	}
	return map[string]any{"positive": size > 0}, nil
}

// sqlKinds are errors of the SQL face by their sentinel.
var sqlKinds = []struct {
	is   error
	kind string
}{
	{sqlstorage.ErrNoStatement, "no_statement"},
	{sqlstorage.ErrNoRows, "one_no_row"},
	{sqlstorage.ErrMultipleRows, "one_many_rows"},
	{sqlstorage.ErrCursorClosed, "cursor_canceled"},
	{sqlstorage.ErrColumns, "columns"},
}

// SQLite has no codes for these; its messages are its own words, not ours.
var (
	tooMuch = regexp.MustCompile(`^(too many |Expression tree is too large|LIKE or GLOB pattern too complex|variable number must be|at most \d+ tables|string or blob too big|triggers nested too deep)`)
	syntax  = regexp.MustCompile(`syntax error$|^incomplete input|^unrecognized token`)
	noSuch  = regexp.MustCompile(`^no such (table|column|function|index|view|trigger)\b`)
)

// constraint tells whether the cause of an error is a violated constraint.
func constraint(err error) bool {
	var e *sqlstorage.Error
	return errors.As(err, &e) && e.Code == "SQLITE_CONSTRAINT"
}

// sqlFailure gives an error of the SQL face as a result, nil if it is none.
func sqlFailure(err error) map[string]any {
	for _, k := range sqlKinds {
		if errors.Is(err, k.is) {
			return map[string]any{"error": k.kind}
		}
	}
	if errors.Is(err, sqlstorage.ErrParameters) {
		if strings.Contains(err.Error(), "only the last") { // S2, S5: one sentinel
			return map[string]any{"error": "bindings_position"}
		}
		return map[string]any{"error": "bindings"}
	}
	var e *sqlstorage.Error
	if !errors.As(err, &e) {
		return nil
	}
	code := strings.ToLower(strings.TrimPrefix(e.Code, "SQLITE_"))
	switch {
	case errors.Is(err, sqlstorage.ErrNotAuthorized):
		if strings.HasSuffix(e.Msg, "use Transaction") { // S37
			return map[string]any{"error": "txn_statement"}
		}
		return map[string]any{"error": "not_authorized"}
	case code == "constraint":
		out := map[string]any{"error": "constraint"}
		if e.Extended != e.Code {
			out["detail"] = strings.ToLower(strings.TrimPrefix(e.Extended, e.Code+"_"))
		}
		return out
	case code == "toobig" || tooMuch.MatchString(e.Msg):
		return map[string]any{"error": "limit_exceeded"}
	case code == "error" && syntax.MatchString(e.Msg):
		return map[string]any{"error": "syntax"}
	case code == "error" && noSuch.MatchString(e.Msg):
		return map[string]any{"error": "no_such", "detail": noSuch.FindStringSubmatch(e.Msg)[1]}
	}
	return map[string]any{"error": "sql_error", "detail": code}
}
