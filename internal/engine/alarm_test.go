package engine_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/durablego/do/internal/engine"
)

func wantNil(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func due(engine.Alarm) bool { return true }

// A1, A2, K27: an alarm is a write of the turn like any other; who wants to hear of it does,
// of what is committed only, and again at each opening (A6).
func TestA1AlarmIsPartOfTheTransaction(t *testing.T) {
	var told []string
	o := newObject(t, func(x *engine.Options) {
		x.Alarm = func(a engine.Alarm, ticket uint64) { told = append(told, fmt.Sprint(a.At, " of ", ticket)) }
	}).auto()
	at := func(want int64) {
		t.Helper()
		a, err := o.Session.Alarm(ctx)
		wantNil(t, err)
		if a.At != want {
			t.Errorf("Alarm = %+v, want %d", a, want)
		}
	}
	at(0)
	wantNil(t, o.DeleteAlarm(ctx)) // nothing to delete: no file
	wantNil(t, o.SetAlarm(ctx, 7))
	at(7)
	wantNil(t, o.Rollback())
	at(0)
	wantNil(t, o.SetAlarm(ctx, 8))
	_ = o.Transaction(ctx, func(ctxT context.Context) error {
		wantNil(t, o.SetAlarm(ctxT, 9))
		at(9)
		return errDisk
	})
	at(8)
	if _, wrote, err := o.Commit(); !wrote || err != nil {
		t.Error("a commit that sets an alarm wrote nothing")
	}
	wantNil(t, o.SetAlarm(ctx, 8)) // the stored time: no write
	if _, wrote, err := o.Commit(); wrote || err != nil {
		t.Error("the time that is stored was written again (A2)")
	}
	wantNil(t, o.DB.Close(ctx))
	at(8)
	wantNil(t, o.Session.DeleteAll(ctx)) // K25
	at(0)
	o.commit()
	if got, want := fmt.Sprint(told), "[8 of 1 8 of 0 0 of 2]"; got != want {
		t.Errorf("told %s, want %s", got, want)
	}
}

// A7, A8.1, A8.3, A8.5, A14: the alarm that runs is told from the one that was set meanwhile.
func TestA8AlarmThatRuns(t *testing.T) {
	o := newObject(t).auto()
	set := func() engine.Alarm {
		t.Helper()
		wantNil(t, o.SetAlarm(ctx, 7))
		o.commit()
		a, ok, err := o.BeginAlarm(ctx, due)
		wantNil(t, err)
		if got, _ := o.Session.Alarm(ctx); !ok || a.At != 7 || got.At != 0 {
			t.Fatalf("BeginAlarm = %+v, %v; Alarm = %+v, want none", a, ok, got)
		}
		return a
	}
	left := func(want int64) {
		t.Helper()
		o.commit()
		if a, err := o.DB.Alarm(ctx); err != nil || a.At != want {
			t.Errorf("left is %+v, %v, want %d", a, err, want)
		}
	}
	set()
	wantNil(t, o.EndAlarm(ctx, true))
	left(0)
	set()
	wantNil(t, o.SetAlarm(ctx, 7))
	if a, _ := o.Session.Alarm(ctx); a.At != 7 {
		t.Errorf("Alarm = %+v, want the new one (A7)", a)
	}
	wantNil(t, o.EndAlarm(ctx, true))
	left(7)
	a := set()
	wantNil(t, o.EndAlarm(ctx, false))
	left(7)
	if b, err := o.KillAlarm(ctx, engine.Alarm{At: 7, Gen: a.Gen + 1}); err != nil || b.Dead {
		t.Errorf("KillAlarm of another one = %+v, %v", b, err)
	}
	if b, err := o.KillAlarm(ctx, a); err != nil || !b.Dead || b.IsSet() {
		t.Errorf("KillAlarm = %+v, %v", b, err)
	}
	if b, err := o.DB.Alarm(ctx); err != nil || !b.Dead {
		t.Errorf("Alarm = %+v, %v, want a dead one", b, err)
	}
	wantNil(t, o.SetAlarm(ctx, 7)) // revives it (A7)
	o.commit()
	if b, err := o.DB.Alarm(ctx); err != nil || !b.IsSet() || b == a {
		t.Errorf("Alarm = %+v, %v, want another one", b, err)
	}
}
