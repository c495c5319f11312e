package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/durablego/do/internal/doerr"
	"github.com/durablego/do/internal/sqlite"
)

// OpenCursor runs the statements of a user's text and opens c, which is new, on the last
// one (S1). args are for the last one. Its first step is made, a statement that is not
// read-only runs to its end (S6). With lenient the text may end in comments and
// semicolons, or hold nothing else; otherwise that is doerr.ErrNoStatement (S4).
//
// If a statement fails the ones before it stay done (S3). Besides the errors of every
// call it gives *sqlite.Error, also for what is not allowed, and doerr.ErrParameters.
func (s *Session) OpenCursor(ctx context.Context, c *Cursor, sql string, args []sqlite.Arg, lenient bool) error {
	return s.openCursor(ctx, c, sql, args, lenient)
}

// OpenCursorIn is OpenCursor, lenient, for database/sql: the cursor has the types of its
// columns. If t is not nil the text belongs to t, and gives doerr.ErrTxDone when that has ended;
// statements on savepoints work in it (S37).
func (s *Session) OpenCursorIn(ctx context.Context, t *Tx, c *Cursor, sql string, args []sqlite.Arg) error {
	c.typed, c.tx = true, t
	return s.openCursor(ctx, c, sql, args, true)
}

func (s *Session) openCursor(ctx context.Context, c *Cursor, sql string, args []sqlite.Arg, lenient bool) error {
	c.s, c.ctx = s, ctx
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	if c.tx != nil {
		if _, err := c.tx.find(); err != nil {
			return err
		}
	}
	if err := s.open(c, sql, args, lenient); err != nil {
		return s.failed(err)
	}
	return nil
}

// Check prepares the first statement of a text, which is kept for its first run, and makes no
// file for it. An empty text is none.
func (s *Session) Check(ctx context.Context, t *Tx, sql string) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	x, err := s.user()
	if err != nil {
		return s.failed(err)
	}
	if x.kept[sql] != nil {
		return nil
	}
	st, tail, err := x.prepare(sql, t != nil)
	if err != nil {
		return s.failed(err)
	}
	if st == nil {
		return nil
	}
	s.flagged(x, st)
	if sqlite.Blank(tail) && !(x == s.d.void && st.Writes) {
		x.keep(st, sql)
	}
	x.release(st)
	return nil
}

// open is OpenCursor. REQUIRES: lock held.
func (s *Session) open(c *Cursor, sql string, args []sqlite.Arg, lenient bool) error {
	x, err := s.user()
	if err != nil {
		return err
	}
	if t := x.find(sql); t != nil {
		return s.last(c, x, t, args)
	}
	for rest := sql; ; {
		if s.fenced.Load() {
			return doerr.ErrReset // Recover waits
		}
		var t *text
		var tail string
		if x, t, tail, err = s.prepare(x, rest, c.tx != nil); err != nil {
			return within(sql, rest, err)
		}
		if t == nil {
			if rest = tail; rest != "" {
				continue
			}
			if !lenient {
				return doerr.ErrNoStatement
			}
			c.state.Store(cursorDone)
			return nil
		}
		if sqlite.Blank(tail) || lenient && sqlite.Empty(tail) {
			if len(rest) == len(sql) && sqlite.Blank(tail) { // else who is not lenient would find it
				x.keep(t, sql)
			}
			return within(sql, rest, s.last(c, x, t, args))
		}
		if err := s.earlier(c, x, t); err != nil {
			return within(sql, rest, err)
		}
		rest = tail
	}
}

// within moves the place of an error from the statement to the whole text.
func within(sql, rest string, err error) error {
	if e, ok := errors.AsType[*sqlite.Error](err); ok && e.Offset >= 0 {
		e.Offset += len(sql) - len(rest)
	}
	return err
}

// prepare prepares the first statement of sql for x. One that writes is for the object's
// database, which is made if there is none: x changes.
func (s *Session) prepare(x *texts, sql string, inTx bool) (_ *texts, t *text, tail string, err error) {
	for {
		t, tail, err = x.prepare(sql, inTx)
		if t == nil || err != nil {
			return x, nil, tail, err
		}
		s.flagged(x, t)
		if x != s.d.void || !t.Writes {
			return x, t, tail, nil
		}
		x.release(t)
		if err := s.mayWrite(); err != nil {
			return x, nil, "", err
		}
		if err := s.d.writing(); err != nil {
			return x, nil, "", err
		}
		if x, err = s.user(); err != nil {
			return x, nil, "", err
		}
	}
}

// earlier runs a statement that is not the last one: nobody wants its rows.
func (s *Session) earlier(c *Cursor, x *texts, t *text) (err error) {
	defer x.release(t)
	if t.ParamCount() > 0 { // S2
		return fmt.Errorf("%w: only the last statement of a text may have parameters", doerr.ErrParameters)
	}
	if t.Savepoint.Op != "" {
		return c.tx.savepoint(t.Savepoint.Op, t.Savepoint.Name)
	}
	if t.Writes {
		return s.runWrite(c, x, t, nil, false)
	}
	for row := true; row && err == nil; {
		c.rows.Reset()
		row, err = x.read(c.ctx, t, nil, &c.rows)
	}
	return err
}

// last runs the statement that c is opened on.
func (s *Session) last(c *Cursor, x *texts, t *text, args []sqlite.Arg) error {
	args, err := inOrder(t, args)
	if err != nil {
		x.release(t)
		return err
	}
	if t.Savepoint.Op != "" {
		x.release(t)
		c.state.Store(cursorDone)
		return c.tx.savepoint(t.Savepoint.Op, t.Savepoint.Name)
	}
	if t.ColumnCount() > 0 {
		c.rows.Use(c.memory.values[:], c.memory.data[:])
	}
	if t.Writes {
		err = s.runWrite(c, x, t, args, true)
		c.describe(t)
		x.release(t)
		if err != nil {
			return redact(err, args)
		}
		if len(c.rows.Values) == 0 {
			c.state.Store(cursorDone)
			return nil
		}
		c.enroll(nil, nil)
		return nil
	}
	row, err := x.read(c.ctx, t, args, &c.rows)
	if err != nil {
		x.release(t)
		return redact(err, args)
	}
	c.describe(t)
	if !row {
		c.state.Store(cursorDone)
		x.release(t)
		return nil
	}
	c.enroll(t, x)
	if t.single {
		c.fill(0)
	}
	return nil
}

// runWrite runs a statement that is not read-only to its end, as part of the implicit
// transaction (S8), and keeps its rows in c if they are wanted.
func (s *Session) runWrite(c *Cursor, x *texts, t *text, args []sqlite.Arg, keep bool) error {
	d := s.d
	if err := d.begin(); err != nil {
		return err
	}
	if err := s.defers(x); err != nil {
		return err
	}
	rows := &c.rows
	if !keep {
		rows = nil
	}
	if !t.Schema {
		o, err := t.Run(args, rows)
		c.written += o.Changes
		c.direct, c.lastID = o.Direct, o.LastID
		return err
	}
	d.parkScans() // a table cannot be dropped under an open cursor
	return s.atomically(func() error {
		o, err := t.Run(args, rows)
		if err != nil {
			return err
		}
		c.direct, c.lastID = 0, o.LastID
		return d.db.checkSchema()
	})
}

// inOrder gives args by the position of their parameters: they are all by position or all
// by name (S5).
func inOrder(t *text, args []sqlite.Arg) ([]sqlite.Arg, error) {
	n := t.ParamCount()
	if len(args) != n {
		return nil, fmt.Errorf("%w: %d arguments for %d parameters", doerr.ErrParameters, len(args), n)
	}
	named := 0
	for i := range args {
		if args[i].Name != "" {
			named++
		}
	}
	switch named {
	case 0:
		return args, nil
	case n:
		return byName(t.ParamNames(), args)
	}
	return nil, fmt.Errorf("%w: names and positions are mixed", doerr.ErrParameters)
}

func byName(names []string, args []sqlite.Arg) ([]sqlite.Arg, error) {
	ordered := make([]sqlite.Arg, len(names))
	used := make([]bool, len(args))
	for i, name := range names {
		if name == "" || name[0] == '?' {
			return nil, fmt.Errorf("%w: parameter %d has no name", doerr.ErrParameters, i+1)
		}
		found := -1
		for j := range args {
			if args[j].Name == name[1:] && !used[j] {
				found = j
				break
			}
		}
		if found < 0 {
			return nil, fmt.Errorf("%w: no argument is called %s", doerr.ErrParameters, name[1:])
		}
		used[found], ordered[i] = true, args[found]
	}
	return ordered, nil
}
