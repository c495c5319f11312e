package metamorphic

import "maps"

// model is what the objects should be and do, in plain Go.
type model struct {
	objects [3]object
	step    *progress // the one that runs
	wrong   string    // a mistake that it makes, for the test of the tests
}

// object is one of them.
type object struct {
	committed, now content
	alive          bool // there is an instance
	life           int  // how many instances were reset or left: a frame of an older one is cut off
	count          int  // events of the instance
	pending        []*later
}

// content is what an object has stored. Whoever changes it has cloned it before.
type content struct {
	kv    map[string]any
	table *table
}

func (c content) clone() content {
	return content{kv: maps.Clone(c.kv), table: c.table.clone()}
}

// progress is a step in the model.
type progress struct {
	started []*later
	order   int  // of the WaitUntils asked for so far
	points  int  // until the power fails
	failed  bool // it did: what is committed now stays
}

// later is a WaitUntil.
type later struct {
	nth   int // of its step
	obj   int
	life  int
	op    op
	trace *trace
}

func newModel() *model {
	m := &model{}
	for i := range m.objects {
		m.objects[i].now.kv = map[string]any{}
		m.objects[i].committed = m.objects[i].now.clone()
	}
	return m
}

// run runs a step and gives what its call gives, and which WaitUntils are to run. A step with points ends at the last of them if it gets
// there: failed says so.
func (m *model) run(o op, t *trace, points int) (result string, started []*later, failed bool) {
	m.step = &progress{points: points}
	result = m.event(nil, o, t, false)
	return result, m.step.started, m.step.failed
}

// runLater runs a WaitUntil that the step began, if its instance is still there, and says whether.
func (m *model) runLater(l *later) bool {
	x := &m.objects[l.obj]
	if x.life != l.life {
		return false
	}
	l.trace.say("run")
	f := &modelFrame{m: m, obj: l.obj, life: x.life, trace: l.trace}
	f.run(l.op)
	if !f.dead() {
		m.commit(l.obj)
	}
	return true
}

// event runs a call of another event and gives its result.
func (m *model) event(caller *modelFrame, o op, t *trace, point bool) string {
	x := &m.objects[o.obj]
	for up := caller; up != nil; up = up.caller {
		if up.obj == o.obj && up.blocks > 0 {
			return "ErrDeadlock"
		}
	}
	if !x.alive {
		x.alive, x.count = true, 0
		if v, found := x.now.kv[builtKey]; found {
			if n, is := v.(int64); is || v == nil {
				x.now.kv[builtKey] = n + 1
			}
		}
	}
	f := &modelFrame{m: m, caller: caller, obj: o.obj, life: x.life, trace: t}
	if point && m.point() {
		return ""
	}
	x.count++
	t.say("event %d", x.count)
	end := f.run(o)
	if f.dead() {
		return "ErrReset"
	}
	m.commit(o.obj)
	if end == failing {
		return "errUser"
	}
	return "ok"
}

// point is a durable point; true if the power fails there, or has.
func (m *model) point() bool {
	m.step.points--
	if m.step.points == 0 {
		m.step.failed = true
	}
	return m.step.failed
}

// commit is a commit point of an object.
func (m *model) commit(obj int) {
	if m.step.failed {
		return
	}
	x := &m.objects[obj]
	x.committed = x.now.clone()
	for _, l := range x.pending {
		l.life = x.life
		m.step.started = append(m.step.started, l)
	}
	x.pending = nil
}

// reset drops the instance and what it wrote since its last commit point.
func (m *model) reset(obj int) {
	x := &m.objects[obj]
	x.now = x.committed.clone()
	x.pending = nil
	m.leave(obj)
}

// leave drops the instance, with nothing open.
func (m *model) leave(obj int) {
	x := &m.objects[obj]
	x.alive = false
	x.life++
}

// deleteObject deletes an object.
func (m *model) deleteObject(obj int) {
	m.objects[obj].now = content{kv: map[string]any{}}
	m.objects[obj].committed = content{kv: map[string]any{}}
	m.leave(obj)
}

// crash is a power cut: all that was committed and answered for stays.
func (m *model) crash() {
	for i := range m.objects {
		m.reset(i)
	}
}

// modelFrame is a frame in the model.
type modelFrame struct {
	m      *model
	caller *modelFrame
	obj    int
	life   int
	trace  *trace
	blocks int
	depth  int // of transactions
}

func (f *modelFrame) say(format string, args ...any) { f.trace.say(format, args...) }

func (f *modelFrame) x() *object { return &f.m.objects[f.obj] }

// dead says that nothing more comes from the frame.
func (f *modelFrame) dead() bool { return f.m.step.failed || f.x().life != f.life }

// run runs the body of o, and says how it ended; dead frames have no end.
func (f *modelFrame) run(o op) string {
	for _, inner := range o.body {
		f.do(inner)
		if f.dead() {
			return ""
		}
	}
	if o.end == panicking || o.end == aborting {
		f.m.reset(f.obj)
	}
	return o.end
}

func (f *modelFrame) do(o op) {
	result := "ok"
	switch o.do {
	case "transaction":
		result = f.transaction(o)
	case "block":
		result = f.block(o)
	case "sync", "await", "call", "deleteAll":
		if f.depth > 0 {
			result = "ErrInTransaction"
			break
		}
		result = f.commitPoint(o)
	case "waitUntil":
		f.x().pending = append(f.x().pending, &later{nth: f.m.step.order, obj: f.obj, op: o, trace: f.trace.begin()})
		f.m.step.order++
	case "size":
	default:
		f.store(o)
		return
	}
	if result != "" {
		f.say("%s = %s", o.do, result)
	}
}

// transaction is undone as a whole if it fails (T22).
func (f *modelFrame) transaction(o op) string {
	before := f.x().now.clone()
	f.depth++
	end := f.run(o)
	f.depth--
	if f.dead() {
		return ""
	}
	if end == failing {
		if f.m.wrong != "transactions are not undone" {
			f.x().now = before
		}
		return "errUser"
	}
	return "ok"
}

// block commits at its entry, and resets if it fails (T25, T26).
func (f *modelFrame) block(o op) string {
	if f.depth == 0 {
		f.m.commit(f.obj)
	}
	f.blocks++
	end := f.run(o)
	f.blocks--
	if f.dead() {
		return ""
	}
	if end == failing {
		f.m.reset(f.obj)
		return "ErrReset"
	}
	return "ok"
}

// commitPoint does what needs that no transaction is open.
func (f *modelFrame) commitPoint(o op) string {
	if o.do == "deleteAll" {
		f.x().now = content{kv: map[string]any{}}
		return "ok"
	}
	f.m.commit(f.obj)
	switch o.do {
	case "sync":
		if f.m.point() {
			return ""
		}
		return "ok"
	case "call":
		return f.call(o)
	}
	if f.m.point() {
		return ""
	}
	for _, inner := range o.body {
		if result := f.call(inner); result != "" {
			f.say("call = %s", result)
		}
	}
	switch {
	case f.m.step.failed:
		return ""
	case f.dead() && o.end != panicking: // whose panic goes on all the same
		return "ErrReset"
	case o.end == panicking:
		if !f.dead() {
			f.m.reset(f.obj)
		}
		return ""
	case o.end == failing:
		return "errUser"
	}
	return "ok"
}

// call gives the result of another event; none if the power failed in it.
func (f *modelFrame) call(o op) string {
	result := f.m.event(f, o, f.trace.begin(), true)
	switch {
	case f.m.step.failed:
		return ""
	case f.dead():
		return "ErrReset"
	}
	return result
}
