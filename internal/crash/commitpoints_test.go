package crash

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
	"github.com/durablego/do/kvstorage"
)

// actor plays the script, with functions of the test.
type actor struct{ env *do.Env }

func (a *actor) Fetch(context.Context, *http.Request) (*http.Response, error) {
	return do.Text(http.StatusOK, ""), nil
}

// Nothing is called to make a wait.
func (a *actor) Nothing(context.Context) (int, error) { return 0, nil }

// scene is a write and the commit point behind it.
type scene struct {
	object, key string
	commit      string
}

// script is a history with every kind of commit point. An event ends with "end".
var script = []scene{
	{"a", "1", "end"},
	{"a", "2", "sync"}, {"a", "3", "sync"}, {"a", "4", "end"},
	{"b", "1", "await"}, {"b", "2", "end"},
	{"a", "5", "call"}, {"a", "6", "section"}, {"a", "7", "end"},
	{"b", "3", "transaction"}, {"b", "4", "end"},
	{"a", "8", "evict"},
	{"a", "9", "end"},
	{"c", "1", "sync"}, {"c", "", "delete all"}, {"c", "2", "end"},
	{"c", "", "delete all"}, {"c", "3", "run"},
	{"b", "5", "restart"},
	{"b", "6", "end"},
}

// play is one run of the script, which ends with a crash at a commit point.
type play struct {
	env     *dotest.Runtime
	at      int // the crash comes behind this many commit points
	reached int
	crashed chan struct{} // closed when the crash may come
	stored  map[string]map[string]string
}

// errCrash ends events behind the crash.
var errCrash = errors.New("after the crash")

// reach is called when a commit point is durable, and says whether it is the last one.
func (p *play) reach(s scene) (last bool) {
	if s.key != "" {
		if p.stored[s.object] == nil {
			p.stored[s.object] = map[string]string{}
		}
		p.stored[s.object][s.key] = s.commit
	}
	p.reached++
	return p.reached == p.at
}

// point is reach inside an event. At the last commit point it writes something that is
// never committed, and waits for the crash.
func (p *play) point(ctx context.Context, kv *kvstorage.Store, s scene) error {
	if !p.reach(s) {
		return nil
	}
	if err := kv.Put(ctx, "uncommitted", 1); err != nil {
		return err
	}
	close(p.crashed)
	<-ctx.Done()
	return errCrash
}

func (p *play) stub(name string) *do.Stub { return p.env.Namespace("ACTOR").GetByName(name) }

// event plays the scenes of one event.
func (p *play) event(scenes []scene) error {
	last := scenes[len(scenes)-1]
	err := dotest.RunInObject(p.env, p.stub(last.object), func(ctx context.Context, a *actor, state *do.State) error {
		for _, s := range scenes {
			err := p.scene(ctx, a, state, s)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil && last.commit == "evict" {
		err = p.env.Evict(p.stub(last.object))
	}
	if err != nil {
		return err
	}
	if last.commit == "restart" {
		p.env.Restart()
	}
	if p.reach(last) {
		close(p.crashed)
		return errCrash
	}
	return nil
}

// scene writes and commits.
func (p *play) scene(ctx context.Context, a *actor, state *do.State, s scene) error {
	kv, err := state.KV(), error(nil)
	if s.key != "" {
		err = kv.Put(ctx, s.key, s.commit)
	}
	wait := func(context.Context) error { return nil }
	switch {
	case err != nil:
		return err
	case s.commit == "end", s.commit == "evict", s.commit == "restart":
		return nil
	case s.commit == "sync":
		err = state.Storage().Sync(ctx)
	case s.commit == "await":
		err = state.Await(ctx, wait)
	case s.commit == "call":
		_, err = do.Call0(ctx, a.env.Namespace("ACTOR").GetByName("nobody"), (*actor).Nothing)
	case s.commit == "section": // its entry is the commit point; Await makes it durable
		err = state.BlockConcurrencyWhile(ctx, func(ctx context.Context) error { return state.Await(ctx, wait) })
	case s.commit == "transaction":
		err = state.Storage().Transaction(ctx, func(ctx context.Context) error { return kv.Put(ctx, "in transaction", 1) })
		if err == nil {
			_, err = kv.Delete(ctx, "in transaction")
		}
		if err == nil {
			err = state.Storage().Sync(ctx)
		}
	case s.commit == "delete all":
		if err = state.Storage().DeleteAll(ctx); err == nil {
			err = state.Storage().Sync(ctx)
		}
		if err == nil {
			clear(p.stored[s.object])
		}
	case s.commit == "run":
		done := make(chan error, 1)
		err = state.WaitUntil(ctx, func(ctx context.Context) error {
			err := state.Run(ctx, func(ctx context.Context) error { return kv.Put(ctx, "run", "run") })
			if err == nil {
				err = state.Storage().Sync(ctx)
			}
			done <- err
			return nil
		})
		if err == nil {
			err = state.Await(ctx, func(context.Context) error { return <-done })
		}
		if err == nil {
			p.stored[s.object]["run"] = "run"
		}
		if err == nil {
			return nil // the end of the event is its point
		}
	}
	if err != nil {
		return err
	}
	return p.point(ctx, kv, s)
}

// TestCrashAtEveryCommitPoint plays the script as far as its first, second, … commit point,
// crashes there, and finds what was committed, and nothing else (D9, T11, T13, T31).
func TestCrashAtEveryCommitPoint(t *testing.T) {
	for at := 1; at <= len(script); at++ {
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			s := do.NewScript("main")
			do.RegisterIn(s, do.Class[*actor]{Binding: "ACTOR", New: func(_ context.Context, _ *do.State, env *do.Env) (*actor, error) {
				return &actor{env}, nil
			}})
			env := dotest.New(t, dotest.Options{Runtime: do.Options{Scripts: []*do.Script{s}}})
			p := &play{env: env, at: at, crashed: make(chan struct{}), stored: map[string]map[string]string{}}
			ended := make(chan error, 1)
			go func() { ended <- p.run() }()
			select {
			case <-p.crashed:
			case err := <-ended:
				if !errors.Is(err, errCrash) {
					t.Fatalf("the script ended at point %d: %v", p.reached, err)
				}
				ended <- err
			}
			env.Crash()
			if err := <-ended; !errors.Is(err, errCrash) && !errors.Is(err, do.ErrClosed) {
				t.Errorf("the last event gave %v", err)
			}
			for _, name := range []string{"a", "b", "c"} {
				if got := p.read(t, name); !maps.Equal(got, p.stored[name]) {
					t.Errorf("behind point %d (%s) %s stores %v, want %v", at, script[at-1].commit, name, got, p.stored[name])
				}
			}
		})
	}
}

// run plays the script event by event.
func (p *play) run() error {
	var scenes []scene
	for _, s := range script {
		scenes = append(scenes, s)
		if !strings.Contains("end evict restart run", s.commit) {
			continue
		}
		if err := p.event(scenes); err != nil {
			return err
		}
		scenes = nil
	}
	return nil
}

// read gives what an object stores.
func (p *play) read(t *testing.T, name string) map[string]string {
	t.Helper()
	got := map[string]string{}
	err := dotest.RunInObject(p.env, p.stub(name), func(ctx context.Context, _ *actor, state *do.State) error {
		for e, err := range kvstorage.List[string](ctx, state.KV(), kvstorage.ListOptions{}) {
			if err != nil {
				return err
			}
			got[e.Key] = e.Value
		}
		return nil
	})
	if err != nil {
		t.Errorf("reading %s: %v", name, err)
	}
	return got
}
