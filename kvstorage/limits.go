package kvstorage

import (
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/durablego/do/internal/codec"
)

// Defaults of Limits.
const (
	defaultKeyBytes   = 2048      // N1
	defaultEntryBytes = 2_097_152 // N2
)

// Limits are the sizes a Store accepts. Zero is the default, negative is no limit.
type Limits struct {
	// MaxEntryBytes is the most that a key and its encoded value may take together, in bytes.
	// Default 2,097,152.
	MaxEntryBytes int
	// MaxKeyBytes is the longest key, in bytes. Default 2,048.
	MaxKeyBytes int
	// MaxKeysPerCall is how many keys GetMany, PutMany and DeleteMany take, duplicates
	// included. Default no limit.
	MaxKeysPerCall int
}

// Encode gives the bytes that [Store.Put] with these limits would store for a value, and its errors.
func (l Limits) Encode(key string, value any) ([]byte, error) {
	return l.withDefaults().encode(key, value)
}

// encode checks key and value and gives the bytes to store (K2, K4, K6).
func (l Limits) encode(key string, value any) ([]byte, error) {
	if err := l.key(key); err != nil {
		return nil, err
	}
	room := l.MaxEntryBytes - len(key)
	if room < 1 {
		return nil, fmt.Errorf("%w: the key leaves no room", ErrValueTooLarge)
	}
	return codec.EncodeMax(value, room)
}

// withDefaults gives every limit a number to compare with.
func (l Limits) withDefaults() Limits {
	set := func(limit *int, byDefault int) {
		switch {
		case *limit == 0:
			*limit = byDefault
		case *limit < 0:
			*limit = math.MaxInt
		}
	}
	set(&l.MaxEntryBytes, defaultEntryBytes)
	set(&l.MaxKeyBytes, defaultKeyBytes)
	set(&l.MaxKeysPerCall, math.MaxInt)
	return l
}

// key checks a key (K2).
func (l Limits) key(key string) error {
	if len(key) > l.MaxKeyBytes {
		return fmt.Errorf("%w: %d bytes, at most %d are allowed", ErrKeyTooLarge, len(key), l.MaxKeyBytes)
	}
	if !utf8.ValidString(key) {
		return ErrInvalidKey
	}
	return nil
}

// keys checks the keys of one call (K13).
func (l Limits) keys(keys []string) error {
	if err := l.count(len(keys)); err != nil {
		return err
	}
	for _, key := range keys {
		if err := l.key(key); err != nil {
			return err
		}
	}
	return nil
}

func (l Limits) count(n int) error {
	if n > l.MaxKeysPerCall {
		return fmt.Errorf("%w: %d, at most %d are allowed", ErrTooManyKeys, n, l.MaxKeysPerCall)
	}
	return nil
}
