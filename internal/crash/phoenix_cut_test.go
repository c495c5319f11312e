package crash

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
	"github.com/durablego/do/internal/bridge"
	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/disk/disktest"
)

// nests are what all clients know.
type nests struct {
	mu  sync.Mutex // guards all
	all [6]nest
}

func (n *nests) copy() [6]nest {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.all
}

// cutNests is what a power cut left, and what was known just before and just after it.
type cutNests struct {
	dir           string
	before, after [6]nest
}

// TestPowerCutPhoenixes is TestPowerCut for objects that lose everything and begin anew: no
// answered row is lost, and nothing that was deleted comes back (L15, K25, T34.13).
func TestPowerCutPhoenixes(t *testing.T) {
	rng, dir := newRand(t), t.TempDir()
	var left []cutNests
	synctest.Test(t, func(t *testing.T) { left = cutPhoenixes(t, dir, rng) })
	for i, l := range left {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			o := options(l.dir)
			o.Logger = slog.New(noErrors{slog.DiscardHandler, t})
			env := dotest.New(t, dotest.Options{Runtime: o}) // runs quick_check at the end
			for i := range l.before {
				name := l.before[i].name
				a, err := do.Call0(t.Context(), env.Namespace(phoenixes).GetByName(name), (*phoenix).All)
				if err != nil || !l.before[i].may(a.Rows) && !l.after[i].may(a.Rows) {
					t.Errorf("%s has %v, %v; known was %+v, then %+v", name, a.Rows, err, l.before[i], l.after[i])
				}
			}
		})
	}
}

// noErrors fails the test for each error that is logged.
type noErrors struct {
	slog.Handler
	t *testing.T
}

func (h noErrors) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelError }
func (h noErrors) WithAttrs([]slog.Attr) slog.Handler               { return h }

func (h noErrors) Handle(_ context.Context, r slog.Record) error {
	h.t.Errorf("logged: %s", r.Message)
	return nil
}

func cutPhoenixes(t *testing.T, dir string, rng *rand.Rand) (left []cutNests) {
	d := &dice{rng: rand.New(rand.NewPCG(rng.Uint64(), 0))}
	record, err := disktest.NewRecorder(lazy{disk.OS(), d.sync, nil}, filepath.Join(dir, "data"))
	if err != nil {
		t.Fatal(err)
	}
	o := options(filepath.Join(dir, "data"))
	o.CheckpointBytes, o.Logger = 30_000, slog.New(slog.DiscardHandler)
	opened, _, err := bridge.Open(o, bridge.Config{FS: record})
	if err != nil {
		t.Fatal(err)
	}
	rt := opened.(*do.Runtime)
	ctx, stop := context.WithCancel(t.Context())
	var known nests
	var wg sync.WaitGroup
	for i := range known.all {
		n, mine := &known.all[i], rand.New(rand.NewPCG(rng.Uint64(), 0))
		n.name = fmt.Sprint("p", i)
		wg.Go(func() {
			for ctx.Err() == nil {
				known.mu.Lock()
				op, row := n.choose(mine), n.next
				known.mu.Unlock()
				if err := ask(rt, n.name, op, row); err != nil && !errors.Is(err, syscall.EIO) {
					t.Errorf("%s %s: %v", op, n.name, err)
				}
				known.mu.Lock()
				n.done()
				known.mu.Unlock()
				time.Sleep(d.below(40 * time.Millisecond)) // some go idle meanwhile
			}
		})
	}
	for i := range *cuts {
		time.Sleep(d.below(60 * time.Millisecond))
		l := cutNests{dir: filepath.Join(dir, fmt.Sprint(i)), before: known.copy()}
		if err := record.PowerCut(rng, l.dir); err != nil {
			t.Fatal(err)
		}
		l.after = known.copy()
		left = append(left, l)
	}
	stop()
	wg.Wait()
	if err := rt.Close(context.Background()); err != nil {
		t.Error(err)
	}
	return left
}

func ask(rt *do.Runtime, name, op string, row int) (err error) {
	ns := rt.Namespace(phoenixes)
	switch op {
	case "write":
		_, err = do.Call(context.Background(), ns.GetByName(name), (*phoenix).Write, row)
	case "wipe":
		_, err = do.Call0(context.Background(), ns.GetByName(name), (*phoenix).Wipe)
	default:
		err = ns.Delete(context.Background(), ns.IDFromName(name))
	}
	return err
}
