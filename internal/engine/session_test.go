package engine_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/durablego/do/internal/disk/disktest"
	"github.com/durablego/do/internal/doerr"
	"github.com/durablego/do/internal/engine"
)

// calls are all calls of a session that take a ctx.
func calls(s *engine.Session) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"Get": func(ctx context.Context) error { _, _, err := s.Get(ctx, "a"); return err },
		"GetFunc": func(ctx context.Context) error {
			_, err := s.GetFunc(ctx, "a", func([]byte) error { return nil })
			return err
		},
		"GetMany":     func(ctx context.Context) error { _, err := s.GetMany(ctx, []string{"a"}); return err },
		"Put":         func(ctx context.Context) error { return s.Put(ctx, "a", []byte("never")) },
		"PutMany":     func(ctx context.Context) error { return s.PutMany(ctx, []engine.Entry{{Key: "a"}, {Key: "b"}}) },
		"Delete":      func(ctx context.Context) error { _, err := s.Delete(ctx, []string{"a"}); return err },
		"DeleteAll":   s.DeleteAll,
		"Transaction": func(ctx context.Context) error { return s.Transaction(ctx, func(context.Context) error { return nil }) },
		"Scan.Next":   func(ctx context.Context) error { _, _, err := s.Scan(ctx, engine.Range{}).Next(ctx); return err },
	}
}

// T2, S58: every call asks the guard first, and fails with a done ctx before it starts.
func TestT2Guard(t *testing.T) {
	o := newObject(t).auto()
	o.save("a", "1")
	done, cancel := context.WithCancel(ctx)
	cancel()
	for name, call := range calls(o.Session) {
		if err := call(done); !errors.Is(err, context.Canceled) {
			t.Errorf("%s with a done ctx = %v, want its error", name, err)
		}
	}
	guarded := o.DB.Session(func(ctx context.Context) error { return doerr.ErrOutsideTurn })
	for name, call := range calls(guarded) {
		if err := call(done); err != doerr.ErrOutsideTurn {
			t.Errorf("%s = %v, want the guard's error", name, err)
		}
	}
	o.Session = o.DB.Session(nil)
	o.want("a", "1")
}

// L10: a fenced session changes nothing; a new one fences the old, whose open
// transaction is undone.
func TestL10Fence(t *testing.T) {
	o := newObject(t).auto()
	o.save("a", "1")
	o.put("a", "2")
	old := o.Session
	scan := old.Scan(ctx, engine.Range{})
	if _, _, err := scan.Next(ctx); err != nil {
		t.Fatal(err)
	}
	o.Session = o.DB.Session(nil)
	for name, call := range calls(old) {
		if err := call(ctx); err != doerr.ErrReset {
			t.Errorf("%s of a fenced session = %v, want ErrReset", name, err)
		}
	}
	if _, _, err := old.Commit(); err != doerr.ErrReset {
		t.Errorf("Commit of a fenced session = %v, want ErrReset", err)
	}
	if err := old.Rollback(); err != doerr.ErrReset {
		t.Errorf("Rollback of a fenced session = %v, want ErrReset", err)
	}
	if _, _, err := scan.Next(ctx); err != doerr.ErrReset {
		t.Errorf("Next of a fenced session's scan = %v, want ErrReset", err)
	}
	o.want("a", "1")
}

// L10: Recover waits for the call that holds the connection; that call and those that
// wait for the connection get ErrReset, and what they wrote is undone.
func TestL10RecoverWaitsForAStuckCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newObject(t).auto()
		o.save("a", "1")
		o.close()
		o.disk.Hook(func(op disktest.Op, name string) error {
			if op == disktest.Open {
				time.Sleep(time.Minute) // the disk hangs
			}
			return nil
		})
		old := o.Session
		results := make(chan error, 3)
		for i := range 3 {
			go func() { results <- old.Put(ctx, "a", fmt.Append(nil, i)) }()
		}
		synctest.Wait()
		limited, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		if err := o.DB.Recover(limited); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Recover = %v while the disk hangs, want its ctx's error", err)
		}
		start := time.Now()
		if err := old.Put(ctx, "a", nil); err != doerr.ErrReset || time.Since(start) > 0 {
			t.Errorf("Put after the fence = %v after %v, want ErrReset at once", err, time.Since(start))
		}
		if err := o.DB.Recover(ctx); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(start); d < time.Minute-time.Second {
			t.Errorf("Recover returned after %v, before the call had", d)
		}
		o.disk.Hook(nil)
		for range 3 {
			if err := <-results; err != nil && err != doerr.ErrReset {
				t.Errorf("a Put that was stuck = %v, want ErrReset or nothing", err)
			}
		}
		o.Session = o.DB.Session(nil)
		o.want("a", "1")
	})
}

// L10: a statement that runs is interrupted, a write too.
func TestL10RecoverInterrupts(t *testing.T) {
	o := newObject(t).auto()
	o.save("a", "1")
	old := o.Session
	result := make(chan error, 1)
	go func() {
		const endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) INSERT INTO _do_kv SELECT i, i FROM n WHERE i % 1000000 = 0"
		result <- old.Exec(ctx, endless)
	}()
	for o.DB.Lockable() {
	}
	o.recover()
	if err := <-result; err != doerr.ErrReset {
		t.Errorf("the interrupted call = %v, want ErrReset", err)
	}
	o.want("a", "1")
	o.save("a", "2")
}

// Concurrent use beyond the rules is no data race and loses nothing.
func TestCallsWaitForEachOther(t *testing.T) {
	o := newObject(t).auto()
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := range 50 {
				if err := o.Put(ctx, fmt.Sprintf("%d-%d", i, j), nil); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	o.commit()
	pairs, err := dump(o.Session, engine.Range{})
	if err != nil || len(pairs) != 2*8*50 {
		t.Errorf("%d entries, %v; want %d", len(pairs)/2, err, 8*50)
	}
}
