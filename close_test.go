package do_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
)

// TestL19OneRuntimePerFolder opens a folder twice, in this process and in another.
func TestL19OneRuntimePerFolder(t *testing.T) {
	o := boxes(class(nil))
	o.Dir = filepath.Join(t.TempDir(), "made", "by", "Open")
	rt, err := do.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("pid %d", os.Getpid())
	if _, err := do.Open(o); !errors.Is(err, do.ErrLocked) || !strings.Contains(err.Error(), want) {
		t.Errorf("second Open = %v, want ErrLocked by %s", err, want)
	}
	child := exec.Command(os.Args[0], "-test.run=^TestL19Child$", "-test.count=1")
	child.Env = append(os.Environ(), "DO_TEST_DIR="+o.Dir)
	if out, err := child.CombinedOutput(); err != nil || !strings.Contains(string(out), want) {
		t.Errorf("another process: %v, want ErrLocked by %s\n%s", err, want, out)
	}
	closeNow(t, rt)
	rt, err = do.Open(o)
	if err != nil {
		t.Fatalf("Open after Close = %v", err)
	}
	closeNow(t, rt)
	closeNow(t, rt) // again
}

// TestL19Child is the other process.
func TestL19Child(t *testing.T) {
	dir := os.Getenv("DO_TEST_DIR")
	if dir == "" {
		t.Skip("it is the other process of TestL19OneRuntimePerFolder")
	}
	o := boxes(class(nil))
	o.Dir = dir
	_, err := do.Open(o)
	if fmt.Println(err); !errors.Is(err, do.ErrLocked) {
		t.Fatalf("Open = %v, want ErrLocked", err)
	}
}

// TestL19NoDir: without Dir data is in a temporary folder that goes with the runtime.
func TestL19NoDir(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	t.Setenv("TMP", tmp)
	rt, err := do.Open(boxes(class(nil)))
	if err != nil {
		t.Fatal(err)
	}
	wantAdd(t, rt.Namespace("BOX").GetByName("x"), 1, 1)
	if below(t, tmp) == "" {
		t.Error("no files while it runs")
	}
	closeNow(t, rt)
	if left := below(t, tmp); left != "" {
		t.Errorf("left after Close: %s", left)
	}
	if do.DefaultDir != ".do" {
		t.Errorf("DefaultDir = %q, want .do", do.DefaultDir)
	}
}

// TestL21CloseInOrder has an object whose last event, background work and Stop all call
// another object.
func TestL21CloseInOrder(t *testing.T) {
	bubble(t, func(t *testing.T, env *dotest.Runtime) {
		j, rt := &journal{}, env.Runtime()
		stub, other := named(env, "x"), named(env, "other")
		wantAdd(t, other, 1, 1)
		call := func(ctx context.Context, b *box) {
			if _, err := do.Call(ctx, b.env.Namespace("BOX").GetByName("other"), (*box).Add, 1); err != nil {
				t.Errorf("a call between objects while it closes = %v", err)
			}
		}
		hold, hold2 := make(chan struct{}), make(chan struct{})
		running := start(env, stub, func(ctx context.Context, b *box) error {
			b.stop = func(ctx context.Context, reason do.StopReason) error {
				if reason != do.StopClose {
					t.Errorf("Stop(%v), want StopClose", reason)
				}
				j.say("stop")
				_, err := b.Add(ctx, 1)
				return err
			}
			err := b.state.WaitUntil(ctx, func(ctx context.Context) error {
				<-hold2
				call(ctx, b)
				j.say("work")
				return nil
			})
			<-hold
			j.say("event")
			call(ctx, b)
			return err
		})
		synctest.Wait()
		queued := start(env, stub, func(ctx context.Context, b *box) error {
			j.say("queued")
			_, err := b.Add(ctx, 1)
			return err
		})
		synctest.Wait()
		closed := make(chan error, 1)
		go func() { closed <- rt.Close(context.Background()) }()
		synctest.Wait()
		_, err := do.Call(t.Context(), stub, (*box).Add, 1)
		wantErr(t, "a call from outside", err, do.ErrClosed)
		if e := errorOf(t, err); e.Remote || !e.Retryable || e.Overloaded || e.Reset { // L24.7
			t.Errorf("%+v, want Retryable alone", e)
		}
		close(hold)
		wantNil(t, <-running)
		wantNil(t, <-queued)
		synctest.Wait()
		if answered(closed) {
			t.Error("Close did not wait for WaitUntil work")
		}
		close(hold2)
		wantNil(t, <-closed)
		j.want(t, "event queued work stop")

		env.Restart()
		wantTotal(t, named(env, "x"), 2)
		wantTotal(t, named(env, "other"), 3)
	})
}

// TestT34_12ClosePastItsContext cuts off what runs: the callers get ErrClosed, writes since
// the last commit point are undone.
func TestT34_12ClosePastItsContext(t *testing.T) {
	bubble(t, func(t *testing.T, env *dotest.Runtime) {
		stub, rt := named(env, "x"), env.Runtime()
		wantAdd(t, stub, 1, 1)
		ended := make(chan struct{})
		parked := start(env, stub, func(ctx context.Context, b *box) error {
			if _, err := b.Add(ctx, 10); err != nil {
				return err
			}
			return b.state.Await(ctx, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		})
		synctest.Wait()
		running := start(env, stub, func(ctx context.Context, b *box) error {
			defer close(ended)
			if _, err := b.Add(ctx, 100); err != nil {
				return err
			}
			<-ctx.Done()
			_, err := b.Add(ctx, 1)
			if err == nil {
				t.Error("a write after Close worked")
			}
			return err
		})
		synctest.Wait()
		queued := start(env, stub, func(context.Context, *box) error {
			t.Error("the queued event ran")
			return nil
		})
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		began := time.Now()
		wantErr(t, "Close", rt.Close(ctx), context.DeadlineExceeded)
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("Close took %v, want the 3 s of its context", took)
		}
		for what, answer := range map[string]<-chan error{"parked": parked, "running": running, "queued": queued} {
			err := <-answer
			wantErr(t, what, err, do.ErrClosed)
			if errors.Is(err, do.ErrReset) {
				t.Errorf("%s: %v is ErrReset too", what, err)
			}
		}
		<-ended
		wantErr(t, "the second Close", rt.Close(t.Context()), context.DeadlineExceeded)
		env.Crash() // opens the folder again
		wantTotal(t, named(env, "x"), 11)
	})
}

// TestT34_12WithoutInstance closes past its context while an object has no instance, but
// its database open: it was reset.
func TestT34_12WithoutInstance(t *testing.T) {
	bubble(t, func(t *testing.T, env *dotest.Runtime) {
		wantAdd(t, named(env, "x"), 1, 1)
		err := run(env, named(env, "x"), func(context.Context, *box) error { panic(errBoom) })
		wantErr(t, "panic", err, do.ErrReset)
		synctest.Wait()
		env.Crash() // fails the test if databases or cells are left
		wantTotal(t, named(env, "x"), 1)
	})
}

// TestL21StopsThatCall closes objects whose Stops call each other, and so build each other
// anew. Close comes to an end.
func TestL21StopsThatCall(t *testing.T) {
	var stops atomic.Int32
	o := boxes(class(func(_ context.Context, b *box) error {
		b.stop = func(ctx context.Context, _ do.StopReason) error {
			stops.Add(1)
			other := map[string]string{"a": "b", "b": "a"}[b.state.ID().Name()]
			_, err := do.Call(ctx, b.env.Namespace("BOX").GetByName(other), (*box).Add, 1)
			return err
		}
		return nil
	}))
	o.Dir = t.TempDir()
	rt, control := openBoxes(t, o)
	wantAdd(t, rt.Namespace("BOX").GetByName("a"), 1, 1)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	wantNil(t, rt.Close(ctx))
	if n := stops.Load(); n < 4 || n > 1000 || control.Cells() > 0 {
		t.Errorf("%d calls of Stop, %d objects in memory", n, control.Cells())
	}
}
