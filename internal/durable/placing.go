package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/durablego/do/internal/commitlog"
)

// complete is a segment that takes no batches any more.
type complete struct {
	segment *commitlog.Segment  // nil: there was no batch
	names   map[string]struct{} // of objects it speaks of
}

// rotateLocked completes the segment.
func (s *Shared) rotateLocked() {
	s.full = append(s.full, &complete{s.log.Rotate(), s.names})
	s.number++
	s.names = map[string]struct{}{}
	s.placeLocked()
}

// placeLocked sees to it that complete segments are given up, in the background.
func (s *Shared) placeLocked() {
	if s.placing {
		return
	}
	s.placing = true
	go func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if err := s.giveUpLocked(); err != nil {
			s.report(err)
		}
		s.placing = false
		s.wakeLocked()
	}()
}

func (s *Shared) report(err error) {
	if s.o.Report != nil {
		s.o.Report(err)
	}
}

// makeRoomLocked waits until there are few enough complete segments. If they cannot be
// given up, everybody who waits is told. REQUIRES: mu held; it is released meanwhile.
func (s *Shared) makeRoomLocked() {
	for tried := false; s.dead == nil && len(s.full) >= maxFull; s.waitLocked() {
		if s.placing {
			continue
		}
		if tried {
			s.failLocked(&SyncError{Err: errors.New("the commit log cannot be written out")}, nil)
			return
		}
		tried = true
		s.placeLocked()
	}
}

// giveUpLocked gives up complete segments, the oldest first. REQUIRES: mu held, nobody
// else does so; mu is released meanwhile.
func (s *Shared) giveUpLocked() error {
	for len(s.full) > 0 {
		if s.ruined != nil {
			return s.ruined
		}
		c := s.full[0]
		if err := s.doubtLocked(c.names); err != nil {
			return s.ruinLocked(err)
		}
		if err := s.placeFilesLocked(c.names); err != nil {
			return err
		}
		if c.segment != nil {
			s.mu.Unlock()
			err := s.log.Drop(c.segment)
			s.mu.Lock()
			if err != nil {
				return err
			}
		}
		s.full = s.full[1:]
		s.wakeLocked()
	}
	return nil
}

// placeFilesLocked makes durable in the files of objects what the log says of them: with
// nil it may be dropped. REQUIRES: mu held; it is released meanwhile.
func (s *Shared) placeFilesLocked(names map[string]struct{}) error {
	var lacking []*sharedLog
	for name := range names {
		if l := s.sources[name]; l != nil {
			lacking = append(lacking, l)
		} // else the file has it all
	}
	s.mu.Unlock()
	var err error
	if s.o.Before != nil {
		err = s.o.Before(names)
	}
	for _, l := range lacking {
		if err == nil {
			err = l.source.WriteBack(l.Durable)
		}
	}
	var failed error
	if err == nil {
		failed = s.syncFiles(names)
	}
	s.mu.Lock()
	if err != nil {
		return err
	}
	if failed == nil {
		// A sync of the object's own may have met an error that ours did not hear of any more.
		failed = s.doubtLocked(names)
	}
	switch {
	case s.ruined != nil:
		return s.ruined
	case failed != nil:
		return s.ruinLocked(failed)
	}
	return nil
}

// syncFiles makes the files of objects durable, and their names.
func (s *Shared) syncFiles(names map[string]struct{}) error {
	if len(names) == 0 {
		return nil
	}
	if s.o.All != nil {
		return s.o.All()
	}
	const parallel = 16
	work := make(chan string)
	errs := make(chan error, parallel)
	var wg sync.WaitGroup
	for range min(parallel, len(names)) {
		wg.Go(func() {
			var err error
			for name := range work {
				err = errors.Join(err, s.syncFile(filepath.Join(s.o.Root, name)))
			}
			errs <- err
		})
	}
	dirs := map[string]struct{}{}
	for name := range names {
		dirs[filepath.Join(s.o.Root, filepath.Dir(name))] = struct{}{}
		work <- name
	}
	close(work)
	wg.Wait()
	close(errs)
	var all []error
	for err := range errs {
		all = append(all, err)
	}
	for dir := range dirs {
		if err := s.o.FS.SyncDir(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			all = append(all, err)
		}
	}
	return errors.Join(all...)
}

// syncFile makes a file durable, if there is one.
func (s *Shared) syncFile(path string) error {
	f, err := s.o.FS.Open(path, os.O_RDWR)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// replaceLocked begins a new log after a failure, when everything the old one says is
// durable in the files. If that fails, who waits is told. REQUIRES: mu held by the
// goroutine that writes; it is released meanwhile.
func (s *Shared) replaceLocked() {
	for s.placing {
		s.waitLocked()
	}
	s.placing = true // nobody else
	segments := s.completeLocked()
	names := maps.Clone(s.names)
	err := s.doubtLocked(names)
	if err != nil && s.ruined == nil {
		err = s.ruinLocked(err)
	}
	s.mu.Unlock()
	if cerr := s.log.Close(segments...); cerr != nil {
		s.report(cerr) // of files that failed, and will be removed
	}
	s.mu.Lock()
	if s.ruined == nil && err == nil {
		err = s.placeFilesLocked(names)
	}
	ruined := s.ruined != nil
	for s.ruined != nil && len(s.users) > 0 {
		s.waitLocked() // their owners are closing them
	}
	s.mu.Unlock()
	if ruined {
		err = s.replay(names)
	}
	if err == nil {
		err = commitlog.Remove(s.o.FS, s.o.Dir)
	}
	s.mu.Lock()
	if err == nil {
		s.log = commitlog.New(s.o.FS, s.o.Dir)
		s.good = s.log.End()
		if ruined || s.ruined == nil { // else it was ruined while the old one was removed
			s.dead, s.ruined = nil, nil
		}
		clear(s.names)
		if ruined {
			clear(s.doubtful)
		}
	} else if s.next.began != (time.Time{}) {
		s.failLocked(&SyncError{Err: err}, nil)
	}
	s.placing = false
	s.wakeLocked()
}

// replay brings all files that the log speaks of, by these names, to what it says. Nobody
// has them open.
func (s *Shared) replay(names map[string]struct{}) error {
	if s.o.Before != nil {
		if err := s.o.Before(names); err != nil {
			return err
		}
	}
	// Replay may begin to undo what a batch said that was not to count: no part of it must
	// be there should the power be cut meanwhile.
	if err := commitlog.Cut(s.o.FS, s.o.Dir, s.good); err != nil {
		return err
	}
	_, err := commitlog.Replay(s.o.FS, s.o.Root, s.o.Dir)
	return err
}

// doubtLocked gives the error of the sync of one of the names, if one failed. It waits for
// those that are under way. REQUIRES: mu held; it is released meanwhile.
func (s *Shared) doubtLocked(names map[string]struct{}) error {
	for again := true; again; {
		again = false
		for name := range names {
			if err, ok := s.doubtful[name]; ok && err != nil {
				return err
			} else if ok {
				again = true
			}
		}
		if again {
			s.waitLocked()
		}
	}
	return nil
}

// ruinLocked has the log replayed: what a sync that failed should have made durable in
// the files is in the log only. REQUIRES: mu held; it is released meanwhile.
func (s *Shared) ruinLocked(err error) error {
	s.openedLocked() // first: who enters meanwhile is to wait for the replay, not to be told
	if s.ruined == nil {
		s.ruined = fmt.Errorf("durable: writing out the commit log: %w", err)
		s.failLocked(&SyncError{Err: s.ruined}, nil)
	}
	return s.ruined
}

// completeLocked ends the present segment for who will give up all of them at once, and
// has its objects and those of all others in names.
func (s *Shared) completeLocked() (segments []*commitlog.Segment) {
	for _, c := range s.full {
		if c.segment != nil {
			segments = append(segments, c.segment)
		}
		maps.Copy(s.names, c.names)
	}
	s.full = nil
	s.number++
	return segments
}

// Close makes everything that the log says durable in the files, and removes it. No Log
// may be open. After an error the log may still be there, for a replay.
func (s *Shared) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.running || s.placing {
		s.waitLocked()
	}
	if s.timer != nil {
		s.timer.Stop()
	}
	s.placing = true // for good
	err := s.dead
	if err == nil {
		s.full = append(s.full, &complete{s.log.Rotate(), s.names})
		s.number++
		err = s.giveUpLocked()
	}
	segments := s.completeLocked()
	used, names := len(s.users) > 0, maps.Clone(s.names)
	s.mu.Unlock()
	defer s.mu.Lock()
	cerr := s.log.Close(segments...)
	if err != nil {
		s.report(errors.Join(err, cerr))
		if used {
			return errors.Join(err, cerr)
		}
		if err, cerr = s.replay(names), nil; err != nil {
			return err
		}
	}
	return errors.Join(cerr, commitlog.Remove(s.o.FS, s.o.Dir))
}
