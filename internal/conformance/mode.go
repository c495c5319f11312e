package conformance

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
	"github.com/durablego/do/internal/bridge"
)

// A Mode says where data lives and what happens after every event. Each mode has to give the same results.
type Mode struct {
	Name string
	disk bool // a folder of its own and syncs before answers; else as with an empty Options.Dir
	// after is called when an event has ended, nil for nothing.
	after func(ctx context.Context, r *caller) error
	// fits tells whether a case can have the same results in this mode, nil for always.
	fits func(*Case) bool
}

// The modes.
var (
	Memory  = Mode{Name: "memory"}
	Disk    = Mode{Name: "disk", disk: true}
	Evict   = Mode{Name: "evict", disk: true, after: evictAll, fits: forgetful}
	Restart = Mode{Name: "restart", disk: true, after: restart, fits: func(c *Case) bool { return forgetful(c) && !usesOps("ws.")(c) }}
)

// Modes are all modes, by name.
var Modes = map[string]Mode{Memory.Name: Memory, Disk.Name: Disk, Evict.Name: Evict, Restart.Name: Restart}

func evictAll(_ context.Context, r *caller) error {
	for _, key := range r.w.objects() {
		ns := r.process.Namespace(key.binding)
		id, err := ns.IDFromString(key.hex)
		if err != nil {
			return err
		}
		if err := r.process.Evict(ns.Get(id)); err != nil && !errors.Is(err, do.ErrNotRunning) {
			return err
		}
	}
	return nil
}

func restart(_ context.Context, r *caller) error {
	r.process.Restart()
	return nil
}

// forgetful tells whether a case never looks at what an instance remembers, so that it may be dropped between any two events.
func forgetful(c *Case) bool {
	var parsed, self bool
	memory := c.any(func(n Node) bool {
		parsed = parsed || n.text("addr") == "id"
		self = self || n.kind() == "id.self"
		switch n.kind() {
		case "mem.incr", "mem.get", "mem.instance": // fields of the instance
			return true
		case "rpc":
			return n.text("method") == "count"
		case "program": // says what which instance does
			return true
		case "log": // events of sockets say which instance had them
			return usesOps("ws.")(c)
		case "evict": // its answer tells whether there was an instance
			return true
		case "start", "await", "waitUntil", "parallel": // events that overlap others
			return true
		case "turn":
			return walksOlderList(n.list("ops"))
		}
		return false
	})
	return !memory && !(parsed && self) // which name an object knows depends on the event that built it
}

// walksOlderList tells whether ops step through a list or a cursor that an earlier turn opened.
func walksOlderList(ops []Node) bool {
	open := map[string]bool{}
	older := false
	visit(ops, func(n Node) {
		switch n.kind() {
		case "kvs.iter":
			open["list "+n.text("iter")] = true
		case "kvs.next":
			older = older || !open["list "+n.text("iter")]
		case "sql.open":
			open["cursor "+n.text("cursor")] = true
		case "sql.next", "sql.rest", "sql.columns":
			older = older || !open["cursor "+n.text("cursor")]
		case "sql.size":
			open["size "+n.text("as")] = true
			older = older || n.has("above") && !open["size "+n.text("above")]
		}
	})
	return older
}

// referenceRowBytes is the reference's only limit for strings, blobs and rows, and so for keys and entries (V4).
const referenceRowBytes = 8_388_642

// classes are the namespaces of the scenario format: binding, class name, unique key.
var classes = [...]struct{ binding, class, key string }{
	{"main", "Obj", "oracle-main"},
	{"other", "ObjOther", "oracle-other"},
	{"noalarm", "ObjNoAlarm", "oracle-noalarm"},
	{"nows", "ObjNoWs", "oracle-nows"},
	{"ids-a", "IdsA", "mykey"},
	{"ids-b", "IdsB", "210bd0cbd803ef7883a1ee9d86cce06e"},
	{"ids-c", "IdsC", "clé-😀"},
}

// deadline ends calls that never return; afterwards is the time for work in the background to end before the runtime is closed. Both
// are virtual.
const (
	deadline   = time.Hour
	afterwards = 5 * time.Minute
)

// Run plays a case in a mode and gives the results of its steps. It must not be called inside a bubble.
func (m Mode) Run(t *testing.T, c *Case) (got []any) {
	t.Helper()
	dir := ""
	if m.disk {
		dir = t.TempDir()
	}
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		script := do.NewScript("oracle")
		keys := map[string]string{}
		for _, x := range classes {
			if x.binding == "nows" || x.binding == "noalarm" {
				do.RegisterIn(script, do.Class[*silent]{Binding: x.binding, Name: x.class, New: w.silent(x.binding)})
			} else {
				do.RegisterIn(script, do.Class[*object]{Binding: x.binding, Name: x.class, New: w.constructor(x.binding)})
			}
			keys[x.binding] = x.key
		}
		options := do.Options{
			Dir: dir, Relaxed: !m.disk, Scripts: []*do.Script{script}, Logger: slog.New(slog.DiscardHandler),
			MaxKeyBytes: referenceRowBytes, MaxEntryBytes: referenceRowBytes, MaxRowBytes: referenceRowBytes,
		}
		if usesOps("sql.")(c) { // the connection has one limit for rows and entries (N8)
			options.MaxEntryBytes -= 4096
		}
		env := dotest.NewWith(t, dotest.Options{Runtime: options}, bridge.Config{UniqueKeys: keys})
		r := &caller{w: w, c: c, process: env, started: map[string]*startedStep{}, clients: map[string]*client{}, cut: make(chan struct{})}
		if m.after != nil {
			r.after = func(ctx context.Context) error { return m.after(ctx, r) }
		}
		ctx, cancel := context.WithTimeout(t.Context(), deadline)
		defer cancel()
		got = r.play(ctx)
		time.Sleep(afterwards)
	})
	return got
}
