package do

import (
	"fmt"
	"log/slog"
	"time"
)

// Options of a Runtime. The zero value is ready for use: DefaultScript, data for as long
// as the Runtime lives. For every limit zero is the default and negative means none.
type Options struct {
	// Dir is the data folder; it is made if there is none. One runtime per folder (L19).
	// Empty: a temporary folder, removed by Close, with Relaxed durability.
	Dir string
	// Scripts are served. Runtime.Namespace looks in the first. Nil: DefaultScript alone.
	Scripts []*Script
	// Environment, such as "production", is part of the identity of data (I17): with another one
	// the namespaces are others, empty at first, and the data of before stay where they are.
	Environment string
	// Peers are scripts in other processes, by name: those that bindings of Scripts lead to, and
	// those that may call Scripts through PeerHandler (B1, B2). A script that is also in Scripts
	// is served here. Secrets are copied.
	Peers map[string]Peer
	// Relaxed releases answers once a commit is in the write-ahead log: it survives a crash
	// of the process, not a power cut. False: after an fsync (T21).
	Relaxed bool
	// DryRun only plans: Open reads Dir, which a running server may have, without its lock and
	// without writing anything. Runtime.Plan tells what an Open would do; one that would fail
	// fails. Calls to objects give ErrUnserved (P8).
	DryRun bool
	// Vars are what Env.Var gives to objects. The map is copied, its values are not.
	Vars map[string]any
	// Logger gets what nobody is there to be told. Nil: slog.Default().
	Logger *slog.Logger

	// MaxOpenDatabases bounds the databases open at a time, of idle objects above all:
	// busy ones are never closed (L18). Default 1,000.
	MaxOpenDatabases int
	// MaxKeyBytes bounds a key. Default 2,048 (N1).
	MaxKeyBytes int
	// MaxEntryBytes bounds a key with its encoded value. Default 2,097,152 (N2).
	MaxEntryBytes int
	// MaxKeysPerCall bounds GetMany, PutMany and DeleteMany. Default: no limit (N3).
	MaxKeysPerCall int
	// MaxStatementBytes bounds the text of an SQL call. Default 100,000 (N9).
	MaxStatementBytes int
	// MaxParameters bounds the parameters of an SQL statement. Default 100 (N9).
	MaxParameters int
	// MaxRowBytes bounds a row, string or blob in a database. Default 2,097,152 (N8).
	MaxRowBytes int
	// MaxObjectBytes bounds the database of one object. Default 10 GiB (N5).
	MaxObjectBytes int64
	// MaxCallBytes bounds the encoded argument and result of a Call, and the request bodies
	// that router accepts unless its Handler says otherwise. Default 32 MiB (N6).
	MaxCallBytes int
	// MaxSockets bounds the WebSockets of one object. Default 32,768 (N22).
	MaxSockets int
	// MaxMessageBytes bounds an incoming WebSocket message; a longer one closes the socket
	// with 1009. Default 32 MiB (N24).
	MaxMessageBytes int
	// SocketQueueBytes bounds what waits to be sent on a WebSocket; beyond it the socket is
	// closed with 1013. Default 1 MiB (N24).
	SocketQueueBytes int
	// PingInterval is the time between two pings on each WebSocket; a peer that is silent for
	// twice that is lost. Default 30 s; negative: no pings (N25).
	PingInterval time.Duration
	// AlarmTimeout bounds the run of an alarm, waits included; then the object is reset, and the
	// alarm retried. Default 15 min (N15).
	AlarmTimeout time.Duration
	// MaxAlarmRuns bounds the alarms that run at once; others wait, in the order of their
	// times. Default 1,000 (N17).
	MaxAlarmRuns int
	// CheckpointBytes is the size of a write-ahead log that asks for a checkpoint. Default 4 MiB; less
	// if many databases are open whose logs are in memory, as they are unless Relaxed (N21).
	CheckpointBytes int64
	// BlockTimeout bounds blocked sections and constructors. Default 30 s (N12).
	BlockTimeout time.Duration
	// CommitTimeout bounds a commit and an fsync. Default 30 s (N13).
	CommitTimeout time.Duration
}

func (o Options) withDefaults() (Options, error) {
	if o.Scripts == nil {
		o.Scripts = []*Script{DefaultScript}
	}
	names := map[string]bool{}
	for _, s := range o.Scripts {
		if s == nil {
			return o, fmt.Errorf("%w: a nil script", ErrInvalidOptions)
		}
		if names[s.name] {
			return o, fmt.Errorf("%w: two scripts are called %q", ErrInvalidOptions, s.name)
		}
		names[s.name] = true
	}
	if len(o.Scripts) == 0 {
		return o, fmt.Errorf("%w: no scripts", ErrInvalidOptions)
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	setDefault(&o.MaxOpenDatabases, 1000)
	setDefault(&o.MaxKeyBytes, 2048)
	setDefault(&o.MaxEntryBytes, 2<<20)
	setDefault(&o.MaxKeysPerCall, -1)
	setDefault(&o.MaxStatementBytes, 100_000)
	setDefault(&o.MaxParameters, 100)
	setDefault(&o.MaxRowBytes, 2<<20)
	setDefault(&o.MaxObjectBytes, 10<<30)
	setDefault(&o.MaxCallBytes, 32<<20)
	setDefault(&o.MaxSockets, 32<<10)
	setDefault(&o.MaxMessageBytes, 32<<20)
	setDefault(&o.SocketQueueBytes, 1<<20)
	setDefault(&o.PingInterval, 30*time.Second)
	setDefault(&o.AlarmTimeout, 15*time.Minute)
	setDefault(&o.MaxAlarmRuns, 1000)
	setDefault(&o.CheckpointBytes, 4<<20)
	setDefault(&o.BlockTimeout, 30*time.Second)
	setDefault(&o.CommitTimeout, 30*time.Second)
	return o, nil
}

func setDefault[T int | int64 | time.Duration](v *T, value T) {
	if *v == 0 {
		*v = value
	}
}

// rowBytes is the limit that a connection gets: user rows and key-value entries must fit (N8).
func (o Options) rowBytes() int {
	if o.MaxRowBytes < 0 || o.MaxEntryBytes < 0 {
		return 0
	}
	return max(o.MaxRowBytes, o.MaxEntryBytes+4096)
}

// objectPages is MaxObjectBytes in pages; 0 is no limit.
func (o Options) objectPages() int64 {
	if o.MaxObjectBytes <= 0 {
		return 0
	}
	return max(1, o.MaxObjectBytes/4096)
}
