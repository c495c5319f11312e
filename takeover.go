package do

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/durablego/do/internal/clone"
	"github.com/durablego/do/internal/doerr"
	"github.com/durablego/do/internal/engine"
	"github.com/durablego/do/internal/index"
)

// foundForeign is what Open finds in a folder of the reference's.
type foundForeign struct {
	names           map[index.ID]string // as its list has them, so that Objects and alarms know them
	objects, alarms atomic.Int64
}

// foreign says how the file of an object is taken over; nil where no class asks for that.
func (c *cell) foreign() *engine.Foreign {
	s := c.served
	if s.class.uniqueKey == "" {
		return nil
	}
	return &engine.Foreign{
		Value: s.rt.convert,
		Temp:  func() string { return s.rt.partial("takeover") },
		Name: func() string {
			row, _, err := s.index.Get(context.Background(), c.id.bytes)
			if err != nil || row.Name == "" || len(row.Name) > maxKnownName || !s.key.fromName(row.Name).Equal(c.id) {
				return "" // somebody will call the object by its name
			}
			return row.Name
		},
		Done: func(t engine.Takeover, err error) {
			if err != nil {
				c.Logger().Error("an object's data could not be taken over; they stay as they are", "cause", err)
				return
			}
			c.Logger().Info("took over an object's data", "keys", t.Keys, "alarm", t.Alarm != 0, "original", t.Original, "bytes", t.Size)
		},
	}
}

// convert gives the bytes to store for what the reference has stored under a key.
func (rt *Runtime) convert(key string, stored []byte) ([]byte, error) {
	v, err := clone.Read(stored)
	var data []byte
	if err == nil {
		data, err = rt.limits.Encode(key, v)
	}
	if err == nil {
		return data, nil
	}
	e := &doerr.ConversionError{Key: key, Err: err}
	if c, ok := errors.AsType[*clone.Error](err); ok {
		e.Tag = c.Tag
	}
	return nil, e
}

// setAside makes room for the namespace's index.
func (s *served) setAside() error {
	if s.class.uniqueKey == "" {
		return nil
	}
	return index.SetAside(s.rt.fs, filepath.Join(s.dir, index.File))
}

// readNames keeps the names that the reference knew, for a look at everything.
func (s *served) readNames() (err error) {
	if s.class.uniqueKey != "" {
		s.found.names, err = index.ForeignNames(s.rt.fs, filepath.Join(s.dir, index.File))
	}
	return err
}

// lookForeign is look at an object that is not taken over yet; false if it is no such one. It
// stays that way until it is used. After an error that says that there is something.
func (s *served) lookForeign(id ID) (foreign bool, err error) {
	if s.class.uniqueKey == "" {
		return false, nil
	}
	path := s.path(id)
	if foreign, err := engine.IsForeign(s.rt.fs, path); err != nil || !foreign {
		return false, nil // it is looked at as one of ours
	}
	size, err := s.rt.fs.Stat(path)
	if log, lerr := s.rt.fs.Stat(path + walSuffix); err == nil && lerr == nil {
		size += log
	}
	var a engine.Alarm
	data := true
	if err == nil {
		a, data, err = engine.InspectForeign(s.rt.fs, path)
	}
	if err != nil {
		data = true // so that it is seen, and can be deleted
	}
	if !data {
		s.index.Remove(id.bytes)
		return true, nil
	}
	s.found.objects.Add(1)
	name := s.found.names[id.bytes]
	if name != "" && !s.key.fromName(name).Equal(id) {
		name = ""
	}
	if a.IsSet() {
		s.found.alarms.Add(1)
	}
	if _, known, gerr := s.index.Get(context.Background(), id.bytes); gerr == nil && !known {
		now := time.Now().UnixNano() // in one change, so that no row is ever without its alarm
		s.index.Put(index.Row{ID: id.bytes, Name: name, Created: now, Used: now, Size: size, Alarm: a.At, AlarmState: stateOf(a)})
	} else {
		s.index.Saw(id.bytes, name, 0, size)
		if err == nil {
			s.repairAlarm(context.Background(), id, a)
		}
	}
	if err != nil {
		s.missed(id, err)
	}
	return true, err
}

// foundForeign tells what Open has found.
func (s *served) foundForeign() {
	if n := s.found.objects.Load(); n > 0 {
		s.rt.options.Logger.Info("objects of the reference, to be taken over when they are used first",
			"class", s.class.name, "folder", filepath.Base(s.dir), "objects", n, "alarms", s.found.alarms.Load())
	}
	s.found.names = nil
}

// original is the size of an object's file as it was before it was taken over, 0 without one.
func (s *served) original(id ID) int64 {
	if s.class.uniqueKey == "" {
		return 0
	}
	size, err := s.rt.fs.Stat(s.path(id) + engine.OriginalSuffix)
	if err != nil {
		return 0
	}
	return size
}

// discardOriginal removes, durably, what the reference left of an object beside what a
// deletion removes anyway.
func (s *served) discardOriginal(id ID) error {
	if s.class.uniqueKey == "" {
		return nil
	}
	removed := false
	for _, suffix := range []string{engine.OriginalSuffix, "-shm"} {
		err := s.rt.fs.Remove(s.path(id) + suffix)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		removed = removed || err == nil
	}
	if !removed {
		return nil
	}
	return s.folder.Sync()
}

// foreign copies the files of an object that is not taken over yet, as they are, between two
// of its turns; false if it is no such one.
func (b *backup) foreign(ctx context.Context, s *served, id ID, list *index.Index) (done bool, err error) {
	if s.class.uniqueKey == "" {
		return false, nil
	}
	defer s.settle(id)
	err = s.visit(ctx, id, func(c *cell) (err error) {
		if done, err = c.db.IsForeign(ctx); err != nil || !done {
			return err
		}
		row, known, err := s.index.Get(ctx, id.bytes)
		if err != nil {
			return err
		}
		name := filepath.Join(filepath.Base(s.dir), filepath.Base(s.path(id)))
		if err := b.file(ctx, name+walSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := b.file(ctx, name); err != nil {
			return err
		}
		if known {
			b.list(list, id, row, known, row.Size)
		}
		return nil
	})
	return done, err
}
