package conformance

import (
	"context"
	"errors"
	"iter"

	"github.com/durablego/do/kvstorage"
)

// kvOps are the ops of the key-value interface. The reference has two, one of them synchronous; ours serves both.
var kvOps = map[string]func(o *object, ctx context.Context, op Node) (any, error){
	"kv.get": (*object).kvGet, "kvs.get": (*object).kvGet,
	"kv.put": (*object).kvPut, "kvs.put": (*object).kvPut,
	"kv.delete": (*object).kvDelete, "kvs.delete": (*object).kvDelete,
	"kv.list": (*object).kvList, "kvs.list": (*object).kvList,
	"kv.getMany":    (*object).kvGetMany,
	"kv.putMany":    (*object).kvPutMany,
	"kv.deleteMany": (*object).kvDeleteMany,
	"kvs.iter":      (*object).kvIter,
	"kvs.next":      (*object).kvNext,
}

func (o *object) kvGet(ctx context.Context, op Node) (any, error) {
	var v any
	found, err := o.state.KV().Get(ctx, op.text("key"), &v)
	if err == nil && !found {
		return map[string]any{"missing": true}, nil
	}
	return valueOf(v, err)
}

func (o *object) kvPut(ctx context.Context, op Node) (any, error) {
	return done(o.state.KV().Put(ctx, op.text("key"), decode(op["value"])))
}

func (o *object) kvDelete(ctx context.Context, op Node) (any, error) {
	existed, err := o.state.KV().Delete(ctx, op.text("key"))
	return valueOf(existed, err)
}

func (o *object) kvGetMany(ctx context.Context, op Node) (any, error) {
	entries, err := o.state.KV().GetMany(ctx, op.texts("keys"))
	if err != nil {
		return nil, err
	}
	shown := []any{}
	for _, e := range entries {
		pair, err := shownEntry(e)
		if err != nil {
			return nil, err
		}
		shown = append(shown, pair)
	}
	return map[string]any{"entries": shown}, nil
}

func (o *object) kvPutMany(ctx context.Context, op Node) (any, error) {
	values := map[string]any{}
	list, _ := op["entries"].([]any)
	for _, x := range list {
		pair, _ := decode(x).([]any)
		if len(pair) != 2 {
			return nil, errors.New("an entry is no pair")
		}
		values[asText(pair[0])] = pair[1]
	}
	return done(o.state.KV().PutMany(ctx, values))
}

func (o *object) kvDeleteMany(ctx context.Context, op Node) (any, error) {
	n, err := o.state.KV().DeleteMany(ctx, op.texts("keys"))
	return valueOf(n, err)
}

func (o *object) kvList(ctx context.Context, op Node) (any, error) {
	shown := []any{}
	for e, err := range o.state.KV().List(ctx, listOptions(op)) {
		if err != nil {
			return nil, err
		}
		pair, err := shownEntry(e)
		if err != nil {
			return nil, err
		}
		shown = append(shown, pair)
	}
	return map[string]any{"entries": shown}, nil
}

// texts gives a member that is a list of texts.
func (n Node) texts(member string) []string {
	list, _ := decode(n[member]).([]any)
	out := make([]string, len(list))
	for i, x := range list {
		out[i] = asText(x)
	}
	return out
}

func listOptions(op Node) kvstorage.ListOptions {
	return kvstorage.ListOptions{
		Start: op.text("start"), StartAfter: op.text("startAfter"), End: op.text("end"), Prefix: op.text("prefix"),
		Reverse: op.flag("reverse"), Limit: int(op.number("limit")),
	}
}

func shownEntry(e kvstorage.Entry) (any, error) {
	var v any
	if err := e.Value(&v); err != nil {
		return nil, err
	}
	return []any{encode(e.Key), encode(v)}, nil
}

// A listing is a list that a scenario walks by steps. It belongs to the turn that opened it (K24).
type listing struct {
	owner *event
	seq   iter.Seq2[kvstorage.Entry, error]
	next  func() (kvstorage.Entry, error, bool)
	stop  func()
	ended bool // stopped with its turn; next is of no use any more
	done  bool // came to its end
}

func (o *object) kvIter(ctx context.Context, op Node) (any, error) {
	options := listOptions(op)
	seq := o.state.KV().List(ctx, options)
	// The library yields the error of bad options at the first step, the reference has it when the list is made.
	for _, err := range o.state.KV().List(ctx, options) {
		if err != nil {
			return nil, err
		}
		break
	}
	l := &listing{owner: eventOf(ctx), seq: seq}
	l.next, l.stop = iter.Pull2(seq)
	if old := o.lists[op.text("iter")]; old != nil {
		old.stop()
	}
	o.lists[op.text("iter")] = l
	return okay, nil
}

func (o *object) kvNext(_ context.Context, op Node) (any, error) {
	l := o.lists[op.text("iter")]
	if l == nil {
		return nil, errors.New("no such iterator")
	}
	if l.done {
		return map[string]any{"done": true}, nil
	}
	var e kvstorage.Entry
	var err error
	var more bool
	if l.ended {
		for e, err = range l.seq { // with the ctx of its own turn
			more = true
			break
		}
	} else {
		e, err, more = l.next()
	}
	if err != nil {
		return nil, err
	}
	if !more {
		l.done = true
		return map[string]any{"done": true}, nil
	}
	pair, err := shownEntry(e)
	return map[string]any{"entry": pair}, err
}

// An event is one event of the object, across its waits.
type event struct{ _ byte } // not empty: events are told apart by address

type eventKey struct{}

func eventOf(ctx context.Context) *event { e, _ := ctx.Value(eventKey{}).(*event); return e }

// begin gives the ctx of an event. end stops the event's listings: a coroutine must not outlive its turn.
func (o *object) begin(ctx context.Context) (inside context.Context, end func()) {
	e := &event{}
	return context.WithValue(ctx, eventKey{}, e), func() {
		for _, l := range o.lists {
			if l.owner == e && !l.ended {
				l.stop()
				l.ended = true
			}
		}
	}
}
