package do_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
	"github.com/durablego/do/internal/bridge"
	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/disk/disktest"
)

// T15: when files could not be written out, everybody waits until the log is replayed, and that
// waits until all files are closed: also those of objects which have no instance, after a reset,
// more of them than are closed at once. Nobody waits for a time limit.
func TestT15RuinWithoutInstances(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		faulty := disktest.NewFaulty(noSync{disk.OS()})
		c := class(nil)
		c.IdleTimeout = -1
		o := boxes(c)
		o.MaxOpenDatabases, o.Logger = 1000, (&logged{}).logger()
		env := dotest.NewWith(t, dotest.Options{Runtime: o}, bridge.Config{FS: faulty, SegmentBytes: 1})
		for i := range 100 {
			stub := named(env, fmt.Sprint(i))
			wantAdd(t, stub, 1, 1)
			wantErr(t, "panic", run(env, stub, func(context.Context, *box) error { panic(errBoom) }), do.ErrReset)
		}
		synctest.Wait()
		faulty.Fail(disktest.Fault{Op: disktest.Sync, N: 1, Match: func(name string) bool { return strings.HasSuffix(name, ".sqlite") }})
		began := time.Now()
		wantAdd(t, named(env, "x"), 1, 1) // durable in the log, and in no file
		synctest.Wait()
		if faulty.Fired() == 0 {
			t.Fatal("no file was synced")
		}
		wantAdd(t, named(env, "x"), 1, 2)
		if took := time.Since(began); took > time.Second {
			t.Errorf("that took %v", took)
		}
		for i := range 100 {
			wantTotal(t, named(env, fmt.Sprint(i)), 1)
		}
	})
}
