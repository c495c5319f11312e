package kvstorage

import (
	"context"
	"fmt"
	"iter"

	"github.com/durablego/do/internal/codec"
)

// ListOptions select what List gives. All keys are compared as bytes; an empty string is an
// option that is not set, so "after the empty key" is a Start of "\x00".
type ListOptions struct {
	// Start is the first key of the range, if it exists. Not together with StartAfter.
	Start string
	// StartAfter is the key before the range: what follows it is the first. To list in pages,
	// give the last key of the page before.
	StartAfter string
	// End is the key behind the range: it is not part of it.
	End string
	// Prefix keeps only keys that begin with it.
	Prefix string
	// Reverse gives the same range from its high end down. Start and End keep their meaning.
	Reverse bool
	// Limit is the most entries to give, counted from where the list begins. 0 is no limit.
	Limit int
}

// Entry is a key with its value, still encoded. An Entry stays valid, also after its turn.
type Entry struct {
	Key  string
	data []byte
}

// Value reads the entry's value into dst, a pointer. It returns ErrInvalidValue, and dst stays
// as it is, if it does not fit. What dst points to is replaced by a fresh copy.
func (e Entry) Value(dst any) error {
	if len(e.data) == 0 {
		return fmt.Errorf("%w: the entry is empty, not one of List or GetMany", ErrInvalidValue)
	}
	return codec.Decode(e.data, dst)
}

// Item is a key with its value as a T.
type Item[T any] struct {
	Key   string
	Value T
}

// List gives the entries that o selects, sorted by key, one at a time, as the loop asks for
// them.
//
// The list is live: each step gives the first entry beyond the last key as the store is then.
// The loop may write; it meets what was put ahead of its place, not what was put behind it or
// deleted. Several lists may run at once.
//
// An error is given once, as the last pair, with an empty Entry: ErrInvalidOptions for a
// negative Limit, or for Start and StartAfter together; ErrOutsideTurn when the turn that ctx
// carries has ended. Ranging again starts a new list. Leaving the loop early frees everything.
func (s *Store) List(ctx context.Context, o ListOptions) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		if err := o.check(); err != nil {
			yield(Entry{}, err)
			return
		}
		scan := s.session.Scan(ctx, rangeOf(o))
		defer scan.Close()
		for n := 0; o.Limit == 0 || n < o.Limit; n++ {
			e, ok, err := scan.Next(ctx)
			if err != nil {
				yield(Entry{}, err)
				return
			}
			if !ok || !yield(Entry{Key: e.Key, data: e.Value}, nil) {
				return
			}
		}
	}
}

// List gives the entries that o selects with their values as Ts. A value that does not fit ends
// the list with ErrInvalidValue; that pair has the entry's key. Otherwise it is as
// [Store.List].
func List[T any](ctx context.Context, s *Store, o ListOptions) iter.Seq2[Item[T], error] {
	return func(yield func(Item[T], error) bool) {
		for e, err := range s.List(ctx, o) {
			item := Item[T]{Key: e.Key}
			if err == nil {
				item.Value, err = codec.DecodeAs[T](e.data)
			}
			if !yield(item, err) || err != nil {
				return
			}
		}
	}
}
