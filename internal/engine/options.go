package engine

import (
	"time"

	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/durable"
	"github.com/durablego/do/internal/gate"
)

// Defaults of Options.
const (
	DefaultCheckpointBytes = 4 << 20          // N21
	DefaultMaxRowBytes     = 2097152 + 4096   // N8 with N2
	DefaultMaxParameters   = 100              // N9
	DefaultCommitTimeout   = 30 * time.Second // N13
	maxDepth               = 64               // N14, nesting of Transaction
)

// Options are the settings of a DB. FS, Path, Folder, Opener and Gate are required.
type Options struct {
	FS     disk.FS         // where the files are
	Path   string          // of the main file; the write-ahead log is Path + "-wal", or in memory
	Folder *durable.Folder // of the folder of Path; shared by the objects in it
	Opener durable.Opener  // how commits become durable
	Gate   *gate.Gate      // whose tickets the commits take

	// CheckpointBytes is the size of the write-ahead log, in bytes, from which on
	// WantsCheckpoint asks for a checkpoint. Default DefaultCheckpointBytes; negative: never.
	CheckpointBytes int64
	// LogMemory bounds it further where the log is in memory, because the Opener is a
	// durable.Journal: how many bytes it may have there now. It must not block. Nil: no bound.
	LogMemory func() int64
	// MaxRowBytes is the longest row, string or blob in bytes. Default DefaultMaxRowBytes;
	// negative: SQLite's own limit.
	MaxRowBytes int
	// MaxParameters is the most parameters of a user's statement. Default
	// DefaultMaxParameters; negative: SQLite's own limit.
	MaxParameters int
	// MaxPages bounds the database, in pages of 4,096 bytes. 0 or negative: SQLite's own limit.
	MaxPages int64
	// CommitTimeout is how long a commit or a checkpoint may take before it counts as
	// failed (T16). Default DefaultCommitTimeout; negative: no limit.
	CommitTimeout time.Duration

	// Alarm is told of the alarm: as it is after each commit that may have changed it, with its
	// ticket, before the commit is announced to the log; and as an opening finds it, with 0. It runs
	// in the call that commits or opens; it must neither block nor call the DB. Nil: nobody is told.
	Alarm func(a Alarm, ticket uint64)
	// Failed is told once per failure that happened in the background (a failed fsync, a
	// commit or checkpoint that does not end), on another goroutine: the owner resets
	// the object and calls Recover. It must not block and must not call the DB.
	Failed func(err error)
	// BeforeCreate runs before the files are made for the first write (L16: the index row
	// goes first). Its error fails that write and nothing is made.
	BeforeCreate func() error
	// BeforeOpen, OnOpen and OnClose tell when a connection is about to be opened, was
	// opened, was closed (L18). They must not call the DB.
	BeforeOpen, OnClose func()
	OnOpen              func(recovered bool) // from what a crash left in the write-ahead log
	// Foreign has a file of the reference taken over when it is opened first. Nil: it is refused.
	Foreign *Foreign
	// CommitFault is for tests: an error it returns fails a commit that has written something,
	// like an error of the disk.
	CommitFault func() error
}

// withDefaults returns o with every default filled in.
func (o Options) withDefaults() Options {
	if o.CheckpointBytes == 0 {
		o.CheckpointBytes = DefaultCheckpointBytes
	}
	if o.MaxRowBytes == 0 {
		o.MaxRowBytes = DefaultMaxRowBytes
	}
	o.MaxRowBytes = max(o.MaxRowBytes, 0)
	if o.MaxParameters == 0 {
		o.MaxParameters = DefaultMaxParameters
	}
	o.MaxPages = max(o.MaxPages, 0)
	if o.CommitTimeout == 0 {
		o.CommitTimeout = DefaultCommitTimeout
	}
	return o
}
