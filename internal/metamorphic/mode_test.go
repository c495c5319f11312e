package metamorphic

import (
	"testing"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
	"github.com/durablego/do/internal/bridge"
	"github.com/durablego/do/internal/disk"
)

// mode is how durable the objects are, and what happens to them after each step.
type mode struct {
	name    string
	options do.Options
	after   func(r *run)
	cuts    bool // the power fails in the midst of steps that have a cut
	late    bool // syncs take their time
	share   int  // of all steps: less for what takes longer
}

// modes are all modes. All must give what the model gives.
var modes = []mode{
	{name: "memory", options: do.Options{Relaxed: true}, share: 3},
	{name: "disk", share: 3},
	{name: "evict", after: (*run).evict, share: 3},
	{name: "restart", after: (*run).restart, share: 1},
	{name: "crash", after: (*run).crash, options: do.Options{CheckpointBytes: 20_000}, late: true, share: 1},
	{name: "cut", after: (*run).crash, cuts: true, late: true, share: 2},
	{name: "killed", after: (*run).crash, options: do.Options{Relaxed: true}, share: 1},
	{name: "few databases", options: do.Options{MaxOpenDatabases: 1}, share: 3},
}

const binding = "SUBJECT"

// open opens a runtime for the mode.
func (m mode) open(t *testing.T, w *world) *dotest.Runtime {
	script := do.NewScript("main")
	do.RegisterIn(script, do.Class[*subject]{Binding: binding, New: newSubject, IdleTimeout: -1})
	o := m.options
	o.Scripts = []*do.Script{script}
	o.Vars = map[string]any{"world": w}
	o.Logger = quiet
	o.MaxKeyBytes, o.MaxEntryBytes, o.MaxKeysPerCall = maxKey, maxEntry, maxKeys
	var c bridge.Config
	if m.late {
		c.FS = lagging{disk.OS()}
	}
	return dotest.NewWith(t, dotest.Options{Runtime: o}, c)
}

// evict takes all objects out of memory.
func (r *run) evict() {
	for i, name := range r.w.names {
		err := r.env.Evict(r.env.Namespace(binding).GetByName(name))
		if err != nil && !isNotRunning(err) {
			r.t.Errorf("evict: %v", err)
		}
		r.model.leave(i)
	}
}

func (r *run) restart() {
	r.env.Restart()
	r.leaveAll()
}

func (r *run) crash() {
	r.env.Crash()
	r.model.crash()
}

func (r *run) leaveAll() {
	for i := range r.model.objects {
		r.model.leave(i)
	}
}
