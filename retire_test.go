package do_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/durablego/do"
	"github.com/durablego/do/internal/bridge"
	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/disk/disktest"
)

// last is an object whose Stop does what the test says.
type last struct{ stop func(context.Context) error }

func (l *last) Fetch(context.Context, *http.Request) (*http.Response, error) { return nil, errBoom }
func (l *last) Wake(context.Context) (int, error)                            { return 0, nil }
func (l *last) Stop(ctx context.Context, _ do.StopReason) error              { return l.stop(ctx) }

// L21, I8: a runtime that closes gives up files which cannot be written, and writes what it can.
// Who calls the object meanwhile does not meet it before that is done: there is one connection.
func TestL21CalledWhileGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := disktest.NewFaulty(disk.OS())
		inside, answered := make(chan struct{}), make(chan error, 1)
		s := do.NewScript("main")
		do.RegisterIn(s, class(nil))
		do.RegisterIn(s, do.Class[*last]{Binding: "LAST", New: func(_ context.Context, _ *do.State, env *do.Env) (*last, error) {
			return &last{func(ctx context.Context) error {
				<-inside
				n, err := do.Call(ctx, env.Namespace("BOX").GetByName("x"), (*box).Add, 1)
				if err == nil && n != 3 {
					err = errors.New("it has forgotten what it had answered")
				}
				answered <- err
				return nil
			}}, nil
		}})
		o := do.Options{Scripts: []*do.Script{s}, Dir: t.TempDir(), Logger: (&logged{}).logger()}
		opened, _, err := bridge.Open(o, bridge.Config{FS: d})
		wantNil(t, err)
		rt := opened.(*do.Runtime)
		x := rt.Namespace("BOX").GetByName("x")
		wantAdd(t, x, 1, 1)
		wantAdd(t, x, 1, 2)
		_, err = do.Call0(t.Context(), rt.Namespace("LAST").GetByName("last"), (*last).Wake)
		wantNil(t, err)
		var writes atomic.Int64
		d.Hook(func(op disktest.Op, name string) error {
			if op != disktest.Write || !strings.HasSuffix(name, x.ID().String()+".sqlite") {
				return nil
			}
			switch n := writes.Add(1); {
			case n < 3: // closing failed, and so did it again after a recovery
				return syscall.ENOSPC
			case n == 3:
				close(inside)
				time.Sleep(time.Second) // as long as there is something else to do
			}
			return nil
		})
		wantNil(t, rt.Close(t.Context()))
		wantNil(t, <-answered)
		again := openOn(t, o, disk.OS())
		wantTotal(t, again.Namespace("BOX").GetByName("x"), 3)
		closeNow(t, again)
	})
}
