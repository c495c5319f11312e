package dotest

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// module is what the names of our functions begin with.
const module = "github.com/durablego/do"

// leakLimit is how long goroutines have to end outside a bubble. Those of a closed runtime
// have done their work and only need the processor.
const leakLimit = 5 * time.Second

// leaks finds the goroutines of a test that run code of this module. In a bubble they are
// those of the bubble; outside it those that carry the test's label, which the runtime of
// Go hands from a goroutine to those it starts.
type leaks struct {
	t      testing.TB
	bubble string // "synctest bubble 3", or empty
	test   *labelled
	limit  time.Duration
}

// labelled is a test that has runtimes.
type labelled struct {
	label    string
	runtimes int
}

// tests are the tests with open runtimes. Several runtimes of a test share a label.
var tests struct {
	mu    sync.Mutex // guards following
	of    map[testing.TB]*labelled
	count int
}

const labelKey = "dotest"

// watchLeaks begins to watch. It labels the calling goroutine.
func watchLeaks(t testing.TB) *leaks {
	l := &leaks{t: t, bubble: bubbleOf(stackOf(false)), limit: leakLimit}
	tests.mu.Lock()
	defer tests.mu.Unlock()
	l.test = tests.of[t]
	if l.test == nil {
		tests.count++
		l.test = &labelled{label: fmt.Sprintf("%s#%d", t.Name(), tests.count)}
		if tests.of == nil {
			tests.of = map[testing.TB]*labelled{}
		}
		tests.of[t] = l.test
	}
	l.test.runtimes++
	if l.bubble != "" {
		return l
	}
	pprof.SetGoroutineLabels(pprof.WithLabels(context.Background(), pprof.Labels(labelKey, l.test.label)))
	return l
}

// end gives the stacks of goroutines that do not end. If the test has other runtimes, the
// last one looks.
func (l *leaks) end() []string {
	tests.mu.Lock()
	l.test.runtimes--
	last := l.test.runtimes == 0
	if last {
		delete(tests.of, l.t)
	}
	tests.mu.Unlock()
	switch {
	case !last:
		return nil
	case l.bubble != "":
		synctest.Wait()
		return l.stacks()
	}
	defer pprof.SetGoroutineLabels(context.Background())
	for deadline := time.Now().Add(l.limit); ; time.Sleep(time.Millisecond) {
		if stacks := l.stacks(); len(stacks) == 0 || time.Now().After(deadline) {
			return stacks
		}
	}
}

// stacks are those of the test's goroutines in this module, without its tests and this
// package.
func (l *leaks) stacks() []string {
	var goroutines []string
	if l.bubble != "" {
		goroutines = strings.Split(string(stackOf(true)), "\n\n")
	} else {
		var profile bytes.Buffer
		if err := pprof.Lookup("goroutine").WriteTo(&profile, 1); err != nil {
			return []string{err.Error()}
		}
		goroutines = strings.Split(profile.String(), "\n\n")
	}
	var ours []string
	for _, g := range goroutines {
		if l.owns(g) && runsOurs(g) {
			ours = append(ours, g)
		}
	}
	return ours
}

func (l *leaks) owns(goroutine string) bool {
	if l.bubble != "" {
		return bubbleOf([]byte(goroutine)) == l.bubble
	}
	return strings.Contains(goroutine, fmt.Sprintf("%q:%q", labelKey, l.test.label))
}

// runsOurs says whether a stack has a function of this module, other than those of tests
// and of this package. The goroutines of tests themselves are not meant.
func runsOurs(stack string) bool {
	if strings.Contains(stack, "testing.tRunner") || strings.Contains(stack, "internal/synctest.Run") {
		return false
	}
	for line := range strings.Lines(stack) {
		if strings.HasPrefix(line, "created by ") {
			break
		}
		at := strings.Index(line, module)
		if at < 0 || at > 0 && line[at-1] != '\t' {
			continue // not a function but a file, perhaps
		}
		folder, _, _ := strings.Cut(line[at+len(module):], ".")
		if !strings.HasSuffix(folder, "_test") && (folder == "" || folder[0] == '/') && folder != "/dotest" {
			return true
		}
	}
	return false
}

// stackOf gives the stack of this goroutine, or of all.
func stackOf(all bool) []byte {
	for size := 16 << 10; ; size *= 2 {
		b := make([]byte, size)
		if n := runtime.Stack(b, all); n < size {
			return b[:n]
		}
	}
}

// bubbleOf gives the bubble in the first line of a goroutine's stack, or "".
func bubbleOf(stack []byte) string {
	head, _, _ := bytes.Cut(stack, []byte("\n"))
	at := bytes.Index(head, []byte("synctest bubble "))
	if at < 0 {
		return ""
	}
	bubble, _, _ := bytes.Cut(head[at:], []byte("]"))
	return string(bubble)
}
