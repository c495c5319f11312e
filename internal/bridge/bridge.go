// Package bridge is the way by which dotest, router and this module's own tests reach what
// users of package do do not see.
package bridge

import (
	"context"
	"net"
	"net/http"

	"github.com/durablego/do/internal/disk"
)

// Config of a runtime beyond its Options. The zero value is what do.Open uses.
type Config struct {
	FS             disk.FS           // below everything but the folder's lock; nil: the system's
	UniqueKeys     map[string]string // by binding; instead of those of I17
	PredictableIDs bool              // I8
	// SyncFault fails, with the error it gives, a sync of the commit log that covers a commit
	// of the object with this main file; nil: none.
	SyncFault func(path string) error
	// CommitFault fails, with the error it gives, a commit that wrote something to the object with
	// this main file; nil: none.
	CommitFault  func(path string) error
	SegmentBytes int64 // of the commit log; 0: durable.DefaultSegmentBytes
	// Dial makes connections to peers; nil: over TCP.
	Dial           func(ctx context.Context, network, address string) (net.Conn, error)
	NoAlarms       bool // none runs by itself
	CheckGoroutine bool // storage calls from another goroutine than the turn's fail (T5)
}

// Control is a runtime as tests see it.
type Control interface {
	// Evict takes the object of a *do.Stub out of memory and, if asked to, closes its sockets
	// (D7); ErrClosed once its runtime is.
	Evict(ctx context.Context, stub any, closeSockets bool) error
	// CutSockets cuts the connections of all sockets, as a power cut does (D9).
	CutSockets()
	// Sockets is how many connections there are.
	Sockets() int
	// Path is the main file of the database of the object of a *do.Stub.
	Path(stub any) string
	// OpenDatabases is how many there are.
	OpenDatabases() int
	// Cells is how many objects are in memory, with or without instance.
	Cells() int
	// InMemory names them: class and id.
	InMemory() []string
	// RunAlarm runs the alarm of the object of a *do.Stub now, whatever its time (D5).
	RunAlarm(ctx context.Context, stub any) (ran bool, err error)
	// Run gives fn a turn of the object: an ordinary event. Its error comes back as it is (D4).
	Run(ctx context.Context, stub any, fn func(ctx context.Context, instance, state any) error) error
}

// Open is do.Open with a Config. options is a do.Options, runtime a *do.Runtime. Package
// do sets it.
var Open func(options any, c Config) (runtime any, control Control, err error)

// FetchOwned is Stub.Fetch without a clone: header, body, form and parameters of r become
// the object's, also after a hang-up; r itself and its URL are copied before it waits, and
// free again when it returns. stub is a *do.Stub. Package do sets it.
var FetchOwned func(ctx context.Context, stub any, r *http.Request) (*http.Response, error)

// MaxCallBytes is that of the Options of the runtime of a *do.Stub. Package do sets it.
var MaxCallBytes func(stub any) int
