package conformance

import (
	"context"
	"errors"
	"math"
	"strconv"
	"time"

	"github.com/durablego/do"
)

var _ do.Alarmer = (*object)(nil)

// Alarm runs the program's ops of the run: the first list since the program was given, then the next.
func (o *object) Alarm(ctx context.Context, info do.AlarmInfo) error {
	o.w.enter(o.full)
	now := time.Now()
	event := map[string]any{
		"ev": "alarm", "scheduled": o.w.labelOf(o.full, info.ScheduledTime), "retryCount": float64(info.RetryCount), "isRetry": info.IsRetry,
		"early": now.Before(info.ScheduledTime), "name": o.state.ID().Name() != "",
	}
	ops, delay, again := o.w.alarmRun(o.full, now)
	if info.RetryCount > 0 && again {
		low := time.Second << info.RetryCount
		event["retryDelay"] = "out of range"
		if delay >= low && delay <= low+low/4+1500*time.Millisecond {
			event["retryDelay"] = "ok"
		}
	}
	return o.socketEvent(ctx, event, ops, &socketScope{})
}

// cut tells whether the object was reset under the event.
func (o *object) cut(ctx context.Context) bool {
	_, _, err := o.state.Storage().Alarm(ctx)
	return errors.Is(err, do.ErrReset)
}

// before gives the results from before a reset.
func before(list []any) []any {
	for i, r := range list {
		if asMap(r)["error"] == "object_reset" {
			return list[:i]
		}
	}
	return list
}

// alarmRun counts a run: its ops, and the time since the one before.
func (w *world) alarmRun(full string, now time.Time) (ops []Node, since time.Duration, again bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := w.alarmRuns[full]
	w.alarmRuns[full]++
	if lists, _ := w.programs[full]["alarm"].([]any); n < len(lists) {
		ops = asNodes(lists[n])
	}
	before, again := w.alarmed[full]
	w.alarmed[full] = now
	return ops, now.Sub(before), again
}

// alarmOps are the ops about alarms.
var alarmOps = map[string]func(o *object, ctx context.Context, op Node) (any, error){
	"alarm.get": func(o *object, ctx context.Context, _ Node) (any, error) {
		at, ok, err := o.state.Storage().Alarm(ctx)
		if err != nil || !ok {
			return map[string]any{"alarm": nil}, err
		}
		return map[string]any{"alarm": o.w.labelOf(o.full, at)}, nil
	},
	"alarm.set": func(o *object, ctx context.Context, op Node) (any, error) {
		var at time.Time // not a time: refused
		ms := op.number("at")
		if op.has("in") {
			ms = float64(time.Now().UnixMilli()) + op.number("in")
		}
		if !math.IsNaN(ms) && math.Abs(ms) < 1e15 {
			at = time.UnixMilli(int64(ms)).Add(time.Duration((ms - math.Trunc(ms)) * float64(time.Millisecond)))
		}
		o.w.setLabel(o.full, int64(ms), op)
		return done(o.state.Storage().SetAlarm(ctx, at))
	},
	"alarm.delete": func(o *object, ctx context.Context, _ Node) (any, error) {
		return done(o.state.Storage().DeleteAlarm(ctx))
	},
}

// A momentOf is a time that an object was given, in milliseconds.
type momentOf struct {
	full string
	ms   int64
}

func (w *world) setLabel(full string, ms int64, op Node) {
	label := "@" + strconv.FormatInt(ms, 10)
	if op.has("label") {
		label = op.text("label")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.labels[momentOf{full, ms}] = label
}

// labelOf names a time as the reference's recorder does.
func (w *world) labelOf(full string, at time.Time) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	ms := at.UnixMilli()
	if label, ok := w.labels[momentOf{full, ms}]; ok {
		return label
	}
	switch off := time.Since(at).Abs(); {
	case ms > 4e12:
		return "@" + strconv.FormatInt(ms, 10)
	case off < 5*time.Second:
		return "now"
	}
	return "other"
}
