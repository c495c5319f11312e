package do

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/durablego/do/internal/actor"
	"github.com/durablego/do/internal/alarm"
	"github.com/durablego/do/internal/engine"
)

// alarmEvent is the event of an alarm's run, and its task.
type alarmEvent struct {
	actor.Event
	run      *alarm.Run
	alarm    engine.Alarm // that was looked at last
	decision alarm.Decision
	started  bool // the handler
	cell     *cell
	ticket   uint64 // of the newest commit when it was looked
}

// look compares the schedule with the truth, between two turns and without an instance (A9).
func (e *alarmEvent) look(c *cell) (err error) {
	e.cell, e.ticket = c, c.gate.Newest()
	if e.alarm, err = c.db.Alarm(context.Background()); err != nil {
		return err
	}
	_, early := e.run.Saw(alarm.Alarm(e.alarm), e.ticket)
	e.decision = alarm.Decide(e.alarm.IsSet(), e.alarm.At, nowNano(), early, c.served.class.alarms)
	return nil
}

// lasts waits until what was looked at is durable, so that no crash and no disk undoes it.
func (e *alarmEvent) lasts(ctx context.Context) error {
	if err := e.cell.gate.Wait(ctx, e.ticket); err != nil {
		return asReset(err)
	}
	return nil
}

// Do runs the handler, if the alarm is still due: events have run since it was looked at.
func (e *alarmEvent) Do(ctx context.Context, object any) error {
	t := actor.From(ctx)
	l := t.Life()
	in := instanceOf(l)
	handler, handled := object.(Alarmer)
	count, ticket := 0, in.state.cell.gate.Newest()
	a, ok, err := in.session.BeginAlarm(ctx, func(a engine.Alarm) bool {
		var early bool
		count, early = e.run.Saw(alarm.Alarm(a), ticket)
		e.decision = alarm.Decide(a.IsSet(), a.At, nowNano(), early, handled)
		return e.decision == alarm.Go
	})
	if err != nil {
		return err
	}
	if e.alarm = a; !ok {
		if !a.IsSet() {
			e.run.Saw(alarm.Alarm(a), ticket)
			e.decision = alarm.Skip
		}
		return nil
	}
	e.started = true
	rt := in.state.cell.served.rt
	if d := rt.options.AlarmTimeout; d > 0 {
		limit := time.AfterFunc(d, func() { in.state.cell.mb.Reset(l, lateAlarm(d)) })
		defer limit.Stop()
	}
	in.state.cell.learn(e.Name)
	err = handler.Alarm(ctx, AlarmInfo{ScheduledTime: time.Unix(0, a.At).UTC(), RetryCount: count, IsRetry: count > 0})
	err = in.state.closeTxs(err)
	if enderr := in.session.EndAlarm(ctx, err == nil); err == nil {
		err = enderr
	}
	in.state.settle(t, nil)
	return err
}

// Drop has nothing to give back.
func (e *alarmEvent) Drop() {}

// counts says whether a failed run is one of few (A13): not what the disk, the closing of the
// runtime or another event is to blame for.
func (e *alarmEvent) counts(err error) bool {
	var reset *actor.ResetError
	if errors.As(err, &reset) && !e.FromTask() {
		if reset.Closed || reset.Storage && (reset.Retryable || reset.Overloaded) {
			return false
		}
		return e.started || reset.Constructor
	}
	return e.FromTask() && e.started
}

// lateAlarm is the reset by the time limit (A17, L24.5, T34.14).
func lateAlarm(d time.Duration) *actor.ResetError {
	return &actor.ResetError{Cause: fmt.Errorf("the run of an alarm took longer than %v", d), Retryable: true}
}
