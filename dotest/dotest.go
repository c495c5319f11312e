package dotest

import (
	"context"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/durablego/do"
	"github.com/durablego/do/internal/bridge"
	"github.com/durablego/do/internal/disk/disktest"
)

// Options of a Runtime. The zero value serves do.DefaultScript.
type Options struct {
	// Runtime is what do.Open would get. An empty Dir means a folder that lasts as long
	// as the test, also across Restart and Crash; a nil Logger the test's output.
	Runtime do.Options
	// Handler makes the program's http.Handler, for Fetch. It is called again after each
	// Restart and Crash. Nil: there is no Fetch.
	Handler func(*do.Runtime) http.Handler
	// PredictableIDs makes NewUniqueID count: 0, 1, 2 … per namespace, from the start of
	// each runtime (I8).
	PredictableIDs bool
}

// Runtime is a do.Runtime under test (D1). Its methods may be called from any goroutine,
// but Restart and Crash not beside each other.
type Runtime struct {
	t      testing.TB
	o      Options
	config bridge.Config
	dir    string
	leaks  *leaks
	log    *logWriter

	closeLimit time.Duration

	mu  sync.Mutex // guards following
	now *opened    // nil if opening failed
}

// opened is what lasts from one opening of the folder to the next.
type opened struct {
	rt      *do.Runtime
	control bridge.Control
	handler http.Handler
	power   *power             // its disk
	faults  *disktest.Faulty   // below that
	record  *disktest.Recorder // below that; nil if Relaxed
}

// closeLimit is how long objects may be busy after the end of a test, and evictLimit how
// long Evict waits for its object.
const (
	closeLimit = 10 * time.Second
	evictLimit = 30 * time.Second
)

// New opens a runtime for t and closes it at the end of t and its subtests. Failures of
// the opening end the test. What is not closed or not at rest by then fails it (D1); in a
// bubble of testing/synctest, New must be called in the bubble, with the bubble's t (D12).
func New(t testing.TB, o Options) *Runtime {
	t.Helper()
	return NewWith(t, o, bridge.Config{})
}

// NewWith is New for the tests of this module, whose Config no one else can make. A
// Config.FS is taken as the disk; only then syncs reach it.
func NewWith(t testing.TB, o Options, c bridge.Config) *Runtime {
	t.Helper()
	r := &Runtime{t: t, o: o, config: c, dir: o.Runtime.Dir, leaks: watchLeaks(t), closeLimit: closeLimit}
	if r.dir == "" {
		r.dir = filepath.Join(t.TempDir(), "data")
	}
	if o.Runtime.Logger == nil {
		r.log = &logWriter{to: t.Output()}
	}
	r.config.PredictableIDs = r.config.PredictableIDs || o.PredictableIDs
	r.config.CheckGoroutine = true
	t.Cleanup(r.end)
	r.open()
	return r
}

// present is the runtime of now.
func (r *Runtime) present() *opened {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

// Namespace is the namespace behind a binding of the first script, in the present
// runtime. Stubs from before a Restart or Crash give do.ErrClosed (D2).
func (r *Runtime) Namespace(binding string) *do.Namespace { return r.Runtime().Namespace(binding) }

// Runtime is the present runtime: Restart and Crash bring a new one.
func (r *Runtime) Runtime() *do.Runtime { return r.present().rt }

// Fetch runs q through the program's handler, without a network, and gives the answer
// when the handler has returned (D3). As in a server, q's context ends with the handler;
// a panic of the handler is the test's. Without Options.Handler it ends the test.
func (r *Runtime) Fetch(q *http.Request) *http.Response {
	r.t.Helper()
	h := r.present().handler
	if h == nil {
		r.t.Fatal("dotest: Fetch needs Options.Handler")
	}
	ctx, cancel := context.WithCancel(q.Context())
	defer cancel()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, q.WithContext(ctx))
	return w.Result()
}
