// Package do is Durable Objects, native in Go: objects with a name and a private database,
// each of which does one thing at a time, and whose answers are on disk before anybody
// gets them.
//
// An object class is a Go type with a Fetch method. Register it, open a data folder, and
// send it requests or call its methods:
//
//	package main
//
//	import (
//		"context"
//		"fmt"
//		"log"
//		"net/http"
//		"strconv"
//
//		"github.com/durablego/do"
//		"github.com/durablego/do/kvstorage"
//	)
//
//	type Counter struct{ state *do.State }
//
//	func NewCounter(ctx context.Context, state *do.State, env *do.Env) (*Counter, error) {
//		return &Counter{state}, nil
//	}
//
//	func (c *Counter) Add(ctx context.Context, n int) (int, error) {
//		total, _, err := kvstorage.Get[int](ctx, c.state.KV(), "total")
//		if err != nil {
//			return 0, err
//		}
//		total += n
//		return total, c.state.KV().Put(ctx, "total", total)
//	}
//
//	func (c *Counter) Fetch(ctx context.Context, r *http.Request) (*http.Response, error) {
//		total, err := c.Add(ctx, 1)
//		if err != nil {
//			return nil, err
//		}
//		return do.Text(http.StatusOK, strconv.Itoa(total)), nil
//	}
//
//	func init() { do.Register("COUNTER", NewCounter) } // in init, so that go test has it too
//
//	func main() {
//		ctx := context.Background()
//		rt, err := do.Open(do.Options{Dir: "data"})
//		if err != nil {
//			log.Fatal(err)
//		}
//		total, err := do.Call(ctx, rt.Namespace("COUNTER").GetByName("hits"), (*Counter).Add, 5)
//		fmt.Println(total, err) // 5 <nil>, and 10 the next time
//		if err := rt.Close(ctx); err != nil {
//			log.Fatal(err)
//		}
//	}
//
// Package router puts objects behind chi or net/http, package dotest tests them.
//
// # What is guaranteed
//
// One at a time: an object never works on two events at once, and an id never has two
// live instances. Go cannot kill a handler that is stuck; an instance that was reset is
// cut off from storage and calls, and counts as dead (L10).
//
// Said means kept: no response, error, call or WebSocket frame leaves an object before what it wrote
// until then is durable (T14, T17, T19). A crash at any point keeps every write that was
// answered for. [Options].Relaxed weakens that from power cuts to crashes of the process.
//
// All or nothing: what is written between two commit points is kept together or not at all
// (T11). Commit points are the end of a turn, waits, [Storage.Sync], and the start of a
// blocked section.
//
// Idle costs nothing: an object without work leaves memory, 10 seconds after its last
// event unless its [Class] says otherwise (L8). The next event builds it anew.
//
// # Objects, ids and stubs
//
// A [Namespace] is the objects of one class. Every name, and every id, has an object;
// nothing is made before it writes (L16). [Namespace.GetByName] gives a [Stub], the way to
// an object, [Namespace.NewUniqueID] an id to keep somewhere. Stubs are cheap, safe for
// concurrent use, and never go bad (L14).
//
// [Stub.Fetch] sends an http.Request; [Call] and [Call0] call a method. Arguments and
// results are copies (F3), so that objects never share memory. Inside an object, the stubs
// of [Env] do the same for its neighbours. Calls made one after the other arrive in that
// order (F4).
//
// # Turns and waits
//
// A turn is what an object does between two waits. The ctx that a method gets is the key of
// its turn: storage and [State] ask for it, and give [ErrOutsideTurn] for any other, so
// that most data races become errors (T2). A turn belongs to one goroutine (T5).
//
// Waits are calls to other objects, requests of [State.HTTPClient], and [State.Await] for
// anything else. At a wait the writes so far are committed, and other events of the object
// run until it is over (T3): after a wait, look at fields and storage again. So two
// objects may call each other without a deadlock. Storage, sleeping, channels and reading a
// body are no waits: they hold the object (T8).
//
// [State.BlockConcurrencyWhile] keeps other events out of a section, waits included, as the
// constructor does (T25, T28). [State.WaitUntil] runs work beside the turns, [State.Run]
// gives such work a turn (T29, T30).
//
// # Storage
//
// [State.KV] is the object's key-value store, see package kvstorage, and [State.SQL] the SQL
// face of the same database, see package sqlstorage: a SQLite file of the object's own, in
// this process and without a network. Both share the turn's transaction.
//
// A handler that returns an error keeps its writes (T12); [Storage.Transaction] undoes them
// (T22). A panic undoes what was written since the last commit point and resets the
// object: the instance is dropped, callers get [ErrReset], the process lives on (T34.2).
// [State.Abort] does so on purpose. A failing disk resets the object too, and what was not
// known to be durable is undone (T34.7, T34.8).
//
// A folder belongs to one [Runtime] at a time; the second gets [ErrLocked] (L19).
//
// [Namespace.Objects] lists the objects that have data, and wakes none (L17);
// [Namespace.Delete] removes one, durably (L15). [Runtime.Backup] copies the folder while it
// serves, [Namespace.Export] and [Namespace.Import] move one object as a plain SQLite file.
//
// # Alarms
//
// An object can have an alarm, set by [Storage.SetAlarm] as part of the turn's transaction: at
// that time the runtime calls its [Alarmer], whether or not it is in memory, at least once and never
// early, across crashes and restarts (A1, A10). A run that fails is tried again; after seven
// the alarm is dead, kept, and listed by [Namespace.Objects] (A12, A14).
//
//	func (c *Cart) Alarm(ctx context.Context, info do.AlarmInfo) error {
//		return c.state.Storage().DeleteAll(ctx) // abandoned for a day
//	}
//
// # WebSockets
//
// [State.Accept] makes a socket of a handshake and gives the 101 answer for Fetch to return.
// What comes on it reaches the methods of a [WebSocketHandler], each an event with a turn:
//
//	func (c *Chat) Fetch(ctx context.Context, r *http.Request) (*http.Response, error) {
//		_, answer, err := c.state.Accept(r)
//		return answer, err
//	}
//
//	func (c *Chat) WebSocketMessage(ctx context.Context, ws *do.WebSocket, m do.Message) error {
//		return c.state.BroadcastExcept([]*do.WebSocket{ws}, m)
//	}
//
// An idle object leaves memory while its sockets stay, and the next message builds it anew (W18):
// keep what belongs to a socket in its tags and its attachment, all else in storage. What is
// sent waits for the commit of its turn, like any answer (W12); what is sent in a turn that is
// undone never leaves. Pings find peers that are gone (W16), a slow one is closed (W15), a
// reset closes all sockets of the object with 1011, and [Runtime.Close] with 1012 (W19).
//
// # Scripts and class changes
//
// A [Script] is a set of classes with their bindings. A program may have several in one
// Runtime, and bind classes of one in another, by [Script.Bind]. Options.Environment keeps
// the data of production and staging apart.
//
// The data of a class belongs to its script and its NamespaceID, not to its name: a class or
// binding that is renamed finds its data. [Open] compares what is declared with what the
// folder has and applies the difference in one piece; where it cannot tell what is meant
// nothing changes, and a [*PlanError] says what to write. Data is never removed because
// nobody declares it, but by [Script.Tombstone] alone. Options.DryRun shows the [Plan] beside
// a running server.
//
// # Other processes
//
// A binding may lead to a class of a script in another process, which [Options].Peers says how to
// reach, and which mounts [Runtime.PeerHandler]: the [Stub] is the same, for Fetch, calls and
// WebSockets, and so are the rules (B1–B16). Requests are signed; what surely did not start is sent
// again, and [ErrPeerLost] tells the caller of all else that nobody knows (B15). docs/peers.md says more.
//
// # Errors
//
// Kinds of failure are variables, such as [ErrOverloaded]: test for them with errors.Is.
// Around those of a call there is an *[Error], which says whether the object itself gave it
// (Remote), whether the call may be repeated if repeating is harmless (Retryable), not soon
// (Overloaded), and whether the instance is gone (Reset) (L24, L25). In process errors.Is
// and errors.As reach the object's own error through it.
//
//	total, err := do.Call(ctx, stub, (*Counter).Add, 5)
//	var e *do.Error
//	if errors.As(err, &e) && e.Retryable {
//		// the runtime is closing, or the disk refused: adding again may count twice
//	}
//
// Misuse at set-up, such as a binding that is taken, panics with "do: …".
//
// # The end
//
// Close the HTTP server first, by its Shutdown, and then the runtime, by [Runtime.Close]: it
// lets events end, tells instances by [Stopper], and makes everything durable (L21). A
// program that does not get to it loses nothing that was answered for.
//
// What Go cannot recover ends the process, and all its objects with it: concurrent map
// writes, stack overflow, no more memory.
package do
