package do_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
	"github.com/durablego/do/internal/bridge"
)

// keyed gives the namespace of a runtime whose unique key is key.
func keyed(t *testing.T, key string, predictable bool) *do.Namespace {
	t.Helper()
	env := dotest.NewWith(t, dotest.Options{Runtime: boxes(class(nil)), PredictableIDs: predictable},
		bridge.Config{UniqueKeys: map[string]string{"BOX": key}})
	return env.Namespace("BOX")
}

// TestIDVectors has the reference's ids, I9.1 to I9.12, and with them the derivation: I1, I2, I4, I8.
func TestIDVectors(t *testing.T) {
	for _, v := range []struct{ rule, key, name, want string }{
		{"I9.1", "mykey", "http://foo/", "59002eb8cf872e541722977a258a12d6a93bbe8192b502e1c0cb250aa91af234"},
		{"I9.2", "mykey", "http://foo/bar", "02b496f65dd35cbac90e3e72dc5a398ee93926ea4a3821e26677082d2e6f9b79"},
		{"I9.3", "mykey", "name", "3652ef6221834806dc8df802d1d216e27b7d07e0a6b7adf6cfdaeec90f06459a"},
		{"I9.4", "mykey", "", "5671fa8c78c77d33f1e2e2613dd33ef021665e44066444f8e9f9af35e972d39d"},
		{"I9.5", "mykey", "😀 naïve", "53228489f2cbd1d4342d2a41ab12f311875b9cc2b72a467cfaf40cb2a0a42b53"},
		{"I9.6", "mykey", "a\x00b", "f0349ed36d6982a4c2950d6a2f5a47aa0c80e6ccc2f78f1d2b19caa9d483be98"},
		{"I9.7", "210bd0cbd803ef7883a1ee9d86cce06e", "foo", "0a5fa683f76e6adc0ba4b4cd3a2464077234372be78f12e31c155b008fc7d1c5"},
		{"I9.11", "mykey", strings.Repeat("x", 1025), "76051c08e22fcbd969d9e694080a56dfcec084982746f39773566e2bcd1f6b0a"},
	} {
		t.Run(v.rule, func(t *testing.T) {
			if got := keyed(t, v.key, false).IDFromName(v.name).String(); got != v.want {
				t.Errorf("IDFromName(%q) = %s, want %s", v.name, got, v.want)
			}
		})
	}
	t.Run("I9.8 and I9.9", func(t *testing.T) {
		ns := keyed(t, "mykey", true)
		for _, want := range []string{
			"00000000000000000000000000000000f42f078c1fb210c8875c7ddc390e85a1",
			"01000000000000000000000000000000407c7a20a83c018f074dc46c1b075a46",
		} {
			if got := ns.NewUniqueID().String(); got != want {
				t.Errorf("NewUniqueID = %s, want %s", got, want)
			}
		}
	})
	t.Run("I9.10", func(t *testing.T) {
		const want = "deadbeefdeadbeefdeadbeefdeadbeefc335032d41fad7e866a20ac74f98d442"
		ns := keyed(t, strings.Repeat("deadbeef", 8), false)
		if id, err := ns.IDFromString(want); err != nil || id.String() != want {
			t.Errorf("IDFromString(%s) = %v, %v", want, id, err)
		}
		other := want[:63] + "3"
		if _, err := ns.IDFromString(other); err != do.ErrForeignID {
			t.Errorf("IDFromString(%s) = %v, want ErrForeignID", other, err)
		}
	})
	t.Run("I9.12", func(t *testing.T) {
		s := do.NewScript("main")
		c := class(nil)
		c.Binding = "COUNTER"
		do.RegisterIn(s, c)
		env := dotest.New(t, dotest.Options{Runtime: do.Options{Scripts: []*do.Script{s}}})
		const want = "73e9e38bd47f96271d24e4c6d96640ce822b98ed0c6918139f46d884cef48bed"
		if got := env.Namespace("COUNTER").IDFromName("hits").String(); got != want {
			t.Errorf("the natural id of hits = %s, want %s", got, want)
		}
	})
}

// TestI2ManyNames derives the ids of more names than a namespace remembers, several times over
// and from several goroutines: each is the one of its name, as I2 and I4 have it.
func TestI2ManyNames(t *testing.T) {
	ns := keyed(t, "mykey", false)
	key := sha256.Sum256([]byte("mykey"))
	half := func(b []byte) []byte {
		h := hmac.New(sha256.New, key[:])
		h.Write(b)
		return h.Sum(nil)[:16]
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 30_000 {
				name := fmt.Sprint("name ", i*i%5000)
				base := half([]byte(name))
				want := hex.EncodeToString(base) + hex.EncodeToString(half(base))
				if id := ns.GetByName(name).ID(); id.String() != want || id.Name() != name {
					t.Errorf("the id of %q is %v, of %q, want %s", name, id, id.Name(), want)
					return
				}
			}
		})
	}
	wg.Wait()
}

// TestUniqueIDsI3I5 looks at every bit of the bases of many unique ids: each takes both
// values, so none tells a version or kind. The ids are complete (I4) and all different.
func TestUniqueIDsI3I5(t *testing.T) {
	ns := newBoxes(t).Namespace("BOX")
	var ones, zeros [16]byte
	seen := map[string]bool{}
	for range 256 {
		id := ns.NewUniqueID()
		b, err := hex.DecodeString(id.String())
		if err != nil || len(b) != 32 || seen[id.String()] || id.Name() != "" || id.IsZero() {
			t.Fatalf("NewUniqueID = %s %q, %v", id, id.Name(), err)
		}
		seen[id.String()] = true
		if _, err := ns.IDFromString(id.String()); err != nil {
			t.Fatalf("IDFromString of a unique id: %v", err)
		}
		for i := range ones {
			ones[i] |= b[i]
			zeros[i] |= ^b[i]
		}
	}
	for i := range ones {
		if ones[i] != 0xFF || zeros[i] != 0xFF {
			t.Errorf("byte %d: bits that are ever 1: %08b, ever 0: %08b", i, ones[i], zeros[i])
		}
	}
}

func TestNamesAreBytesI6(t *testing.T) {
	ns := newBoxes(t).Namespace("BOX")
	seen := map[string]string{}
	for _, name := range []string{
		"", "a", "A", "a ", "a\x00", "a\x00b", "\xff", "\xfe", "\uFFFD", "\xc3", // invalid UTF-8 is not repaired
		"\u00e9", "e\u0301", // nothing is normalised
		strings.Repeat("x", 1<<20), strings.Repeat("x", 1<<20+1),
	} {
		id := ns.IDFromName(name)
		if before, twice := seen[id.String()]; twice {
			t.Errorf("%.20q and %.20q have one id", before, name)
		}
		seen[id.String()] = name
		if id.Name() != name { // I11: on the caller's side, the exact string
			t.Errorf("IDFromName(%.20q).Name() = %.20q", name, id.Name())
		}
		if again := ns.IDFromName(name); again != id {
			t.Errorf("IDFromName(%.20q) differs from call to call", name)
		}
	}
}

func TestIDFromStringI7(t *testing.T) {
	ns := newBoxes(t).Namespace("BOX")
	id := ns.IDFromName("x")
	for _, text := range []string{id.String(), strings.ToUpper(id.String())} {
		got, err := ns.IDFromString(text)
		if err != nil || got.String() != id.String() || got.Name() != "" {
			t.Errorf("IDFromString(%s) = %s, name %q, %v, want %s without name", text, got, got.Name(), err, id)
		}
		if !got.Equal(id) || got == id { // I10: == sees the name
			t.Errorf("Equal = %v, == is %v, want true, false", got.Equal(id), got == id)
		}
	}
	flipped := []byte(id.String())
	flipped[40] ^= 1
	if flipped[40] < '0' || flipped[40] > '9' && flipped[40] < 'a' {
		flipped[40] ^= 3
	}
	other := keyed(t, "another key", false).IDFromName("x").String()
	for name, text := range map[string]string{"a digit of the mac": string(flipped), "another namespace": other} {
		if _, err := ns.IDFromString(text); err != do.ErrForeignID {
			t.Errorf("IDFromString, %s = %v, want ErrForeignID", name, err)
		}
	}
}

// TestI15NoIO makes stubs and ids, and finds nothing on disk.
func TestI15NoIO(t *testing.T) {
	dir := t.TempDir()
	o := boxes(class(nil))
	o.Dir = dir
	ns := dotest.New(t, dotest.Options{Runtime: o}).Namespace("BOX")
	for range 10 {
		ns.Get(ns.NewUniqueID())
		ns.GetByName("x")
		ns.Get(ns.IDFromName("y"))
	}
	if names := below(t, dir); names != "LOCK catalog.sqlite" {
		t.Errorf("on disk: %s, want nothing of a namespace", names)
	}
	if got := ns.GetByName("x").Name(); got != "x" {
		t.Errorf("Stub.Name = %q, want x", got)
	}
	var zero do.ID
	if _, err := do.Call(t.Context(), ns.Get(zero), (*box).Add, 1); !is(err, do.ErrInvalidID) || !zero.IsZero() {
		t.Errorf("a call with a zero id = %v, want ErrInvalidID", err)
	}
	foreign := keyed(t, "another key", false).IDFromName("x")
	if _, err := do.Call(t.Context(), ns.Get(foreign), (*box).Add, 1); !is(err, do.ErrForeignID) {
		t.Errorf("a call with another namespace's id = %v, want ErrForeignID", err)
	}
	if _, err := ns.Get(foreign).Fetch(t.Context(), request(t, "/")); !is(err, do.ErrForeignID) {
		t.Errorf("a Fetch with another namespace's id = %v, want ErrForeignID", err)
	}
	if names := below(t, dir); names != "LOCK catalog.sqlite" {
		t.Errorf("on disk after refused calls: %s", names)
	}
}

// below lists the files below a folder.
func below(t *testing.T, dir string) string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(dir, path)
			names = append(names, filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(names, " ")
}

func TestEqualBytesSameInstanceI16(t *testing.T) {
	env := newBoxes(t)
	ns := env.Namespace("BOX")
	wantAdd(t, ns.GetByName("x"), 1, 1)
	parsed, err := ns.IDFromString(ns.IDFromName("x").String())
	if err != nil {
		t.Fatal(err)
	}
	wantMemory(t, ns.Get(parsed), 1)
	wantMemory(t, env.Runtime().Script("main").Namespace("BOX").Get(ns.IDFromName("x")), 1)
}

// knownName gives the name that the object of a stub knows.
func knownName(t *testing.T, env *dotest.Runtime, stub *do.Stub) (name string) {
	t.Helper()
	err := run(env, stub, func(_ context.Context, b *box) error {
		name = b.state.ID().Name()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return name
}

func TestNameInsideI12(t *testing.T) {
	env := newBoxes(t)
	for _, length := range []int{1, 1024, 1025} {
		name := strings.Repeat("n", length)
		want := name
		if length > 1024 {
			want = ""
		}
		stub := named(env, name)
		if got := knownName(t, env, stub); got != want {
			t.Errorf("a name of %d bytes: the object knows %d of them", length, len(got))
		}
		err := run(env, stub, func(_ context.Context, b *box) error {
			if !b.state.ID().Equal(stub.ID()) {
				t.Errorf("a name of %d bytes: the object's id is another", length)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// TestUniqueKeysI17 reads unique keys off the folders they name.
func TestUniqueKeysI17(t *testing.T) {
	for _, c := range []struct{ script, environment, id, want string }{
		{"main", "", "BOX", "main.BOX"},
		{"main", "production", "BOX", "production.main.BOX"},
		{"a.b", "e/v", "ä:%", "e%2Fv.a%2Eb.%C3%A4%3A%25"},
		{"A-z_09", "", "..", "A-z_09.%2E%2E"},
	} {
		dir := t.TempDir()
		s := do.NewScript(c.script)
		k := class(nil)
		k.NamespaceID = c.id
		do.RegisterIn(s, k)
		env := dotest.New(t, dotest.Options{Runtime: do.Options{Dir: dir, Environment: c.environment, Scripts: []*do.Script{s}}})
		wantAdd(t, named(env, "x"), 1, 1)
		entries, err := os.ReadDir(filepath.Join(dir, c.want))
		if err != nil || len(entries) == 0 {
			t.Errorf("script %q, environment %q, id %q: no folder %s, but %s", c.script, c.environment, c.id, c.want, below(t, dir))
		}
	}
}

// TestUniqueKeysStayI17 opens a folder with changed bindings, and with two ids that differ
// in case only: keys stay, and are compared without case.
func TestUniqueKeysStayI17(t *testing.T) {
	dir := t.TempDir()
	open := func(bindings map[string]string) *dotest.Runtime {
		s := do.NewScript("main")
		for binding, id := range bindings {
			c := class(nil)
			c.Binding, c.NamespaceID = binding, id
			do.RegisterIn(s, c)
		}
		return dotest.New(t, dotest.Options{Runtime: do.Options{Dir: dir, Scripts: []*do.Script{s}}})
	}
	env := open(map[string]string{"ONE": "box"})
	id := env.Namespace("ONE").IDFromName("x").String()
	wantAdd(t, env.Namespace("ONE").GetByName("x"), 1, 1)
	closeNow(t, env.Runtime())

	env = open(map[string]string{"RENAMED": "box", "TWO": "BOX"})
	if got := env.Namespace("RENAMED").IDFromName("x").String(); got != id {
		t.Errorf("with another binding the id is %s, want %s", got, id)
	}
	wantTotal(t, env.Namespace("RENAMED").GetByName("x"), 1)
	wantAdd(t, env.Namespace("TWO").GetByName("x"), 5, 5)
	if _, err := os.Stat(filepath.Join(dir, "main.BOX~2")); err != nil {
		t.Errorf("no key with ~2: %v", err)
	}
	wantAdd(t, env.Namespace("RENAMED").GetByName("x"), 1, 2)

	long := do.NewScript(strings.Repeat("s", 200))
	do.RegisterIn(long, class(nil))
	closeNow(t, env.Runtime())
	if _, err := do.Open(do.Options{Dir: dir, Scripts: []*do.Script{long}}); !is(err, do.ErrInvalidOptions) {
		t.Errorf("Open with a unique key over 200 bytes = %v, want ErrInvalidOptions", err) // N4
	}
}

func closeNow(t *testing.T, rt *do.Runtime) {
	t.Helper()
	if err := rt.Close(context.Background()); err != nil {
		t.Errorf("Close = %v", err)
	}
}

// An id passes through Call and storage as its text (F3): the zero ID too.
func TestF3IDs(t *testing.T) {
	ns := keyed(t, "mykey", false)
	id := ns.IDFromName("x")
	text, err := id.MarshalText()
	var back do.ID
	if err != nil || back.UnmarshalText(text) != nil || !back.Equal(id) || back.Name() != "" {
		t.Errorf("%s came back as %v, %v", text, back, err)
	}
	if err := back.UnmarshalText(nil); err != nil || !back.IsZero() {
		t.Errorf("no text = %v, %v, want the zero ID", back, err)
	}
	for _, bad := range []string{"00", strings.Repeat("0", 63), strings.Repeat("x", 64), strings.Repeat("0", 66)} {
		if err := back.UnmarshalText([]byte(bad)); !errors.Is(err, do.ErrInvalidID) {
			t.Errorf("UnmarshalText(%q) = %v, want ErrInvalidID", bad, err)
		}
	}
}
