package do

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/durablego/do/internal/alarm"
	"github.com/durablego/do/internal/engine"
	"github.com/durablego/do/internal/index"
)

// Import gives an object that has no data those of a file that Export wrote, perhaps for
// another object or in another runtime. It reads r to its end, checks the file as a whole,
// and puts it in its place when events that run have ended; queued and new ones wait for
// that and go to a new instance, which finds the data. They are durable when Import returns
// nil. Before that nothing of them is seen, and nothing of them is left after an error or a
// crash. A file without data is taken for what it is: there are none.
//
// The name in the file is kept if it is the object's own; else it is dropped, and that of id
// is stored, if it has one (I13, I14).
//
// Errors: ErrHasData if the object has data, before r is read if it has them by then;
// ErrNotDatabase for a file that is no object's database or not sound, ErrNewerFormat for
// one of a newer version, ErrValueTooLarge for one over Options.MaxObjectBytes; ErrInvalidID,
// ErrForeignID, ErrClosed and ErrDeadlock as for Delete; r's, ctx's and the disk's own.
// Inside an object Import is a wait of the turn (T3).
func (n *Namespace) Import(ctx context.Context, id ID, r io.Reader) error {
	if err := n.checkHere(id); err != nil {
		return err
	}
	return n.rt.apart(ctx, n.owner, func(ctx context.Context) error {
		if err := n.take(ctx, id, r); err != nil {
			return fmt.Errorf("do: import %s: %w", id, err)
		}
		return nil
	})
}

func (s *served) take(ctx context.Context, id ID, r io.Reader) error {
	if err := s.wantNoData(ctx, id); err != nil {
		return err
	}
	path := s.rt.partial("import")
	defer func() {
		for _, name := range []string{path, path + walSuffix} {
			if err := s.rt.fs.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
				s.rt.options.Logger.Warn("a file of an import is left until the next Open", "file", name, "cause", err)
			}
		}
	}()
	if err := s.rt.receive(ctx, path, r); err != nil { // no task: Close does not wait for r
		return err
	}
	ctx, end, err := s.rt.tasks.beginCopy(ctx)
	if err != nil {
		return err
	}
	defer end()
	return cutShort(ctx, s.adopt(ctx, id, path))
}

// wantNoData fails with ErrHasData if the object has data.
func (s *served) wantNoData(ctx context.Context, id ID) error {
	ctx, end, err := s.rt.tasks.beginCopy(ctx)
	if err != nil {
		return err
	}
	defer end()
	defer s.settle(id)
	return cutShort(ctx, s.visit(ctx, id, func(c *cell) error {
		has, err := c.db.HasData(ctx)
		if err == nil && has {
			err = ErrHasData
		}
		return err
	}))
}

// receive writes what r gives to a new file.
func (rt *Runtime) receive(ctx context.Context, path string, r io.Reader) (err error) {
	f, err := rt.fs.Open(path, os.O_RDWR|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := f.Close(); err == nil {
			err = cerr
		}
	}()
	from := io.Reader(&heedful{ctx, r})
	if most := rt.options.MaxObjectBytes; most > 0 {
		from = io.LimitReader(from, most+1)
	}
	n, err := io.CopyBuffer(&appender{file: f}, struct{ io.Reader }{from}, make([]byte, 256<<10))
	if most := rt.options.MaxObjectBytes; err == nil && most > 0 && n > most {
		err = fmt.Errorf("%w: over %d bytes", ErrValueTooLarge, most)
	}
	return err
}

// adopt makes the file the database of an object without data.
func (s *served) adopt(ctx context.Context, id ID, path string) error {
	name := ""
	data, err := engine.Adopt(ctx, s.rt.fs, path, func(stored string) string {
		switch {
		case id.name != "" && len(id.name) <= maxKnownName:
			name = id.name
		case stored != "" && len(stored) <= maxKnownName && s.key.fromName(stored).Equal(id):
			name = stored
		}
		return name
	})
	if err != nil || !data {
		return err
	}
	return s.fenced(ctx, id, func(c *cell) error {
		c.doubt()
		if err := c.db.Take(context.Background(), path); err != nil {
			return err
		}
		c.named = false // the next instance reads it
		c.heard()
		c.filed.Store(true)
		c.announce(name)
		return nil
	})
}

// announce says that the object has got data that are durable. What cannot be read of them
// now is not given up: their closing tells the size, and somebody looks at the alarm.
func (c *cell) announce(name string) {
	ctx, now := context.Background(), time.Now().UnixNano()
	i, err := c.db.Info(ctx)
	if err != nil {
		c.Logger().Warn("the size of imported data is not known yet", "cause", err)
	}
	c.catchUp()
	c.served.index.Put(index.Row{ID: c.id.bytes, Name: name, Created: now, Used: now, Size: i.Size})
	a, err := c.db.Alarm(ctx)
	if err != nil {
		c.Logger().Warn("the alarm of imported data is looked at again", "cause", err)
		c.served.rt.alarms.Check(c.alarmKey())
		return
	}
	c.served.rt.alarms.Saw(c.alarmKey(), alarm.Alarm(a))
}
