package metamorphic

import (
	"runtime"
	"time"

	"github.com/durablego/do/internal/disk"
)

// lagging is a disk whose syncs are late, so that who does not wait for one is seen: the power fails before it. They do nothing else; what
// a power cut leaves is known above it.
type lagging struct{ disk.FS }

type laggingFile struct{ disk.File }

// lag is how late, at least.
const lag = 100 * time.Microsecond

func (l lagging) Open(name string, flag int) (disk.File, error) {
	f, err := l.FS.Open(name, flag)
	if err != nil {
		return nil, err
	}
	return laggingFile{f}, nil
}

func (lagging) SyncDir(string) error { return nil }

func (laggingFile) Sync() error {
	for begun := time.Now(); time.Since(begun) < lag; {
		runtime.Gosched()
	}
	return nil
}
