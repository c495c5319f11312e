package do

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/durablego/do/internal/catalog"
	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/engine"
	"github.com/durablego/do/internal/index"
	"github.com/google/uuid"
)

// Backup copies the data folder to dir, which must be empty or not exist, while the runtime
// serves: its catalog, and object by object what is in its namespaces, those that no script
// declares any more included. Each object is whole and as of a commit point of its own during
// the backup, of which everything is durable; objects that are made or deleted meanwhile are
// in it or not. When Backup returns nil the copy is durable, and can be opened like any folder.
//
// An object waits between two turns while what it wrote last is brought into its file, and
// is not taken out of memory while that is copied. At most 1 MiB is in memory.
//
// The copy is made beside dir, in dir.partial-<uuid>, and renamed at the end; after an error
// that folder is removed, and only a crash may leave it. Errors: fs.ErrExist if there is
// something in dir, ErrInvalidOptions for a dir inside the data folder, ErrClosed once Close
// has begun, also for a Backup that still copies; ctx's, the disk's, and that of the first object
// that cannot be read. Inside an object Backup is a wait of the turn (T3).
func (rt *Runtime) Backup(ctx context.Context, dir string) error {
	if rt.options.DryRun {
		return fmt.Errorf("do: backup: %w: a dry run", ErrUnserved)
	}
	return rt.apart(ctx, nil, func(ctx context.Context) error {
		ctx, end, err := rt.tasks.beginCopy(ctx)
		if err != nil {
			return err
		}
		defer end()
		if err := cutShort(ctx, rt.backup(ctx, dir)); err != nil {
			return fmt.Errorf("do: backup: %w", err)
		}
		return nil
	})
}

// backup is a copy that is being made.
type backup struct {
	rt    *Runtime
	dir   string      // where it is made
	whole *disk.Whole // syncs all of it at the end; nil: every file is synced by itself
}

func (rt *Runtime) backup(ctx context.Context, to string) (err error) {
	if to, err = filepath.Abs(to); err != nil {
		return err
	}
	if inside, err := filepath.Rel(rt.dir, to); err == nil && filepath.IsLocal(inside) {
		return fmt.Errorf("%w: %s is in the data folder", ErrInvalidOptions, to)
	}
	there, err := rt.fs.ReadDir(to)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if len(there) > 0 {
		return &fs.PathError{Op: "backup", Path: to, Err: fs.ErrExist}
	}
	b := &backup{rt: rt, dir: to + partialSuffix + "-" + uuid.NewString()}
	made := missing(rt.fs, filepath.Dir(to))
	if err := rt.fs.MkdirAll(b.dir); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, disk.RemoveAll(rt.fs, b.dir))
		}
	}()
	if err := b.copy(ctx); err != nil {
		return err
	}
	if rt.closing.Load() { // ctx may hear of it later
		return ErrClosed
	}
	if err := rt.fs.Remove(to); err != nil && !errors.Is(err, fs.ErrNotExist) { // empty: some systems rename to nothing only
		return err
	}
	if err := rt.fs.Rename(b.dir, to); err != nil {
		return err
	}
	for _, dir := range append([]string{to}, made...) {
		if err := rt.fs.SyncDir(filepath.Dir(dir)); err != nil {
			return err
		}
	}
	return nil
}

// copy makes the copy, durable but for the name of its folder.
func (b *backup) copy(ctx context.Context) (err error) {
	rt := b.rt
	if rt.fs == disk.OS() { // what stands in for it in tests sees each file's sync
		if b.whole, err = disk.OpenWhole(b.dir); err != nil {
			return err
		}
	}
	if b.whole != nil {
		defer func() { err = errors.Join(err, b.whole.Close()) }()
	}
	names, err := rt.fs.ReadDir(rt.dir)
	if err != nil {
		return err
	}
	served := map[string]*served{}
	for _, s := range rt.spaces {
		served[filepath.Base(s.dir)] = s
	}
	for _, name := range names {
		switch s := served[name]; {
		case s != nil:
			err = b.namespace(ctx, s)
		case rt.resting[name]:
			err = b.folder(ctx, name)
		case strings.HasPrefix(name, catalog.File):
			err = b.file(ctx, name)
		}
		if err != nil {
			return err
		}
	}
	if len(rt.unclean) > 0 {
		if err := rt.writeUncleanIn(b.dir, unclean{names: rt.unclean}); err != nil {
			return err
		}
	}
	if b.whole != nil {
		return b.whole.Sync()
	}
	return rt.fs.SyncDir(b.dir)
}

// namespace copies the objects of a namespace that may be in use, and lists exactly those.
func (b *backup) namespace(ctx context.Context, s *served) (err error) {
	names, err := b.rt.fs.ReadDir(s.dir)
	if err != nil {
		return err
	}
	dir := filepath.Join(b.dir, filepath.Base(s.dir))
	if err := b.rt.fs.MkdirAll(dir); err != nil {
		return err
	}
	list := index.New(index.Options{FS: b.rt.fs, Path: filepath.Join(dir, index.File)})
	defer func() { err = errors.Join(err, list.Close()) }()
	for _, name := range names {
		if name == catalog.IdentityFile {
			if err := b.file(ctx, filepath.Join(s.identity.UniqueKey, name)); err != nil {
				return err
			}
		}
		id, ok := s.idOfFile(name)
		if !ok {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if done, err := b.foreign(ctx, s, id, list); err != nil {
			return fmt.Errorf("%s: %w", filepath.Join(s.dir, name), err)
		} else if done {
			continue
		}
		var size int64
		var row index.Row
		var known bool
		then := func() (err error) { // before a later turn: its alarm must not be another one's
			row, known, err = s.index.Get(ctx, id.bytes)
			return err
		}
		had, err := s.snapshot(ctx, id, then, func(snap *engine.Snapshot) error {
			size = snap.Size()
			return b.write(filepath.Join(dir, name), func(f disk.File) error { return snap.CopyTo(ctx, f) })
		})
		if err == nil && had {
			b.list(list, id, row, known, size)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", filepath.Join(s.dir, name), err)
		}
	}
	return b.sync(dir)
}

// list puts an object into the index of the copy.
func (b *backup) list(list *index.Index, id ID, row index.Row, known bool, size int64) {
	if !known {
		now := time.Now().UnixNano()
		row = index.Row{ID: id.bytes, Created: now, Used: now}
	}
	if row.AlarmState == index.AlarmBegun { // no run dies in the copy
		row.AlarmState = index.AlarmSet
	}
	row.Size = size
	list.Put(row)
}

// folder copies a folder that nobody uses.
func (b *backup) folder(ctx context.Context, name string) error {
	names, err := b.rt.fs.ReadDir(filepath.Join(b.rt.dir, name))
	if err != nil {
		return err
	}
	if err := b.rt.fs.MkdirAll(filepath.Join(b.dir, name)); err != nil {
		return err
	}
	for _, file := range names {
		if err := b.file(ctx, filepath.Join(name, file)); err != nil {
			return err
		}
	}
	return b.sync(filepath.Join(b.dir, name))
}

// file copies a file that nobody writes to.
func (b *backup) file(ctx context.Context, name string) error {
	from, err := b.rt.fs.Open(filepath.Join(b.rt.dir, name), os.O_RDWR)
	if err != nil {
		return err
	}
	defer from.Close() // only read
	size, err := from.Size()
	if err != nil {
		return err
	}
	return b.write(filepath.Join(b.dir, name), func(f disk.File) error {
		_, err := io.Copy(&appender{file: f}, &heedful{ctx, io.NewSectionReader(from, 0, size)})
		return err
	})
}

// write makes a file of the copy.
func (b *backup) write(path string, content func(f disk.File) error) error {
	f, err := b.rt.fs.Open(path, os.O_RDWR|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return err
	}
	err = content(f)
	if err == nil && b.whole == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

// sync makes the names in a folder of the copy durable, if that is not done at the end.
func (b *backup) sync(dir string) error {
	if b.whole != nil {
		return nil
	}
	return b.rt.fs.SyncDir(dir)
}
