package do

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/durablego/do/internal/engine"
	"github.com/durablego/do/internal/gate"
	"github.com/durablego/do/internal/index"
)

const (
	objectSuffix  = ".sqlite"
	walSuffix     = "-wal"
	partialSuffix = ".partial" // of files that are not whole yet, or not in their place
)

// touched says which rows of an index may be wrong.
type touched struct {
	extent extent
	ids    []ID
}

// repairAll repairs the indexes of all namespaces (L20), at Open.
func (rt *Runtime) repairAll(relaxed bool) error {
	left, err := rt.readUnclean()
	if err != nil {
		return err
	}
	rt.unclean = left.ofThose(rt.resting)
	marked := left.all == everything
	var lacking []string // of those who could not be looked at
	for _, s := range rt.spaces {
		if err := s.setAside(); err != nil {
			return fmt.Errorf("index of %q: %w", s.class.binding, err)
		}
		lost, err := index.Examine(rt.fs, filepath.Join(s.dir, index.File))
		if err != nil {
			return err
		}
		t := left.of(s)
		if lost {
			t.extent = everything
		}
		if lost && !marked && s.hasFiles() { // cut short, the new index might lack rows
			mark := func() error { return rt.writeUnclean(unclean{all: everything, names: left.names}) }
			if err := rt.doubts.note(mark); err != nil {
				return err
			}
			marked = true
		}
		if lost {
			if err := index.Discard(rt.fs, filepath.Join(s.dir, index.File)); err != nil {
				return err
			}
		}
		if t.extent != nothing {
			if err := s.readNames(); err != nil {
				return err
			}
		}
		failed, err := s.repair(context.Background(), t)
		if err != nil {
			return fmt.Errorf("index of %q: %w", s.class.binding, err)
		}
		lacking = append(lacking, failed...)
		s.foundForeign()
	}
	return rt.doubts.note(func() error { return rt.repaired(relaxed, lacking) })
}

// repaired says that of the indexes nothing is to be repaired any more but the rows of some
// objects. REQUIRES: noting.
func (rt *Runtime) repaired(relaxed bool, lacking []string) error {
	lacking = rt.doubts.keep(lacking)
	if relaxed { // no commit log will tell whom the index lacks
		return rt.writeUnclean(unclean{all: found, names: slices.Concat(rt.unclean, lacking)})
	}
	if rt.marked.Load() {
		return nil // an index could not be made durable meanwhile
	}
	if err := rt.tidy(lacking); err != nil || !rt.untidy.Load() {
		return err
	}
	return rt.writeUnclean(unclean{all: everything}) // what said so meanwhile is removed
}

// hasFiles says whether there is anything in the namespace's folder, or may be.
func (s *served) hasFiles() bool {
	names, err := s.rt.fs.ReadDir(s.dir)
	return len(names) > 0 || err != nil && !errors.Is(err, fs.ErrNotExist)
}

// repair makes the rows of what was touched agree with the files, which are the truth, and
// that durable. No constructor runs. failed are the files that could not be looked at.
func (s *served) repair(ctx context.Context, t touched) (failed []string, err error) {
	look := newLooks(s)
	if t.extent != everything {
		for _, id := range t.ids {
			look.at(id)
		}
		failed = look.end()
	}
	if t.extent != nothing {
		look := newLooks(s) // not beside those: two must not open one database
		err := s.compare(ctx, look, t.extent == everything)
		failed = append(failed, look.end()...)
		if err != nil {
			return failed, err
		}
	}
	return failed, s.index.Sync(ctx)
}

// compare looks at files without a row, at those that were open, and drops rows without a
// file. Unless all are wanted, what was closed and has a row is as its row says.
func (s *served) compare(ctx context.Context, look *looks, all bool) error {
	names, err := s.rt.fs.ReadDir(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	next, stop := iter.Pull2(s.rows(ctx))
	defer stop()
	row, err, more := next()
	for len(names) > 0 && err == nil {
		id, open, ok := s.object(&names)
		if !ok {
			continue
		}
		for more && err == nil && string(row[:]) < string(id.bytes[:]) {
			s.index.Remove(row)
			row, err, more = next()
		}
		known := more && row == id.bytes
		if known {
			row, err, more = next()
		}
		if all || open || !known {
			look.at(id)
		}
	}
	for more && err == nil {
		s.index.Remove(row)
		row, err, more = next()
	}
	return err
}

// rows gives the ids of all rows.
func (s *served) rows(ctx context.Context) iter.Seq2[index.ID, error] {
	return func(yield func(index.ID, error) bool) {
		var after index.ID
		for {
			rows, err := s.index.List(ctx, after, objectsPage)
			if err != nil {
				yield(index.ID{}, err)
				return
			}
			for _, r := range rows {
				if after = r.ID; !yield(after, nil) {
					return
				}
			}
			if len(rows) < objectsPage {
				return
			}
		}
	}
}

// object takes the files of one object from a sorted list of names; false if the next name
// is none of an object. open says that there is a log.
func (s *served) object(names *[]string) (id ID, open, ok bool) {
	name := (*names)[0]
	*names = (*names)[1:]
	id, ok = s.idOfFile(name)
	if ok && len(*names) > 0 && (*names)[0] == name+walSuffix {
		open, *names = true, (*names)[1:]
	}
	return id, open, ok
}

// idOfFile gives the id in the name of a main file.
func (s *served) idOfFile(name string) (id ID, ok bool) {
	digits, ok := strings.CutSuffix(name, objectSuffix)
	if !ok || len(digits) != 64 {
		return ID{}, false
	}
	if _, err := hex.Decode(id.bytes[:], []byte(digits)); err != nil || id.String() != digits {
		return ID{}, false
	}
	return id, s.key.owns(id)
}

// looks opens the databases of objects, several at once, and corrects their rows.
type looks struct {
	s    *served
	work chan ID
	wg   sync.WaitGroup
	once sync.Once

	mu     sync.Mutex // guards failed
	failed []string   // main files below the data folder
}

// lookers is how many databases are open at once meanwhile.
const lookers = 16

func newLooks(s *served) *looks { return &looks{s: s, work: make(chan ID)} }

// at looks at one object some time before end returns.
func (l *looks) at(id ID) {
	l.once.Do(func() {
		for range lookers {
			l.wg.Go(func() {
				for id := range l.work {
					if err := l.s.look(id); err != nil {
						l.s.rt.options.Logger.Error("an object's database could not be looked at",
							"class", l.s.class.name, "id", id.String(), "cause", err)
						l.mu.Lock()
						l.failed = append(l.failed, l.s.fileOf(id))
						l.mu.Unlock()
					}
				}
			})
		}
	})
	l.work <- id
}

// end waits for all of them, and gives the files of those that failed.
func (l *looks) end() (failed []string) {
	close(l.work)
	l.wg.Wait()
	return l.failed
}

// look opens and closes the database of an object, which makes durable what a crash left in
// its log and removes what has no data, and corrects its row. After an error that says that
// there is something, which can be deleted.
func (s *served) look(id ID) error {
	rt := s.rt
	if foreign, err := s.lookForeign(id); foreign {
		return err
	}
	db := engine.New(engine.Options{
		FS:            rt.fs,
		Path:          s.path(id),
		Folder:        s.folder,
		Opener:        rt.opener,
		Gate:          new(gate.Gate),
		CommitTimeout: rt.options.CommitTimeout,
	})
	ctx := context.Background()
	_, err := db.Name()
	var alarm engine.Alarm
	if err == nil {
		alarm, err = db.Alarm(ctx)
	}
	if err == nil {
		err = db.Close(ctx)
	}
	var i engine.Info
	if err == nil {
		i, err = db.Info(ctx)
	}
	switch {
	case err != nil:
		db.Abandon()
		if size, serr := rt.fs.Stat(s.path(id)); serr == nil {
			s.index.Saw(id.bytes, "", 0, size)
			s.missed(id, err)
		}
	case i.Exists:
		s.index.Saw(id.bytes, i.Name, 0, i.Size)
		s.repairAlarm(ctx, id, alarm)
	default:
		s.index.Remove(id.bytes)
	}
	return err
}

// missed has a look at an object whose alarm could not be read, if that may work another time.
func (s *served) missed(id ID, err error) {
	if s.class.alarms && engine.IsIO(err) {
		s.index.SetAlarm(id.bytes, nowNano(), index.AlarmSet)
	}
}

// closeIndexes closes the indexes.
func (rt *Runtime) closeIndexes() {
	for _, s := range rt.spaces {
		if s.index == nil {
			continue
		}
		if err := s.index.Close(); err != nil {
			rt.untidy.Store(true)
			rt.options.Logger.Error("the index of a namespace could not be closed; it is repaired at the next Open",
				"class", s.class.name, "cause", err)
		}
	}
}

// leaveUnclean ends a runtime whose objects have left memory. If all went well the next Open
// need not look at them; else it repairs what this one could not write.
func (rt *Runtime) leaveUnclean() {
	if rt.temporary || rt.options.DryRun {
		return
	}
	var err error
	if rt.untidy.Load() {
		err = rt.writeUnclean(unclean{all: everything})
	} else {
		err = rt.tidy(rt.doubts.left())
	}
	if err != nil {
		rt.options.Logger.Error("the folder could not be marked", "cause", err)
	}
}

// sweep removes what an interrupted copy left.
func (rt *Runtime) sweep() error {
	names, err := rt.fs.ReadDir(rt.dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if strings.HasSuffix(strings.TrimSuffix(name, walSuffix), partialSuffix) {
			if err := rt.fs.Remove(filepath.Join(rt.dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}
