package do

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/durablego/do/internal/bridge"
	"github.com/durablego/do/internal/commitlog"
	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/durable"
)

// logDir is the folder of the commit log in the data folder. After a clean stop it is empty.
const logDir = "commits"

// openLog says how commits become durable, after it has brought the files to the state
// that a runtime which did not stop cleanly had promised.
func (rt *Runtime) openLog(relaxed bool, b bridge.Config) (err error) {
	dir := filepath.Join(rt.dir, logDir)
	found, err := commitlog.Replay(rt.fs, rt.dir, dir)
	if err != nil {
		return unreadable(err)
	}
	for _, name := range found.Lost {
		rt.options.Logger.Error("the file of an object is gone, commits of it are in the log", "file", name)
	}
	if len(found.Names) > 0 { // the log goes before the indexes are repaired
		left, err := rt.readUnclean()
		if err != nil {
			return err
		}
		left.names = append(left.names, found.Names...)
		if err := rt.writeUnclean(left); err != nil {
			return err
		}
	}
	if err := commitlog.Remove(rt.fs, dir); err != nil {
		return fmt.Errorf("commit log: %w", err)
	}
	if relaxed {
		rt.opener = durable.Relaxed()
		return nil
	}
	o := durable.SharedOptions{
		FS: rt.fs, Root: rt.dir, Dir: dir, Timeout: rt.options.CommitTimeout,
		SegmentBytes: b.SegmentBytes, Before: rt.syncIndexes, Fault: b.SyncFault,
		Report: func(err error) { rt.options.Logger.Error("writing out the commit log", "cause", err) },
	}
	if rt.fs == disk.OS() { // what stands in for it in tests sees each file's sync
		if rt.whole, err = disk.OpenWhole(rt.dir); err != nil {
			return err
		}
		if rt.whole != nil {
			o.All = rt.whole.Sync
		}
	}
	rt.shared = durable.NewShared(o)
	rt.opener = rt.shared
	return nil
}

// unreadable says of what kind the error of a replay is.
func unreadable(err error) error {
	var damage *commitlog.DamageError
	var newer *commitlog.VersionError
	switch {
	case errors.As(err, &damage):
		return fmt.Errorf("%w: %w", ErrDamagedLog, err)
	case errors.As(err, &newer):
		return fmt.Errorf("%w: %w", ErrNewerFormat, err)
	}
	return err
}

// syncIndexes makes the indexes durable, before the log forgets these names, and notes down
// those of them about whom the indexes may still be wrong. No commit waits for an index that
// cannot be written: the next Open then looks at everything.
func (rt *Runtime) syncIndexes(names map[string]struct{}) error {
	return rt.doubts.note(func() error { return rt.syncAndNote(names) })
}

func (rt *Runtime) syncAndNote(names map[string]struct{}) error {
	if rt.untidy.Load() && rt.marked.Load() {
		return nil
	}
	// First: the rows of all others are about to be synced.
	doubted, still := rt.doubts.among(names), rt.doubts.among(rt.doubts.noted)
	for _, s := range rt.spaces {
		if s.index == nil {
			continue // Open has failed
		}
		err := s.index.Sync(context.Background())
		if err == nil {
			continue
		}
		rt.options.Logger.Error("the index of a namespace could not be made durable; all are repaired at the next Open",
			"class", s.class.name, "cause", err)
		rt.untidy.Store(true)
		if err := rt.writeUnclean(unclean{all: everything}); err != nil {
			return fmt.Errorf("index of %q: %w", s.class.binding, err)
		}
		rt.marked.Store(true)
		return nil
	}
	if err := rt.noteDoubts(doubted, still); err != nil {
		return fmt.Errorf("objects that are open: %w", err)
	}
	return nil
}

// closeLog brings everything that is in the log into the files it belongs to.
func (rt *Runtime) closeLog() error {
	if rt.shared == nil {
		return nil
	}
	err := rt.shared.Close()
	rt.shared = nil
	return err
}
