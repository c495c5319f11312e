package do

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"hash"
	"hash/maphash"
	"strings"
	"sync"
	"sync/atomic"
)

// ID names one object of a namespace. Ids are byte-identical with the reference's for the
// same unique key (I1–I9). It is a value: copy it, and use it as a map key if all come
// from one place, since == also compares the name (I10); else compare with Equal.
type ID struct {
	bytes [32]byte
	name  string
}

// String gives 64 lower-case hex digits (I4).
func (id ID) String() string { return hex.EncodeToString(id.bytes[:]) }

// Name is the name the id was made from, or empty for unique and parsed ids (I11).
// Inside an object it is empty also for a name over 1,024 bytes (I12).
func (id ID) Name() string { return id.name }

// Equal says whether both ids mean the same object. Names are not compared (I10).
func (id ID) Equal(other ID) bool { return id.bytes == other.bytes }

// IsZero says whether id is the zero ID, which means no object.
func (id ID) IsZero() bool { return id.bytes == [32]byte{} }

// MarshalText gives what String gives, and nothing for the zero ID: an id can be stored,
// passed to Call and put into JSON. Its name stays behind.
func (id ID) MarshalText() ([]byte, error) {
	if id.IsZero() {
		return nil, nil
	}
	return []byte(id.String()), nil
}

// UnmarshalText reads what MarshalText gave, else it gives ErrInvalidID. It cannot know the
// namespace: an id of another one fails at the first call (I15).
func (id *ID) UnmarshalText(text []byte) error {
	var read ID
	if len(text) != 0 {
		if n, err := hex.Decode(read.bytes[:], text[:min(len(text), 64)]); err != nil || n != 32 || len(text) != 64 {
			return ErrInvalidID
		}
	}
	*id = read
	return nil
}

// maxKnownName is the longest name an object gets to know, in bytes (I12).
const maxKnownName = 1024

// idKey derives and checks the ids of one namespace. Safe for concurrent use.
type idKey struct {
	key   [32]byte  // SHA-256 of the unique key (I1)
	macs  sync.Pool // of *macState
	seed  maphash.Seed
	known [knownNames]atomic.Pointer[ID] // of names, by their hash; what came last stays
}

// To derive an id takes as long as all else on the way to an object in memory: those of some
// names are remembered, if they are not long.
const (
	knownNames   = 2048
	maxKnownSize = 256 // of a name, in bytes
)

type macState struct {
	hash hash.Hash
	sum  [32]byte
	name []byte
}

func newIDKey(uniqueKey string) *idKey {
	k := &idKey{key: sha256.Sum256([]byte(uniqueKey)), seed: maphash.MakeSeed()}
	k.macs.New = func() any { return &macState{hash: hmac.New(sha256.New, k.key[:])} }
	return k
}

// fromName derives the id of name (I2, I6).
func (k *idKey) fromName(name string) ID {
	if len(name) > maxKnownSize {
		return k.derive(name)
	}
	place := &k.known[maphash.String(k.seed, name)%knownNames]
	if known := place.Load(); known != nil && known.name == name {
		return *known
	}
	id := k.derive(name)
	kept := id
	kept.name = strings.Clone(name) // which may be part of something long
	place.Store(&kept)
	return id
}

func (k *idKey) derive(name string) ID {
	m := k.macs.Get().(*macState)
	defer k.macs.Put(m)
	m.name = append(m.name[:0], name...)
	id := ID{name: name}
	copy(id.bytes[:16], m.mac(m.name))
	copy(id.bytes[16:], m.mac(id.bytes[:16]))
	return id
}

// fromBase completes an id whose first half is base (I4).
func (k *idKey) fromBase(base [16]byte) ID {
	m := k.macs.Get().(*macState)
	defer k.macs.Put(m)
	var id ID
	copy(id.bytes[:16], base[:])
	copy(id.bytes[16:], m.mac(base[:]))
	return id
}

func (k *idKey) unique() ID {
	var base [16]byte
	rand.Read(base[:]) // never fails: it would end the process
	return k.fromBase(base)
}

// parse reads 64 hex digits: ErrInvalidID, or ErrForeignID if they belong to another
// namespace (I7).
func (k *idKey) parse(s string) (ID, error) {
	var id ID
	if len(s) != 64 {
		return ID{}, ErrInvalidID
	}
	if _, err := hex.Decode(id.bytes[:], []byte(s)); err != nil {
		return ID{}, ErrInvalidID
	}
	if !k.owns(id) {
		return ID{}, ErrForeignID
	}
	return id, nil
}

// check says why id cannot be called: ErrInvalidID for the zero ID, ErrForeignID (I15).
func (k *idKey) check(id ID) error {
	switch {
	case id.IsZero():
		return ErrInvalidID
	case !k.owns(id):
		return ErrForeignID
	}
	return nil
}

// owns compares the second half of id with what the first half demands, in constant time.
func (k *idKey) owns(id ID) bool {
	want := k.fromBase([16]byte(id.bytes[:16]))
	return subtle.ConstantTimeCompare(want.bytes[16:], id.bytes[16:]) == 1
}

func (m *macState) mac(b []byte) []byte {
	m.hash.Reset()
	m.hash.Write(b)
	return m.hash.Sum(m.sum[:0])[:16]
}
