package crash

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"

	"github.com/durablego/do"
	"github.com/durablego/do/kvstorage"
	"github.com/go-chi/chi/v5"
)

// accounts is how many a ledger has.
const accounts = 5

// ledger is an object that keeps the same facts several times over.
type ledger struct {
	state *do.State
	door  chi.Router
}

// entry is one operation of a ledger.
type entry struct {
	Op       string `json:"op"` // "transfer", "count" or "pair"
	ID       string `json:"id"` // unique
	From, To int    // of a transfer, and how much
	Amount   int
}

// book is everything a ledger holds.
type book struct {
	Balances [accounts]int
	Count    int
	Left     string // of the newest pair
	Right    string
	Base     [accounts]int // Balances without Entries
	BaseSeen int           // Count without Entries
	Entries  map[string]entry
}

func newLedger(_ context.Context, state *do.State, _ *do.Env) (*ledger, error) {
	l := &ledger{state: state, door: chi.NewRouter()}
	l.door.Post("/do", l.serveDo)
	l.door.Get("/book", l.serveBook)
	l.door.Post("/settle", l.serveSettle)
	return l, nil
}

// Fetch implements do.Object.
func (l *ledger) Fetch(_ context.Context, r *http.Request) (*http.Response, error) {
	return do.Serve(l.door, r)
}

func (l *ledger) serveDo(w http.ResponseWriter, r *http.Request) {
	var e entry
	err := json.NewDecoder(r.Body).Decode(&e)
	if err == nil {
		_, err = l.Do(r.Context(), e)
	}
	reply(w, "done", err)
}

func (l *ledger) serveBook(w http.ResponseWriter, r *http.Request) {
	b, err := l.Book(r.Context())
	reply(w, b, err)
}

func (l *ledger) serveSettle(w http.ResponseWriter, r *http.Request) {
	_, err := l.Settle(r.Context())
	reply(w, "settled", err)
}

func reply(w http.ResponseWriter, v any, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		panic(err) // half an answer is none
	}
}

// Do carries out an entry: its effect and its line in the book are one transaction, by
// Transaction, as one turn, or by PutMany.
func (l *ledger) Do(ctx context.Context, e entry) (bool, error) {
	kv := l.state.KV()
	switch e.Op {
	case "transfer":
		return true, l.state.Storage().Transaction(ctx, func(ctx context.Context) error {
			for account, change := range map[int]int{e.From: -e.Amount, e.To: e.Amount} {
				key := fmt.Sprint("balance ", account)
				n, _, err := kvstorage.Get[int](ctx, kv, key)
				if err != nil {
					return err
				}
				if err := kv.Put(ctx, key, n+change); err != nil {
					return err
				}
			}
			return kv.Put(ctx, "entry "+e.ID, e)
		})
	case "count":
		n, _, err := kvstorage.Get[int](ctx, kv, "count")
		if err != nil {
			return false, err
		}
		if err := kv.Put(ctx, "count", n+1); err != nil {
			return false, err
		}
		return true, kv.Put(ctx, "entry "+e.ID, e)
	case "pair":
		return true, kv.PutMany(ctx, map[string]any{"left": e.ID, "right": e.ID, "entry " + e.ID: e})
	}
	return false, fmt.Errorf("no such operation: %q", e.Op)
}

// Book gives everything.
func (l *ledger) Book(ctx context.Context) (book, error) {
	b := book{Entries: map[string]entry{}}
	kv := l.state.KV()
	for key, dst := range map[string]any{
		"base": &b.Base, "base count": &b.BaseSeen, "count": &b.Count, "left": &b.Left, "right": &b.Right,
	} {
		if _, err := kv.Get(ctx, key, dst); err != nil {
			return b, err
		}
	}
	for i := range b.Balances {
		if _, err := kv.Get(ctx, fmt.Sprint("balance ", i), &b.Balances[i]); err != nil {
			return b, err
		}
	}
	for line, err := range kv.List(ctx, kvstorage.ListOptions{Prefix: "entry "}) {
		var e entry
		if err == nil {
			err = line.Value(&e)
		}
		if err != nil {
			return b, err
		}
		b.Entries[e.ID] = e
	}
	return b, nil
}

// Settle forgets the entries, whose sums become the base.
func (l *ledger) Settle(ctx context.Context) (bool, error) {
	b, err := l.Book(ctx)
	if err != nil {
		return false, err
	}
	var keys []string
	for id := range maps.Keys(b.Entries) {
		keys = append(keys, "entry "+id)
	}
	kv := l.state.KV()
	if _, err := kv.DeleteMany(ctx, keys); err != nil {
		return false, err
	}
	return true, kv.PutMany(ctx, map[string]any{"base": b.Balances, "base count": b.Count})
}

// check compares what the book says in several ways, and with the entries that were
// answered and those that were asked for.
func (b book) check(answered, asked map[string]entry) error {
	balances, count, sum := b.Base, b.BaseSeen, 0
	for id, e := range b.Entries {
		if asked[id] != e {
			return fmt.Errorf("entry %s is %+v, asked for was %+v", id, e, asked[id])
		}
		switch e.Op {
		case "transfer":
			balances[e.From] -= e.Amount
			balances[e.To] += e.Amount
		case "count":
			count++
		}
	}
	for _, n := range b.Balances {
		sum += n
	}
	switch {
	case balances != b.Balances || sum != 0:
		return fmt.Errorf("the accounts are %v, by the entries %v", b.Balances, balances)
	case count != b.Count:
		return fmt.Errorf("the count is %d, by the entries %d", b.Count, count)
	case b.Left != b.Right:
		return fmt.Errorf("half a pair: %q and %q", b.Left, b.Right)
	}
	for id, e := range answered {
		if b.Entries[id] != e {
			return fmt.Errorf("%s of entry %s was answered, but is not there", e.Op, id)
		}
	}
	return nil
}
