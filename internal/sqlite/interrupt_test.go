package sqlite_test

import (
	"testing"
)

const endless = "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM c) SELECT count(*) FROM c"

func TestInterrupt(t *testing.T) {
	d := openWAL(t, newDB(t))
	d.Interrupt() // nothing runs: nothing happens
	s := d.prepare(endless)
	running := make(chan struct{})
	done := make(chan struct{})
	first := true
	d.SetProgress(1000, func() bool {
		if first {
			first = false
			close(running)
		}
		return false
	})
	go func() {
		defer close(done)
		<-running
		d.Interrupt()
	}()
	_, err := s.Step()
	wantCode(t, "Step", err, "SQLITE_INTERRUPT")
	<-done
	if err := s.Reset(); err != nil {
		t.Error(err)
	}
	d.exec("INSERT INTO _do_kv VALUES ('a', 1)")
}

func TestProgress(t *testing.T) {
	d := openWAL(t, newDB(t))
	calls := 0
	d.SetProgress(100, func() bool { calls++; return calls == 10 })
	s := d.prepare(endless)
	for range 2 {
		_, err := s.Step()
		wantCode(t, "Step", err, "SQLITE_INTERRUPT")
		if calls != 10 {
			t.Errorf("%d calls, want 10", calls)
		}
		if err := s.Reset(); err != nil {
			t.Error(err)
		}
		calls = 0
	}
	const long = "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM c LIMIT 10000) SELECT count(*) FROM c"
	for _, remove := range []func(){
		func() { d.SetProgress(100, nil) },
		func() { d.SetProgress(0, func() bool { return true }) },
	} {
		d.SetProgress(100, func() bool { return true })
		remove()
		if got := d.value(long); got != "10000" {
			t.Errorf("count = %s", got)
		}
	}
	if calls != 0 {
		t.Errorf("%d calls after the handler was removed", calls)
	}
}
