package do_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
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

// Slow takes its time in the middle of a turn; all of it is virtual.
func (c *clock) Slow(ctx context.Context, d time.Duration) (int, error) {
	n, err := c.Total(ctx)
	time.Sleep(d)
	return n, err
}

// TestA6Found: an object that a kill left with an alarm which nobody was told of, in its files
// only, is read: from then on the alarm is scheduled, and listed, also after a restart.
func TestA6Found(t *testing.T) {
	for _, slow := range []time.Duration{0, time.Second} {
		synctest.Test(t, func(t *testing.T) {
			w := &clocks{began: time.Now()}
			o := do.Options{Dir: t.TempDir(), Scripts: []*do.Script{clocksIn(w, true)}}
			rt := openOn(t, o, nil)
			_, err := do.Call(t.Context(), rt.Namespace("CLOCK").GetByName("first"), (*clock).Add, 1)
			wantNil(t, err)
			closeNow(t, rt)
			killed := filepath.Join(t.TempDir(), "killed")
			wantNil(t, os.CopyFS(killed, os.DirFS(o.Dir)))
			o.Scripts, o.Relaxed = []*do.Script{clocksIn(w, true)}, true // the others have no write-ahead log
			rt = openOn(t, o, nil)
			stub := rt.Namespace("CLOCK").GetByName("x")
			_, err = do.Call(t.Context(), stub, (*clock).Ring, 24*time.Hour)
			wantNil(t, err)
			for _, suffix := range []string{".sqlite", ".sqlite-wal"} {
				name := filepath.Join("main.clock", stub.ID().String()+suffix)
				file, err := os.ReadFile(filepath.Join(o.Dir, name))
				wantNil(t, err)
				wantNil(t, os.WriteFile(filepath.Join(killed, name), file, 0o644))
			}
			closeNow(t, rt)
			o.Dir, o.Scripts, o.Relaxed = killed, []*do.Script{clocksIn(w, true)}, false
			rt = openOn(t, o, nil)
			if n, err := do.Call(t.Context(), rt.Namespace("CLOCK").GetByName("x"), (*clock).Slow, slow); n != 1 || err != nil {
				t.Errorf("what the kill left: %d, %v", n, err)
			}
			closeNow(t, rt)
			o.Scripts = []*do.Script{clocksIn(w, true)}
			rt = openOn(t, o, nil)
			pass(25 * time.Hour)
			w.want(t, "24h0m0s#0")
			closeNow(t, rt)
		})
	}
}

// TestL26Idle: an object that goes idle while it is copied, and is written to when it is back,
// is copied as of one commit point.
func TestL26Idle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		faulty := disktest.NewFaulty(noSync{disk.OS()})
		o := boxesIn(filepath.Join(t.TempDir(), "data"))
		env := dotest.NewWith(t, dotest.Options{Runtime: o}, bridge.Config{FS: faulty})
		fill := func(what string) {
			wantNil(t, run(env, named(env, "a"), func(ctx context.Context, b *box) error {
				for _, key := range strings.Split("12345678", "") {
					if err := b.state.KV().Put(ctx, key, strings.Repeat(what, 1<<20)); err != nil {
						return err
					}
				}
				return nil
			}))
		}
		fill("1")
		env.Restart()
		blocked, goOn := make(chan struct{}), make(chan struct{})
		pieces := 0
		faulty.Hook(func(op disktest.Op, name string) error {
			if op == disktest.Write && strings.Contains(name, "export-") {
				if pieces++; pieces == 2 {
					close(blocked)
					<-goOn
				}
			}
			return nil
		})
		var out bytes.Buffer
		done := make(chan error)
		go func() { done <- env.Namespace("BOX").Export(t.Context(), named(env, "a").ID(), &out) }()
		<-blocked
		pass(time.Minute) // it is idle
		filled := make(chan struct{})
		go func() { defer close(filled); fill("2") }()
		pass(time.Minute) // and once more
		close(goOn)
		wantNil(t, <-done)
		<-filled
		ones, twos := bytes.Count(out.Bytes(), bytes.Repeat([]byte("1"), 1000)), bytes.Count(out.Bytes(), bytes.Repeat([]byte("2"), 1000))
		if ones == 0 || twos > 0 {
			t.Errorf("the copy has %d pieces of the first turn and %d of the second", ones, twos)
		}
	})
}

// TestP28Later: a folder whose row was lost is compared with its index when it is served, also
// when another program has made the row, or an Open that failed.
func TestP28Later(t *testing.T) {
	for name, before := range map[string]func(t *testing.T, dir string, o do.Options){
		"an orphan first": func(t *testing.T, dir string, _ do.Options) {
			rt, err := do.Open(do.Options{Dir: dir, Scripts: []*do.Script{do.NewScript("other")}})
			wantNil(t, err)
			closeNow(t, rt)
		},
		"an Open that fails": func(t *testing.T, _ string, o do.Options) {
			faulty := disktest.NewFaulty(noSync{disk.OS()})
			faulty.Fail(disktest.Fault{Op: disktest.SyncDir, Match: func(name string) bool { return strings.HasSuffix(name, "main.a") }})
			if _, _, err := bridge.Open(o, bridge.Config{FS: faulty}); err == nil {
				t.Fatal("it does not fail")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			caseA.run(t, "first", dir)
			o := do.Options{Dir: dir, Scripts: scripts(caseA.says)}
			rt, err := do.Open(o)
			wantNil(t, err)
			id := rt.Namespace("A").IDFromName("x")
			path := filepath.Join(dir, "main.a", id.String()+".sqlite")
			object, err := os.ReadFile(path)
			wantNil(t, err)
			wantNil(t, rt.Namespace("A").Delete(t.Context(), id))
			closeNow(t, rt)
			wantNil(t, os.WriteFile(path, object, 0o644)) // the index does not know
			lose("catalog.sqlite")(t, dir)
			before(t, dir, o)
			rt, err = do.Open(o)
			wantNil(t, err)
			if n := countObjects(t, rt.Namespace("A")); n != 1 {
				t.Errorf("%d objects, want the one; %s", n, rt.Plan())
			}
			closeNow(t, rt)
		})
	}
}
