package kvstorage

import (
	"context"
	"maps"
	"slices"

	"github.com/durablego/do/internal/codec"
	"github.com/durablego/do/internal/engine"
)

// Store is the keys and values of one object, as one instance of it sees them. Use it only from
// the object's own turn: one goroutine at a time, with the turn's ctx, else its methods return
// ErrOutsideTurn. After a reset they return ErrReset and change nothing.
type Store struct {
	session *engine.Session
	limits  Limits
}

// New returns the Store of the instance that has session s. It is for package do; objects get
// theirs from State.KV.
func New(s *engine.Session, l Limits) *Store {
	return &Store{session: s, limits: l.withDefaults()}
}

// Get reads the value of key into dst, a pointer, and reports whether key exists. If it does
// not, dst stays as it is. A dst of nil only asks whether key exists.
//
// A stored nil sets what dst points to to its zero value. If the value does not fit, Get
// returns true and ErrInvalidValue, and dst stays as it is; if dst is no pointer that can be
// followed, false and ErrInvalidValue. Otherwise what dst points to is replaced, not merged
// with. Key is at most MaxKeyBytes bytes of UTF-8, else Get returns ErrKeyTooLarge or
// ErrInvalidKey.
//
// Get decodes a fresh copy each time. A done ctx makes it fail before it starts.
func (s *Store) Get(ctx context.Context, key string, dst any) (bool, error) {
	if err := s.limits.key(key); err != nil {
		return false, err
	}
	if dst == nil {
		return s.session.GetFunc(ctx, key, func([]byte) error { return nil })
	}
	if err := codec.CheckDestination(dst); err != nil {
		return false, err
	}
	return s.session.GetFunc(ctx, key, func(data []byte) error { return codec.Decode(data, dst) })
}

// Get reads the value of key as a T and reports whether key exists. It gives the zero T if it
// does not, and with every error. Otherwise it is as [Store.Get].
func Get[T any](ctx context.Context, s *Store, key string) (T, bool, error) {
	var v T
	if err := s.limits.key(key); err != nil {
		return v, false, err
	}
	ok, err := s.session.GetFunc(ctx, key, func(data []byte) (err error) {
		v, err = codec.DecodeAs[T](data)
		return err
	})
	return v, ok, err
}

// GetMany reads the entries of those of keys that exist, sorted by key, each once. It takes at
// most MaxKeysPerCall keys, else it returns ErrTooManyKeys, or ErrKeyTooLarge or ErrInvalidKey
// for any of them. The result belongs to the caller; keys is not kept and not changed.
func (s *Store) GetMany(ctx context.Context, keys []string) ([]Entry, error) {
	if err := s.limits.keys(keys); err != nil {
		return nil, err
	}
	keys = slices.Clone(keys)
	slices.Sort(keys)
	found, err := s.session.GetMany(ctx, slices.Compact(keys))
	if err != nil {
		return nil, err
	}
	entries := make([]Entry, len(found))
	for i, e := range found {
		entries[i] = Entry{Key: e.Key, data: e.Value}
	}
	return entries, nil
}

// Put stores value under key, replacing what was there. A nil is a value that exists.
//
// Key is at most MaxKeyBytes bytes of UTF-8, and key and encoded value together at most
// MaxEntryBytes, else Put returns ErrKeyTooLarge, ErrInvalidKey or ErrValueTooLarge. For what
// cannot be encoded it returns ErrInvalidValue. In all these cases it changes nothing. Put has
// copied value when it returns.
//
// Later reads see the write at once; replies sent after Put are held until it is durable.
func (s *Store) Put(ctx context.Context, key string, value any) error {
	data, err := s.limits.encode(key, value)
	if err != nil {
		return err
	}
	return s.session.Put(ctx, key, data)
}

// PutMany stores all entries or, if it fails, none of them: what the turn wrote before stays.
// All are checked and encoded before the first is written, with the limits and errors of
// [Store.Put]; more than MaxKeysPerCall entries are ErrTooManyKeys. An empty map is no write.
func (s *Store) PutMany(ctx context.Context, entries map[string]any) error {
	if err := s.limits.count(len(entries)); err != nil {
		return err
	}
	all := make([]engine.Entry, 0, len(entries))
	for _, key := range slices.Sorted(maps.Keys(entries)) { // in order they cost the database least
		data, err := s.limits.encode(key, entries[key])
		if err != nil {
			return err
		}
		all = append(all, engine.Entry{Key: key, Value: data})
	}
	return s.session.PutMany(ctx, all)
}

// Delete removes key and reports whether it existed. Where nothing is stored it writes nothing.
// A key that could not be stored is ErrKeyTooLarge or ErrInvalidKey.
//
// Later reads see it at once; replies sent after Delete are held until it is durable.
func (s *Store) Delete(ctx context.Context, key string) (bool, error) {
	if err := s.limits.key(key); err != nil {
		return false, err
	}
	keys := [1]string{key}
	n, err := s.session.Delete(ctx, keys[:])
	return n > 0, err
}

// DeleteMany removes all of keys or, if it fails, none, and returns how many existed; a key
// given twice counts once. It takes at most MaxKeysPerCall keys, else it returns
// ErrTooManyKeys, or ErrKeyTooLarge or ErrInvalidKey for any of them. keys is not kept and not
// changed.
func (s *Store) DeleteMany(ctx context.Context, keys []string) (int, error) {
	if err := s.limits.keys(keys); err != nil {
		return 0, err
	}
	return s.session.Delete(ctx, keys)
}
