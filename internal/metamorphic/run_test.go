package metamorphic

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
)

// quiet is the log of runs: panics and failures are what histories are made of.
var quiet = slog.New(slog.DiscardHandler)

// limit is how long a step may take before it counts as stuck.
const limit = 20 * time.Second

func isNotRunning(err error) bool { return errors.Is(err, do.ErrNotRunning) }

// run is a history at work in a mode, beside the model.
type run struct {
	t     *testing.T
	mode  mode
	w     *world
	env   *dotest.Runtime
	model *model
}

// play runs a history in a mode, and gives the first difference from the model; none: "". It is one of a test that may be run to fail.
func play(t *testing.T, m mode, h history, wrong string) (difference string) {
	r := &run{t: t, mode: m, w: &world{names: []string{"a", "b", "c"}, scripts: map[int64]script{}}, model: newModel()}
	r.model.wrong = wrong
	r.env = m.open(t, r.w)
	for i, step := range h {
		if d := r.step(step); d != "" {
			return fmt.Sprintf("step %d of %d, %s%s", i+1, len(h), step, d)
		}
		if m.after != nil {
			m.after(r)
		}
	}
	return r.end()
}

// end reads everything, as it is and after a restart.
func (r *run) end() string {
	for range 2 {
		for obj := range r.w.names {
			if d := r.step(op{do: "call", obj: obj, body: []op{{do: "list"}, {do: "selectAll"}, {do: "sum"}}}); d != "" {
				return "at the end, " + d
			}
		}
		r.restart()
	}
	listed := map[string]bool{}
	for _, o := range r.env.Objects(r.env.Namespace(binding)) {
		listed[o.ID.Name()] = true
	}
	for i, name := range r.w.names {
		if x := r.model.objects[i].now; !listed[name] && (len(x.kv) > 0 || x.table != nil) {
			return fmt.Sprintf("at the end, object %d has data and is not listed", i)
		}
	}
	return ""
}

// step runs a step on both sides, and compares.
func (r *run) step(o op) string {
	if o.do == "deleteObject" {
		return r.deleteObject(o.obj)
	}
	points := 0
	if r.mode.cuts {
		points = o.cut
	}
	want, got := &trace{}, &trace{}
	result, started, failed := r.model.run(o, want.begin(), points)

	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	ticket := r.w.add(o, got.begin(), 0)
	st := r.w.begin(ticket, points)
	stub := r.env.Namespace(binding).GetByName(r.w.names[o.obj])
	answer := make(chan string, 1)
	go func() {
		back, err := do.Call(ctx, stub, (*subject).Work, ticket)
		if err == nil && back != ticket {
			err = fmt.Errorf("the answer is %d", back)
		}
		answer <- kind(err)
	}()
	var answered string
	select {
	case <-st.reached:
		return r.cutPower(st, answer, failed, got, want)
	case answered = <-answer:
	}
	if failed {
		return "answered " + answered + ", but the power should fail before\n" + differs(got, want)
	}
	if d := r.finish(ctx, st, started); d != "" {
		return d + "\n" + differs(got, want)
	}
	got.say("= %s", answered)
	want.say("= %s", result)
	if d := differs(got, want); d != "" {
		return d
	}
	if answered == "ErrReset" || len(started) > 0 {
		return r.settle()
	}
	return ""
}

// deleteObject deletes an object (L15).
func (r *run) deleteObject(obj int) string {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	ns := r.env.Namespace(binding)
	if err := ns.Delete(ctx, ns.IDFromName(r.w.names[obj])); err != nil {
		return fmt.Sprintf("Delete = %v", err)
	}
	r.model.deleteObject(obj)
	return ""
}

// cutPower cuts it while a frame stands at a durable point.
func (r *run) cutPower(st *stepping, answer chan string, failed bool, got, want *trace) string {
	r.env.Crash()
	close(st.over)
	<-answer
	r.w.running.Wait()
	if !failed {
		return "a durable point that should not be\n" + differs(got, want)
	}
	r.model.crash()
	return ""
}

// finish waits for frames that were cut off and runs what WaitUntil began.
func (r *run) finish(ctx context.Context, st *stepping, started []*later) string {
	if !r.atRest(ctx) {
		return "answered, but frames of it go on"
	}
	r.w.mu.Lock()
	spawned := st.spawned
	st.points = 0
	r.w.mu.Unlock()
	r.model.step.points = 0
	for nth, sp := range spawned {
		if sp.began.Load() && !slices.ContainsFunc(started, func(l *later) bool { return l.nth == nth }) {
			return fmt.Sprintf("WaitUntil number %d runs, but its turn was undone", nth)
		}
	}
	for _, l := range started {
		if !r.model.runLater(l) {
			continue
		}
		if l.nth >= len(spawned) {
			return "a WaitUntil was not asked for"
		}
		close(spawned[l.nth].release)
		select {
		case <-spawned[l.nth].done:
		case <-ctx.Done():
			return fmt.Sprintf("WaitUntil number %d does not run", l.nth)
		}
		if !r.atRest(ctx) {
			return "a frame of State.Run goes on"
		}
	}
	return ""
}

// atRest waits until no frame runs; false if that takes too long.
func (r *run) atRest(ctx context.Context) bool {
	rest := make(chan struct{})
	go func() {
		r.w.running.Wait()
		close(rest)
	}()
	select {
	case <-rest:
		return true
	case <-ctx.Done():
		return false
	}
}

// settle waits until everything is durable, if the power may fail next: State.Run does not wait for it (T30), nor does an answer for a
// frame that its caller lost.
func (r *run) settle() string {
	if !r.mode.late {
		return ""
	}
	for i := range r.w.names {
		if d := r.step(op{do: "call", obj: i}); d != "" {
			return "an event that does nothing: " + d
		}
	}
	return ""
}

// differs compares both sides of a step.
func differs(got, want *trace) string {
	g, w := got.String(), want.String()
	if g == w {
		return ""
	}
	return "got\n" + g + "want\n" + w
}
