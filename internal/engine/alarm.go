package engine

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/durablego/do/internal/sqlite"
)

// Alarm is the alarm in a database; the zero value is none. Two that were set one after the
// other are never equal if one of them was set while the other ran, even for the same time
// (A8.5): so whether an alarm is still the one that ran can be seen by comparing.
type Alarm struct {
	At   int64  // nanoseconds since 1970; 0: there is none
	Gen  uint64 // tells alarms for the same time apart
	Dead bool   // its handler failed for good (A14)
}

// IsSet reports whether there is an alarm that is to run.
func (a Alarm) IsSet() bool { return a.At != 0 && !a.Dead }

const deadMark = " dead"

// text is how an alarm is stored.
func (a Alarm) text() string {
	s := strconv.FormatInt(a.At, 10) + " " + strconv.FormatUint(a.Gen, 10)
	if a.Dead {
		s += deadMark
	}
	return s
}

func parseAlarm(s string) (a Alarm, err error) {
	rest, dead := strings.CutSuffix(s, deadMark)
	at, gen, _ := strings.Cut(rest, " ")
	if a.At, err = strconv.ParseInt(at, 10, 64); err == nil {
		a.Gen, err = strconv.ParseUint(gen, 10, 64)
	}
	if err != nil || a.At <= 0 {
		return Alarm{}, &Error{Op: "alarm", Err: fmt.Errorf("what is stored is none: %q", s)}
	}
	a.Dead = dead
	return a, nil
}

// Alarm returns the alarm; none while its handler runs and nobody has set one since (A7).
func (s *Session) Alarm(ctx context.Context) (Alarm, error) {
	if err := s.enter(ctx); err != nil {
		return Alarm{}, err
	}
	defer s.leave()
	a, err := s.d.readAlarm()
	if err != nil {
		return Alarm{}, s.failed(err)
	}
	if a == s.alarm {
		return Alarm{}, nil
	}
	return a, nil
}

// SetAlarm sets the alarm. The time that is set already is no write, unless that alarm is
// dead or runs (A2).
func (s *Session) SetAlarm(ctx context.Context, at int64) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	old, err := s.d.readAlarm()
	if err != nil {
		return s.failed(err)
	}
	if old.At == at && !old.Dead && old != s.alarm {
		return nil
	}
	next := Alarm{At: at}
	if s.alarm.At != 0 || old.Dead {
		next.Gen = max(s.alarm.Gen, old.Gen) + 1
	}
	st, err := s.write(stmtSetAlarm)
	if err == nil {
		err = s.d.storeAlarm(st, next)
	}
	if err != nil {
		return s.failed(err)
	}
	return nil
}

// DeleteAlarm removes the alarm. Where there is none it writes nothing.
func (s *Session) DeleteAlarm(ctx context.Context) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	if err := s.deleteAlarm(func(Alarm) bool { return true }); err != nil {
		return s.failed(err)
	}
	return nil
}

// deleteAlarm removes the alarm if it is such a one. REQUIRES: lock held.
func (s *Session) deleteAlarm(such func(Alarm) bool) error {
	a, err := s.d.readAlarm()
	if err != nil || a.At == 0 || !such(a) {
		return err
	}
	st, err := s.write(stmtDeleteAlarm)
	if err != nil {
		return err
	}
	s.d.alarmed = true
	return finish(st)
}

// BeginAlarm says that the handler runs, if the alarm is due: from now to EndAlarm there is
// none unless somebody sets one. It returns the alarm, whether or not it is due.
func (s *Session) BeginAlarm(ctx context.Context, due func(Alarm) bool) (Alarm, bool, error) {
	if err := s.enter(ctx); err != nil {
		return Alarm{}, false, err
	}
	defer s.leave()
	a, err := s.d.readAlarm()
	if err != nil {
		return Alarm{}, false, s.failed(err)
	}
	if !a.IsSet() || !due(a) {
		return a, false, nil
	}
	s.alarm = a
	return a, true, nil
}

// EndAlarm says that the handler has returned. If it is done the alarm is removed in the
// turn's transaction, unless it is another one by now (A8.1, A8.3).
func (s *Session) EndAlarm(ctx context.Context, done bool) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	ran := s.alarm
	s.alarm = Alarm{}
	if !done {
		return nil
	}
	if err := s.deleteAlarm(func(a Alarm) bool { return a == ran }); err != nil {
		return s.failed(err)
	}
	return nil
}

// Alarm returns the alarm that is committed. It does not make the file. It is for the
// cell, between turns.
func (d *DB) Alarm(ctx context.Context) (Alarm, error) {
	if err := d.lock.acquire(ctx); err != nil {
		return Alarm{}, err
	}
	defer d.lock.release()
	if err := d.Broken(); err != nil {
		return Alarm{}, err
	}
	return d.readAlarm()
}

// KillAlarm marks an alarm dead, unless it is another one by now (A14); it returns the one
// that there is. It is for the cell, between turns, and commits.
func (d *DB) KillAlarm(ctx context.Context, a Alarm) (Alarm, error) {
	if err := d.lock.acquire(ctx); err != nil {
		return Alarm{}, err
	}
	defer d.lock.release()
	if err := d.Broken(); err != nil {
		return Alarm{}, err
	}
	if err := d.rollback(); err != nil { // of an older instance, fenced by now
		return Alarm{}, err
	}
	now, err := d.readAlarm()
	if err != nil || now != a || !a.IsSet() {
		return now, err
	}
	now.Dead = true
	st, err := d.db.stmt(stmtSetAlarm)
	if err != nil {
		return Alarm{}, err
	}
	if err := d.db.run(stmtBegin); err != nil {
		return Alarm{}, err
	}
	d.inTx, d.marked = true, 0
	if err := d.storeAlarm(st, now); err != nil {
		if rerr := d.rollback(); rerr != nil {
			return Alarm{}, rerr
		}
		return Alarm{}, err
	}
	_, _, err = d.commitNow()
	return now, err
}

// readAlarm REQUIRES: lock held.
func (d *DB) readAlarm() (a Alarm, err error) {
	exists, err := d.reading()
	if err != nil || !exists {
		return Alarm{}, err
	}
	return d.db.alarm()
}

func (o *opening) alarm() (a Alarm, err error) {
	st, err := o.stmt(stmtAlarm)
	if err != nil {
		return Alarm{}, err
	}
	row, err := st.Step()
	if row {
		a, err = parseAlarm(st.ColumnText(0))
	}
	if rerr := st.Reset(); err == nil {
		err = rerr
	}
	return a, err
}

// storeAlarm writes a with the open transaction. REQUIRES: lock held.
func (d *DB) storeAlarm(st *sqlite.Stmt, a Alarm) error {
	d.alarmed = true
	if err := st.BindText(1, a.text()); err != nil {
		return err
	}
	return finish(st)
}

// tellAlarm says how the alarm stands after a commit that may have changed it, or at an opening.
func (d *DB) tellAlarm(a Alarm, ticket uint64) {
	if d.o.Alarm != nil {
		d.o.Alarm(a, ticket)
	}
}
