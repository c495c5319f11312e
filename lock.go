package do

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/uuid"
)

// folderLock is the claim of one runtime on a data folder (L19). The system drops it when
// the process ends, however it ends.
type folderLock struct{ file *os.File }

// errTaken says that the lock file cannot even be opened because somebody holds it.
var errTaken = errors.New("do: the lock file is held")

func lockFolder(dir string) (*folderLock, error) {
	path := filepath.Join(dir, "LOCK")
	f, err := openLock(path)
	if err == errTaken {
		return nil, lockedBy(path)
	}
	if err != nil {
		return nil, fmt.Errorf("do: open: %w", err)
	}
	taken, err := takeLock(f)
	if err != nil || !taken {
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("do: lock %s: %w", path, err)
		}
		return nil, lockedBy(path)
	}
	content := fmt.Sprintf("pid %d\nruntime %s\n", os.Getpid(), uuid.NewString())
	if err = f.Truncate(0); err == nil {
		_, err = f.WriteAt([]byte(content), 0)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("do: lock %s: %w", path, err)
	}
	return &folderLock{f}, nil
}

func lockedBy(path string) error {
	holder := "its holder"
	if b, err := os.ReadFile(path); err == nil {
		if line, _, _ := strings.Cut(string(b), "\n"); line != "" {
			holder = line
		}
	}
	return fmt.Errorf("%w: %s, by %s", ErrLocked, filepath.Dir(path), holder)
}

func (l *folderLock) unlock() error { return l.file.Close() }
