package do

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"time"
)

// DefaultScript is the script that Register and RegisterClass fill and that Open serves
// when Options.Scripts is nil. Its name is "main".
var DefaultScript = NewScript("main")

// Script is a named set of classes and their bindings. Fill it before Open, which freezes
// it; a change after that panics.
type Script struct {
	name string

	mu      sync.Mutex // guards following
	frozen  bool
	classes []*class
	links   []link

	tombstones, retired []string // stable ids that are not declared any more
}

// NewScript makes an empty script. The name is part of the identity of its namespaces'
// data (I17), so it must stay the same. An empty name panics.
func NewScript(name string) *Script {
	if name == "" {
		panic("do: a script needs a name")
	}
	return &Script{name: name}
}

// Name is the script's name.
func (s *Script) Name() string { return s.name }

// Class says how objects of type T are made and served. Binding and New are required.
type Class[T Object] struct {
	// Binding is the name by which programs and objects reach the namespace.
	Binding string
	// New is the constructor. It runs before the first event of an instance, as a blocked
	// section of it with a limit of Options.BlockTimeout; ctx carries a turn, so storage and
	// calls work, and is dead when New returns (T28). An error resets (L12). New must keep
	// neither ctx nor start goroutines with it; for those there is State.WaitUntil.
	New func(ctx context.Context, state *State, env *Env) (T, error)
	// Name is the class's name in errors and logs. Defaults to the name of the Go type.
	Name string
	// NamespaceID is the stable identifier of the namespace's data, which never changes by
	// itself: a class that has another one is another namespace. Defaults to Binding, so give
	// one if the binding might be renamed.
	NamespaceID string
	// PreviousIDs are stable identifiers that the data had in this script. The first Open with
	// them takes it over, ids and all, if no class declares it any more (P3, P4).
	PreviousIDs []string
	// MovedFrom says which other scripts the data may be in: each Ref has a script, and a
	// NamespaceID or Class unless that is this class's own NamespaceID. The first Open with
	// them takes it over, if no class declares it any more (P3, P4).
	MovedFrom []Ref
	// UniqueKey is that of data which the reference has written, whose folder of this name is
	// in the data folder: its ids and its objects become those of this namespace. It can be
	// given only before the namespace is opened first, and then stays. An object's file is
	// taken over when the object is used first; the file as it was is kept beside, with .orig
	// behind its name, and never read. Of what cannot be taken over the object's events get
	// ErrUnconvertible. See docs/from-workerd.md. Empty: the namespace gets a key of its own (I17).
	UniqueKey string
	// IdleTimeout is how long an instance without work stays in memory. Defaults to 10 s;
	// negative: for ever (L8).
	IdleTimeout time.Duration
	// QueueLimit is how many events may wait; more get ErrOverloaded. Defaults to 1,024;
	// negative: no limit (L13).
	QueueLimit int
	// Compress has WebSocket messages of 128 bytes and more compressed, if the client offers
	// it (W23). It costs time for each message, and no memory while nothing is sent.
	Compress bool
}

// class is a Class without its type parameter.
type class struct {
	script      string
	binding     string
	name        string
	namespaceID string
	previousIDs []string
	movedFrom   []Ref
	uniqueKey   string // empty: none of the reference's
	idleTimeout time.Duration
	queueLimit  int
	compress    bool
	sockets     bool // its objects may hear of sockets
	alarms      bool // its objects may have alarms
	typ         reflect.Type
	construct   func(context.Context, *State, *Env) (Object, error)
}

// Register binds a class to a name in DefaultScript, with every setting at its default. It
// is meant for init functions, so that `go test` has the class too. Misuse panics: an
// empty or taken binding, a nil constructor, a call after Open.
func Register[T Object](binding string, newObject func(context.Context, *State, *Env) (T, error)) {
	RegisterIn(DefaultScript, Class[T]{Binding: binding, New: newObject})
}

// RegisterClass is Register with every setting.
func RegisterClass[T Object](c Class[T]) { RegisterIn(DefaultScript, c) }

// RegisterIn is RegisterClass for a script of its own.
func RegisterIn[T Object](s *Script, c Class[T]) {
	typ := reflect.TypeFor[T]()
	if c.Binding == "" || c.New == nil {
		panic(fmt.Sprintf("do: class %v needs a binding and a constructor", typ))
	}
	if slices.ContainsFunc(c.MovedFrom, func(r Ref) bool { return r.Script == "" }) {
		panic(fmt.Sprintf("do: class %v has a MovedFrom without a script", typ))
	}
	k := &class{
		script:      s.name,
		binding:     c.Binding,
		name:        c.Name,
		namespaceID: c.NamespaceID,
		previousIDs: slices.Clone(c.PreviousIDs),
		movedFrom:   slices.Clone(c.MovedFrom),
		uniqueKey:   c.UniqueKey,
		idleTimeout: c.IdleTimeout,
		queueLimit:  c.QueueLimit,
		compress:    c.Compress,
		sockets:     mayHandleSockets(typ),
		alarms:      mayHaveAlarms(typ),
		typ:         typ,
	}
	k.construct = func(ctx context.Context, state *State, env *Env) (Object, error) {
		object, err := c.New(ctx, state, env)
		if err != nil {
			return nil, err // not object: a nil *T would be a non-nil Object
		}
		return object, nil
	}
	if k.name == "" {
		k.name = typeName(typ)
	}
	if k.namespaceID == "" {
		k.namespaceID = k.binding
	}
	if k.idleTimeout == 0 {
		k.idleTimeout = 10 * time.Second
	}
	if k.queueLimit == 0 {
		k.queueLimit = 1024
	}
	s.add(k)
}

func (s *Script) add(k *class) {
	s.change(k.binding)
	defer s.mu.Unlock()
	for _, other := range s.classes {
		if other.namespaceID == k.namespaceID {
			panic(fmt.Sprintf("do: bindings %q and %q of script %q have one NamespaceID, %q",
				other.binding, k.binding, s.name, k.namespaceID))
		}
	}
	s.classes = append(s.classes, k)
}

// Retire says that the script does not declare the namespace with this stable identifier any
// more, and that its data is to be kept: it is not served, and Open neither warns of it nor
// takes a new class for it (P5). Misuse panics: an empty id, one with a Tombstone, a call after Open.
func (s *Script) Retire(namespaceID string) { s.lay(namespaceID, "Retire", &s.retired, &s.tombstones) }

// Tombstone has the next Open remove the namespace with this stable identifier, which the
// script does not declare any more: all its objects, their alarms, and for ever (P9). The
// identifier may be declared again later, for a new namespace that has other ids (P27).
// Misuse panics: an empty id, one with a Retire, a call after Open.
func (s *Script) Tombstone(namespaceID string) {
	s.lay(namespaceID, "Tombstone", &s.tombstones, &s.retired)
}

// lay notes a stable id in one list, which must not be in the other.
func (s *Script) lay(id, what string, in, notIn *[]string) {
	s.mu.Lock()
	frozen, other := s.frozen, slices.Contains(*notIn, id)
	if !frozen && !other && id != "" && !slices.Contains(*in, id) {
		*in = append(*in, id)
	}
	s.mu.Unlock()
	switch {
	case id == "":
		panic(fmt.Sprintf("do: %s of script %q needs a stable identifier", what, s.name))
	case frozen:
		panic(fmt.Sprintf("do: %s(%q) is said after Open", what, id))
	case other:
		panic(fmt.Sprintf("do: script %q says both Retire and Tombstone of %q", s.name, id))
	}
}

// freeze ends registration: nothing of the script changes any more.
func (s *Script) freeze() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.frozen = true
}

func typeName(t reflect.Type) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Name() == "" {
		return t.String()
	}
	return t.Name()
}
