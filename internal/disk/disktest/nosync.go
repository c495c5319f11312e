package disktest

import "github.com/durablego/do/internal/disk"

// NoSync is fs without its syncs: they succeed and do nothing. Below a [Recorder], which
// needs only to see them, it saves most of the time.
func NoSync(fs disk.FS) disk.FS { return noSync{fs} }

type noSync struct{ disk.FS }

func (n noSync) Open(name string, flag int) (disk.File, error) {
	f, err := n.FS.Open(name, flag)
	if err != nil {
		return nil, err
	}
	return noSyncFile{f}, nil
}

func (noSync) SyncDir(string) error { return nil }

type noSyncFile struct{ disk.File }

func (noSyncFile) Sync() error { return nil }
