package do

import (
	"context"
	"fmt"
	"reflect"
	"time"
)

// Alarmer is an Object that can have an alarm: one at a time, set by [Storage.SetAlarm].
//
// Alarm runs in a turn, as an event of its own, at the time of the alarm or as soon after it
// as the object is free, also if the object is not in memory. It runs at least once, never
// early (A10), and not again after its success was durable. While it runs there is no alarm;
// it may set the next one (A7, A8).
//
// When it returns nil the alarm is removed together with what its last turn wrote. If it
// fails, by an error, a panic, [State.Abort] or after Options.AlarmTimeout, it is retried,
// after 2 seconds at first and 64 at last, with a random quarter more; after the seventh
// failure the alarm is dead: it is kept, and listed by [Namespace.Objects], until somebody
// sets or deletes it or all data (A12, A14). An error that wraps ErrNoRetry makes it dead at
// once. Failures of the disk are retried without end, and not counted (A13). An alarm that
// was set by the handler and committed takes the place of the one that failed (A8.4).
type Alarmer interface {
	Alarm(ctx context.Context, info AlarmInfo) error
}

// AlarmInfo says which run of an alarm this is (A4).
type AlarmInfo struct {
	// ScheduledTime is what the alarm was set to, in UTC.
	ScheduledTime time.Time
	// RetryCount is how many runs of it have failed so far, those not counted left out. It
	// starts anew when the runtime does (A15).
	RetryCount int
	// IsRetry says that RetryCount is not 0.
	IsRetry bool
}

var alarmerType = reflect.TypeFor[Alarmer]()

// mayHaveAlarms says whether objects of a type can be Alarmers.
func mayHaveAlarms(t reflect.Type) bool {
	return t.Implements(alarmerType) || t.Kind() == reflect.Interface
}

// Alarm gives the time of the object's alarm, in UTC; ok is false if there is none, as
// while its handler runs (A7), or only a dead one. What this turn has set is seen.
// Errors: ErrOutsideTurn, ErrReset and those of the disk.
func (s *Storage) Alarm(ctx context.Context) (at time.Time, ok bool, err error) {
	a, err := s.session.Alarm(ctx)
	if err != nil || !a.IsSet() {
		return time.Time{}, false, err
	}
	return time.Unix(0, a.At).UTC(), true, nil
}

// SetAlarm has [Alarmer.Alarm] run at a time, or now if that has passed, and no more at the
// time that was set before. It is part of the turn's transaction, and of Transaction's: once
// this turn is durable, no crash loses the alarm (A1). The time is kept to the nanosecond.
// Setting the time that is set is no change.
//
// Errors: ErrNoAlarmHandler if the class is no Alarmer (A3), ErrInvalidAlarm for a time not
// after the Unix epoch or after 2262-04-11T23:47:16.854775807Z (A2), ErrOutsideTurn, ErrReset
// and those of the disk.
func (s *Storage) SetAlarm(ctx context.Context, at time.Time) error {
	if err := s.life.Check(ctx); err != nil {
		return err
	}
	if !s.alarms {
		return ErrNoAlarmHandler
	}
	if !at.After(time.Unix(0, 0)) || at.After(lastAlarm) {
		return fmt.Errorf("%w: %v", ErrInvalidAlarm, at)
	}
	if now := time.Now().UnixNano(); at.UnixNano() < now {
		return s.session.SetAlarm(ctx, now)
	}
	return s.session.SetAlarm(ctx, at.UnixNano())
}

// lastAlarm is the last time that an alarm can be set to.
var lastAlarm = time.Unix(0, 1<<63-1)

// DeleteAlarm removes the object's alarm, also a dead one, as part of the turn's transaction.
// In the handler it has the effect that there is no retry (A8.7). Errors: ErrOutsideTurn,
// ErrReset and those of the disk.
func (s *Storage) DeleteAlarm(ctx context.Context) error { return s.session.DeleteAlarm(ctx) }
