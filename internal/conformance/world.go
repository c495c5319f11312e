package conformance

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"
)

// A world is what a case keeps outside its objects. It outlives their instances and the runtime, and is safe for concurrent use.
type world struct {
	mu       sync.Mutex
	log      map[string][]any         // by full name
	programs map[string]Node          // by full name
	built    map[string]int           // constructors begun, by full name
	names    map[string]string        // full name by hex id, of objects reached through a parsed id
	seen     map[objectKey]bool       // objects that had an instance
	holds    map[string]chan struct{} // by full name: closed to let events of the object begin

	alarmRuns map[string]int       // of alarms since the program was given, by full name
	alarmed   map[string]time.Time // when the last one began
	labels    map[momentOf]string  // of times of alarms
}

// An objectKey names an object whatever name it goes by.
type objectKey struct{ binding, hex string }

func newWorld() *world {
	return &world{
		log: map[string][]any{}, programs: map[string]Node{}, built: map[string]int{}, names: map[string]string{},
		seen: map[objectKey]bool{}, holds: map[string]chan struct{}{},
		alarmRuns: map[string]int{}, alarmed: map[string]time.Time{}, labels: map[momentOf]string{},
	}
}

// begin counts a constructor and gives the object's full name, the number of the instance and the object's program.
func (w *world) begin(key objectKey, name string) (full string, instance int, program Node) {
	w.mu.Lock()
	defer w.mu.Unlock()
	full = w.names[key.hex]
	if full == "" {
		full = name
	}
	if full == "" {
		full = key.hex
	}
	w.seen[key] = true
	w.built[full]++
	return full, w.built[full], w.programs[full]
}

// setName makes the object of an id go by its full name, though it was not told.
func (w *world) setName(hex, full string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.names[hex] = full
}

func (w *world) setProgram(full string, handlers Node) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.programs[full], w.alarmRuns[full] = handlers, 0
	delete(w.alarmed, full)
}

// objects gives every object that had an instance, in a fixed order.
func (w *world) objects() []objectKey {
	w.mu.Lock()
	defer w.mu.Unlock()
	keys := make([]objectKey, 0, len(w.seen))
	for k := range w.seen {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b objectKey) int {
		return cmp.Or(cmp.Compare(a.binding, b.binding), cmp.Compare(a.hex, b.hex))
	})
	return keys
}

// note adds an event to an object's log.
func (w *world) note(full string, event map[string]any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.log[full] = append(w.log[full], event)
}

// events gives the logged events of the wanted kinds (nil: all).
func (w *world) events(full string, only []any) []any {
	w.mu.Lock()
	defer w.mu.Unlock()
	found := []any{}
	for _, e := range w.log[full] {
		if only == nil || slices.Contains(only, asMap(e)["ev"]) {
			found = append(found, maps.Clone(asMap(e))) // it may not have ended
		}
	}
	return found
}

// awaitEvents waits until there are count events and none is running, or for limit.
func (w *world) awaitEvents(full string, only []any, count int, limit time.Duration) []any {
	const step = 20 * time.Millisecond // of virtual time
	for end := time.Now().Add(limit); ; time.Sleep(step) {
		found := w.events(full, only)
		running := slices.ContainsFunc(found, func(e any) bool { return asMap(e)["end"] == "running" })
		if len(found) >= count && !running || !time.Now().Before(end) {
			return found
		}
	}
}

// hold keeps events of an object from beginning until release is called. The first one waits at its door and the others in the queue, so
// that calls that belong together have all arrived before the object does anything. An object that is held already stays so until the
// first release.
func (w *world) hold(full string) (release func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	ch := w.holds[full]
	if ch == nil {
		ch = make(chan struct{})
		w.holds[full] = ch
	}
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.holds[full] == ch {
			delete(w.holds, full)
			close(ch)
		}
	}
}

// enter waits while the object is held.
func (w *world) enter(full string) {
	w.mu.Lock()
	ch := w.holds[full]
	w.mu.Unlock()
	if ch != nil {
		<-ch
	}
}
