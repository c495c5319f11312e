package do

import (
	"go/token"
	"maps"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
)

// method is what is known of a function given to Call.
type method struct {
	name string
	err  error
}

// methods remembers functions by their entry point. Reading takes no lock.
type methods struct {
	known atomic.Pointer[map[uintptr]*method]
	mu    sync.Mutex // serialises writers
}

// notCalled are the methods of Object and its abilities, whose turns the runtime starts (F2).
var notCalled = map[string]bool{
	"Fetch": true, "Stop": true, "Alarm": true,
	"WebSocketMessage": true, "WebSocketClose": true, "WebSocketError": true,
}

// methodOf checks that the function at pc is a method of T, and that s leads to a T.
func methodOf[T any](pc uintptr, s *Stub) (*method, error) {
	typ := reflect.TypeFor[T]()
	m := s.ns.rt.methods.of(pc, typ)
	if m.err != nil {
		return m, m.err
	}
	if s.ns.unserved {
		return m, s.err
	}
	if class := s.ns.class.typ; class != typ && (typ.Kind() != reflect.Interface || !class.Implements(typ)) {
		return m, ErrWrongClass
	}
	return m, nil
}

func (ms *methods) of(pc uintptr, typ reflect.Type) *method {
	if known := ms.known.Load(); known != nil {
		if m := (*known)[pc]; m != nil {
			return m
		}
	}
	m := &method{name: "call", err: ErrNotMethod}
	if name, ok := methodName(runtime.FuncForPC(pc), typ); ok {
		m.name, m.err = name, nil
	}
	ms.mu.Lock()
	defer ms.mu.Unlock()
	next := map[uintptr]*method{}
	if known := ms.known.Load(); known != nil {
		maps.Copy(next, *known)
	}
	next[pc] = m
	ms.known.Store(&next)
	return m
}

// methodName says which exported method of typ f is. Method expressions are named
// "path/pkg.Type.Method" or "path/pkg.(*Type).Method"; functions and literals are not, or
// have a last part that is no method of typ ("func1").
func methodName(f *runtime.Func, typ reflect.Type) (string, bool) {
	if f == nil {
		return "", false
	}
	full := f.Name()
	full = full[strings.LastIndexByte(full, '/')+1:] // type arguments may hold slashes: what is left ends alike
	receiver, name, ok := cutLast(full)
	if !ok || !token.IsExported(name) || notCalled[name] || !strings.Contains(receiver, ".") && !strings.HasSuffix(receiver, ")") {
		return "", false
	}
	_, ok = typ.MethodByName(name)
	return name, ok
}

func cutLast(s string) (before, after string, ok bool) {
	i := strings.LastIndexByte(s, '.')
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}
