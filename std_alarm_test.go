package do_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
)

// S65: an alarm whose handler leaves a Tx open has failed, and is tried again (A12).
func TestS65Alarm(t *testing.T) {
	ticking(t, func(t *testing.T, env *dotest.Runtime, w *clocks) {
		built := 0
		w.build = func(context.Context, *clock) error { built++; return nil }
		w.handle = func(ctx context.Context, c *clock, info do.AlarmInfo) error {
			if !info.IsRetry {
				_, err := c.LeaveTx(ctx)
				return err
			}
			return nil
		}
		setAlarm(t, env, "x", 5*time.Second)
		time.Sleep(9 * time.Second)
		w.want(t, "5s#0 5s#1")
		if built != 1 {
			t.Errorf("built %d times: the object was reset", built)
		}
	})
}

// S65: Run is an event; what a socket's handler or Stop leaves is rolled back and logged.
func TestS65OtherEvents(t *testing.T) {
	log := new(logged)
	o := boxes(class(nil))
	o.Logger = log.logger()
	env := dotest.New(t, dotest.Options{Runtime: o})
	stub := named(env, "x")
	left := func() int { return strings.Count(log.String(), "a transaction was open at the end of a turn") }
	ran := make(chan error, 1)
	wantNil(t, run(env, stub, func(ctx context.Context, b *box) error {
		b.stop = func(ctx context.Context, _ do.StopReason) error {
			_, err := b.LeaveTx(ctx)
			return err
		}
		return b.state.WaitUntil(ctx, func(ctx context.Context) error {
			ran <- b.state.Run(ctx, func(ctx context.Context) error {
				_, err := b.LeaveTx(ctx)
				return err
			})
			return nil
		})
	}))
	wantErr(t, "Run", <-ran, do.ErrInTransaction)
	if left() != 1 {
		t.Errorf("logged %d times, want once", left())
	}
	wantNil(t, env.Evict(stub))
	if left() != 2 {
		t.Errorf("logged %d times, want once more, of Stop", left())
	}
	_, err := stub.Fetch(t.Context(), request(t, "/"))
	wantNil(t, err)
}
