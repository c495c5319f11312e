package metamorphic

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/durablego/do"
	"github.com/durablego/do/kvstorage"
	"github.com/durablego/do/sqlstorage"
)

// errUser is the error that objects themselves give.
var errUser = errors.New("the user's error")

// errStop ends a frame that is cut off, or that would do nothing but fail from here on.
var errStop = errors.New("stop")

// kinds are the errors by the names that results have. The first that fits counts.
var kinds = []struct {
	name string
	err  error
}{
	{"ErrReset", do.ErrReset},
	{"ErrDeadlock", do.ErrDeadlock},
	{"ErrInTransaction", do.ErrInTransaction},
	{"ErrOutsideTurn", do.ErrOutsideTurn},
	{"ErrInvalidOptions", kvstorage.ErrInvalidOptions},
	{"ErrKeyTooLarge", kvstorage.ErrKeyTooLarge},
	{"ErrInvalidKey", kvstorage.ErrInvalidKey},
	{"ErrTooManyKeys", kvstorage.ErrTooManyKeys},
	{"ErrValueTooLarge", kvstorage.ErrValueTooLarge},
	{"ErrInvalidValue", kvstorage.ErrInvalidValue},
	{"ErrNotAuthorized", sqlstorage.ErrNotAuthorized},
	{"ErrParameters", sqlstorage.ErrParameters},
	{"ErrNoStatement", sqlstorage.ErrNoStatement},
	{"ErrCursorClosed", sqlstorage.ErrCursorClosed},
	{"ErrNoRows", sqlstorage.ErrNoRows},
	{"ErrMultipleRows", sqlstorage.ErrMultipleRows},
	{"errUser", errUser},
	{"deadline", context.DeadlineExceeded},
}

// kind is err in a result: "ok" for none, SQLite's code for its own.
func kind(err error) string {
	if err == nil {
		return "ok"
	}
	for _, k := range kinds {
		if errors.Is(err, k.err) {
			return k.name
		}
	}
	var e *sqlstorage.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return fmt.Sprintf("%T %v", err, err)
}

// show is a value in a result, with its type where that could be doubted.
func show(v any) string {
	switch v := v.(type) {
	case nil:
		return "nil"
	case int64:
		return strconv.FormatInt(v, 10)
	case uint64:
		return "uint64(" + strconv.FormatUint(v, 10) + ")"
	case float64:
		return "float64(" + strconv.FormatFloat(v, 'g', -1, 64) + ")"
	case string:
		if len(v) > 40 {
			return fmt.Sprintf("string of %d", len(v))
		}
		return strconv.QuoteToASCII(v)
	case []byte:
		return "0x" + hex.EncodeToString(v)
	case bool:
		return strconv.FormatBool(v)
	case time.Time:
		return v.UTC().Format(time.RFC3339Nano)
	case []any:
		all := make([]string, len(v))
		for i, e := range v {
			all[i] = show(e)
		}
		return "[" + strings.Join(all, " ") + "]"
	case map[string]any:
		all := make([]string, 0, len(v))
		for _, k := range slices.Sorted(maps.Keys(v)) {
			all = append(all, strconv.QuoteToASCII(k)+": "+show(v[k]))
		}
		return "{" + strings.Join(all, ", ") + "}"
	}
	return fmt.Sprintf("%T", v)
}

// trace is what the operations of a frame gave, in order. A frame that was cut off may still write to its own while its caller goes on.
type trace struct {
	mu    sync.Mutex // guards following
	lines []line
}

// line is what one operation gave, and below it what the frame gave that it began.
type line struct {
	text  string
	inner *trace
}

func (t *trace) say(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines = append(t.lines, line{text: fmt.Sprintf(format, args...)})
}

// begin puts the trace of an inner frame in its place.
func (t *trace) begin() *trace {
	inner := &trace{}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines = append(t.lines, line{inner: inner})
	return inner
}

func (t *trace) String() string {
	var b strings.Builder
	t.print(&b, "")
	return b.String()
}

func (t *trace) print(b *strings.Builder, indent string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, l := range t.lines {
		if l.inner != nil {
			l.inner.print(b, indent+"\t")
			continue
		}
		b.WriteString(indent + l.text + "\n")
	}
}
