package do

import (
	"context"
	"errors"
	"time"

	"github.com/durablego/do/internal/actor"
	"github.com/durablego/do/internal/alarm"
	"github.com/durablego/do/internal/engine"
	"github.com/durablego/do/internal/index"
)

// newAlarms gives the schedule of all alarms, which begins with what is overdue (A18), unless held:
// then none runs by itself.
func (rt *Runtime) newAlarms(held bool) *alarm.Schedule {
	o := alarm.Options{
		Spaces: len(rt.spaces),
		Max:    rt.options.MaxAlarmRuns,
		Held:   held,
		Run:    func(r *alarm.Run) { _, _ = rt.runAlarm(context.Background(), r, "") },
		Store:  rt.storeAlarm,
	}
	if !rt.temporary {
		o.Load = rt.loadAlarms
		o.Failed = func(space int, err error) {
			rt.options.Logger.Error("the alarms of a namespace could not be read; it is tried again",
				"class", rt.spaces[space].class.name, "cause", err)
		}
	}
	return alarm.New(o)
}

var indexStates = [...]index.AlarmState{
	alarm.None: index.AlarmNone, alarm.Set: index.AlarmSet, alarm.Dead: index.AlarmDead, alarm.Begun: index.AlarmBegun,
}

func stateOf(a engine.Alarm) index.AlarmState {
	switch {
	case a.Dead:
		return index.AlarmDead
	case a.IsSet():
		return index.AlarmSet
	}
	return index.AlarmNone
}

func (rt *Runtime) loadAlarms(ctx context.Context, space int, after alarm.Stored, limit int) ([]alarm.Stored, error) {
	rows, err := rt.spaces[space].index.Due(ctx, after.At, after.ID, limit)
	if err != nil {
		return nil, err
	}
	stored := make([]alarm.Stored, len(rows))
	for i, row := range rows {
		stored[i] = alarm.Stored{At: row.Alarm, ID: row.ID, Begun: row.AlarmState == index.AlarmBegun}
	}
	return stored, nil
}

func (c *cell) alarmKey() alarm.Key { return alarm.Key{Space: c.served.space, ID: c.id.bytes} }

// toldAlarm is told by the database how its alarm stands, in the order of its commits, or by
// its opening, without a ticket.
func (c *cell) toldAlarm(a engine.Alarm, ticket uint64) {
	c.alarm.Store(&a)
	rt := c.served.rt
	if ticket == 0 { // the schedule may know better what has failed (A6)
		rt.alarms.Saw(c.alarmKey(), alarm.Alarm(a))
		return
	}
	if rt.shared == nil {
		c.alarmOwed.Store(true)
	}
	rt.alarms.Told(c.alarmKey(), alarm.Alarm(a), ticket)
}

// writeAlarm has the index know of the alarm before the object's files look as if nothing
// had been going on, where no commit log tells the next Open whom to look at.
func (c *cell) writeAlarm(ctx context.Context) error {
	if c.served.rt.temporary || !c.alarmOwed.Swap(false) {
		return nil
	}
	err := c.served.index.Flush(ctx)
	if err != nil {
		c.alarmOwed.Store(true)
	}
	return err
}

// alarmLost has somebody look at the object when commits of it were undone: the alarm may be
// an earlier one now (A6).
func (c *cell) alarmLost() {
	if c.alarm.Swap(nil) != nil {
		c.served.rt.alarms.Check(c.alarmKey())
	}
}

// repairAlarm corrects the row of an object that was looked at.
func (s *served) repairAlarm(ctx context.Context, id ID, a engine.Alarm) {
	if !s.hasBegun(ctx, id, a) {
		s.index.SetAlarm(id.bytes, a.At, stateOf(a))
	}
}

// hasBegun says whether the row has the mark of a run of the alarm that the process died in (A15).
func (s *served) hasBegun(ctx context.Context, id ID, a engine.Alarm) bool {
	row, ok, err := s.index.Get(ctx, id.bytes)
	return err == nil && ok && row.AlarmState == index.AlarmBegun && a.IsSet() && row.Alarm == a.At
}

// runAlarm sees a run through: look, run, and retry or bury. ran says whether there was an
// alarm that was to run; err is the failure of its handler, or of the way to it.
func (rt *Runtime) runAlarm(ctx context.Context, r *alarm.Run, name string) (ran bool, err error) {
	end, err := rt.tasks.begin()
	if err != nil {
		r.Fail(false, false)
		return false, err
	}
	defer end()
	s := rt.spaces[r.Key.Space]
	id := ID{bytes: r.Key.ID, name: name}
	e := &alarmEvent{run: r, decision: alarm.Skip}
	err = s.visit(ctx, id, e.look)
	if err == nil && e.decision == alarm.Go {
		err = s.runHandler(ctx, id, e)
	} else if err == nil {
		err = e.lasts(ctx)
	}
	if e.decision != alarm.Go {
		s.settle(id)
	}
	counted := err != nil && e.counts(err)
	log := rt.options.Logger.With("class", s.class.name, "id", id.String())
	dead := err == nil && e.decision == alarm.Bury
	if dead {
		log.Error("an alarm is dead: the class has no Alarm method any more")
	} else if err == nil {
		r.End()
		return e.started, nil
	} else if dead = r.Fail(counted, counted && errors.Is(err, ErrNoRetry)); dead {
		log.Error("an alarm is dead: its handler failed for good", "cause", err)
	} else {
		log.Warn("an alarm failed; it is tried again", "cause", err)
	}
	if dead {
		rt.bury(ctx, s, id, e)
	}
	return e.started || dead, err
}

// runHandler has the handler run as an event of the object, and waits until it is over and
// what it did durable.
func (s *served) runHandler(ctx context.Context, id ID, e *alarmEvent) error {
	if !s.rt.temporary {
		e.run.Begin()
		if err := e.cell.allTold(ctx); err != nil { // the mark may have to wait
			return asReset(err)
		}
		if err := s.index.Flush(ctx); err != nil {
			return err
		}
	}
	e.Init(e)
	e.Internal = true // outside the queue limit (A11)
	e.Name = id.name
	e.SetCaller(ctx)
	for {
		c := s.cell(id)
		if c == nil {
			return ErrClosed
		}
		err := c.mb.Do(ctx, &e.Event)
		if err != actor.ErrGone {
			return err
		}
		if err := c.mb.Retirement(ctx); err != nil {
			return err
		}
	}
}

// bury marks the alarm dead in the object's database (A14). Should that fail, there is
// another run.
func (rt *Runtime) bury(ctx context.Context, s *served, id ID, e *alarmEvent) {
	defer s.settle(id)
	err := s.visit(ctx, id, func(c *cell) error {
		a, err := c.db.KillAlarm(ctx, e.alarm)
		if err == nil && !s.class.alarms {
			rt.alarms.Told(c.alarmKey(), alarm.Alarm(a), c.gate.Newest())
		}
		return err
	})
	if err == nil {
		e.run.End()
		return
	}
	rt.options.Logger.Error("a dead alarm could not be marked", "class", s.class.name, "id", id.String(), "cause", err)
	e.run.Fail(false, false)
}

// alarmNow is RunAlarm of tests.
func (rt *Runtime) alarmNow(ctx context.Context, s *served, id ID) (bool, error) {
	if rt.closing.Load() {
		return false, ErrClosed
	}
	r, err := rt.alarms.Claim(ctx, alarm.Key{Space: s.space, ID: id.bytes})
	if err != nil {
		return false, err
	}
	return rt.runAlarm(context.WithoutCancel(ctx), r, id.name)
}

func nowNano() int64 { return time.Now().UnixNano() }
