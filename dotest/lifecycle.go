package dotest

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/durablego/do"
	"github.com/durablego/do/internal/bridge"
	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/disk/disktest"
)

// open opens the folder anew. A failure ends the test.
func (r *Runtime) open() {
	r.t.Helper()
	o, c := r.o.Runtime, r.config
	o.Dir = r.dir
	if c.FS == nil {
		c.FS = unsynced{disk.OS()}
	}
	now := &opened{}
	if !o.Relaxed {
		record, err := disktest.NewRecorder(c.FS, r.dir)
		if err != nil {
			r.t.Fatalf("dotest: %v", err)
		}
		now.record, c.FS = record, record
	}
	now.faults = disktest.NewFaulty(c.FS)
	now.power = &power{FS: now.faults, relaxed: o.Relaxed}
	c.SyncFault, c.CommitFault = now.power.failCommitSync, now.power.failCommit
	c.FS = now.power
	if o.Logger == nil {
		o.Logger = slog.New(slog.NewTextHandler(&mutable{r.log, now.power}, &slog.HandlerOptions{ReplaceAttr: noTime}))
	}
	rt, control, err := bridge.Open(o, c)
	if err != nil {
		r.t.Fatalf("dotest: open: %v", err)
	}
	now.rt, now.control = rt.(*do.Runtime), control
	if r.o.Handler != nil {
		now.handler = r.o.Handler(now.rt)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = now
}

// Evict takes the object out of memory as its idle time-out would: it waits until nothing
// of the object runs or is held, Stop runs, everything becomes durable, the database
// is closed (D7). It works for classes that never idle out too. It gives do.ErrNotRunning
// if the object is not in memory, context.DeadlineExceeded if it is busy for 30 seconds.
// Its sockets stay, and bring it back, unless CloseSockets is given.
func (r *Runtime) Evict(stub *do.Stub, options ...EvictOption) error {
	ctx, cancel := context.WithTimeout(context.Background(), evictLimit)
	defer cancel()
	return r.present().control.Evict(ctx, stub, slices.Contains(options, CloseSockets))
}

// EvictOption says what else an eviction does.
type EvictOption int

// CloseSockets closes the object's sockets with 1001, also if only they are in memory. The
// object does not hear of it.
const CloseSockets EvictOption = 1

// Restart closes the runtime cleanly and opens its folder again (D8). Objects that are
// busy for 10 seconds more end the test.
func (r *Runtime) Restart() {
	r.t.Helper()
	if !r.close() {
		r.t.FailNow()
	}
	r.open()
}

// Crash cuts the power and starts again (D9). Nothing is drained: callers get
// do.ErrClosed, instances and sockets are cut off, no Stop runs. Every file is cut to what its last
// fsync covered, and files whose names were not made durable are gone; in a Relaxed
// runtime, where the process and not the power fails, what was committed stays. So what
// was answered for is there, and what was not made durable is not.
func (r *Runtime) Crash() {
	r.t.Helper()
	old := r.present()
	old.power.cut()
	old.control.CutSockets()
	left, err := r.leave(old)
	if err != nil {
		r.t.Fatalf("dotest: crash: %v", err)
	}
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	_ = old.rt.Close(gone) // it cannot close cleanly any more
	r.nothingOpen(old)
	if left != "" {
		if err := errors.Join(os.RemoveAll(r.dir), os.Rename(left, r.dir)); err != nil {
			r.t.Fatalf("dotest: crash: %v", err)
		}
	}
	r.open()
}

// leave gives a folder with what was synced; empty if everything that was written stays.
func (r *Runtime) leave(old *opened) (dir string, err error) {
	if old.record == nil {
		return "", nil
	}
	if dir, err = os.MkdirTemp(filepath.Dir(r.dir), "crash-"); err != nil {
		return "", err
	}
	return dir, old.record.Crash(dir)
}

// close closes the runtime, and fails the test if its objects do not come to rest. It says
// whether all is well.
func (r *Runtime) close() bool {
	r.t.Helper()
	now := r.present()
	now.power.forgive() // what is left to fail is forgotten with the runtime
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	closed := make(chan error, 1)
	go func() { closed <- now.rt.Close(ctx) }()
	limit := time.NewTimer(r.closeLimit)
	defer limit.Stop()
	well := true
	select {
	case err := <-closed:
		if err != nil {
			r.t.Errorf("dotest: close: %v", err)
			well = false
		}
	case <-limit.C:
		busy := now.control.InMemory()
		stacks := r.leaks.stacks()
		cancel()
		<-closed
		r.t.Errorf("dotest: still in use after %v: %s: a handler, WaitUntil work or an open response body\n%s",
			r.closeLimit, strings.Join(busy, ", "), strings.Join(stacks, "\n"))
		well = false
	}
	return r.nothingOpen(now) && well
}

// nothingOpen fails the test if a closed runtime left something open, and says whether
// all is well.
func (r *Runtime) nothingOpen(closed *opened) bool {
	r.t.Helper()
	n, sockets, left := closed.control.OpenDatabases(), closed.control.Sockets(), closed.control.InMemory()
	if n > 0 || sockets > 0 || len(left) > 0 {
		r.t.Errorf("dotest: after close %d databases and %d sockets are open, and in memory are: %s", n, sockets, strings.Join(left, ", "))
		return false
	}
	return true
}

// end closes the runtime at the end of the test and looks for what it left (D1).
func (r *Runtime) end() {
	open := r.present() != nil
	if open {
		r.close()
	}
	if stacks := r.leaks.end(); len(stacks) > 0 {
		r.t.Errorf("dotest: %d goroutines are left:\n%s", len(stacks), strings.Join(stacks, "\n"))
	}
	if r.log != nil {
		r.log.end()
	}
	if !open {
		return
	}
	if err := quickCheckAll(r.dir); err != nil {
		r.t.Errorf("dotest: %v", err)
	}
}

// noTime drops the time from log lines: the test's own line has no use for it.
func noTime(groups []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey && len(groups) == 0 {
		return slog.Attr{}
	}
	return a
}
