package engine_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/durablego/do/internal/disk/disktest"
	"github.com/durablego/do/internal/engine"
)

// K10: Put inserts or replaces; Get gives a fresh copy, of an empty value too, and knows
// an empty value from none.
func TestK10PutGet(t *testing.T) {
	o := newObject(t).auto()
	for _, key := range []string{"a", "", "\x00", "a\x00b", "\U0001F600", strings.Repeat("k", 2048)} {
		for _, value := range []string{"one", "", "\x00\xff", strings.Repeat("v", 10000), "last"} {
			o.put(key, value)
			got, ok, err := o.Get(ctx, key)
			if err != nil || !ok || got == nil || string(got) != value {
				t.Fatalf("Get(%.10q) = %.10q, %v, %v; want %.10q", key, got, ok, err, value)
			}
			ok, err = o.GetFunc(ctx, key, func(borrowed []byte) error {
				if string(borrowed) != value {
					t.Errorf("GetFunc(%.10q) = %.10q, want %.10q", key, borrowed, value)
				}
				return errDisk
			})
			if !ok || err != errDisk {
				t.Errorf("GetFunc = %v, %v; want true and the function's error", ok, err)
			}
		}
	}
	a, _, _ := o.Get(ctx, "a")
	a[0] = 'X'
	if b, _, _ := o.Get(ctx, "a"); string(b) != "last" {
		t.Errorf("a value changed with its copy: %q", b)
	}
	if got, ok, err := o.Get(ctx, "b"); got != nil || ok || err != nil {
		t.Errorf("Get of no value = %q, %v, %v", got, ok, err)
	}
	ok, err := o.GetFunc(ctx, "b", func([]byte) error {
		t.Error("called for no value")
		return nil
	})
	if ok || err != nil {
		t.Errorf("GetFunc of no value = %v, %v", ok, err)
	}
}

// A function that looks at a value may use the session, the code of the user's types may.
func TestGetFuncNests(t *testing.T) {
	o := newObject(t).auto()
	o.put("a", "1")
	o.put("b", "2")
	var seen []string
	_, err := o.GetFunc(ctx, "a", func(a []byte) error {
		_, err := o.GetFunc(ctx, "b", func(b []byte) error {
			seen = append(seen, string(a), string(b))
			return o.Put(ctx, "c", b)
		})
		return err
	})
	if err != nil || !slices.Equal(seen, []string{"1", "2"}) {
		t.Errorf("saw %q, %v", seen, err)
	}
	o.want("a", "1", "b", "2", "c", "2")
}

// K3, K9: entries in the order of the bytes of their keys; only those that exist.
func TestK9GetMany(t *testing.T) {
	o := newObject(t).auto()
	if got, err := o.GetMany(ctx, []string{"a"}); len(got) != 0 || err != nil {
		t.Errorf("GetMany of nothing = %v, %v", got, err)
	}
	o.put("b", "1")
	o.put("\uffff", "2")
	o.put("\U0001F600", "3") // after U+FFFF, though its UTF-16 code units are below
	got, err := o.GetMany(ctx, []string{"a", "b", "\uffff", "\U0001F600"})
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, e := range got {
		keys = append(keys, e.Key+string(e.Value))
	}
	if want := []string{"b1", "\uffff2", "\U0001F6003"}; !slices.Equal(keys, want) {
		t.Errorf("GetMany = %q, want %q", keys, want)
	}
	o.want("b", "1", "\uffff", "2", "\U0001F600", "3")
}

// K11: PutMany is undone as a whole when it fails, and only it.
func TestK11PutManyIsAtomic(t *testing.T) {
	o := newObject(t, func(o *engine.Options) { o.MaxRowBytes = 1000 }).auto()
	o.put("a", "before")
	err := o.PutMany(ctx, []engine.Entry{
		{Key: "a", Value: []byte("never")}, {Key: "b", Value: []byte("never")}, {Key: "c", Value: make([]byte, 2000)},
	})
	if err == nil || o.Broken() != nil {
		t.Fatalf("PutMany of a value too large: %v, broken: %v", err, o.Broken())
	}
	o.want("a", "before")
	if err := o.PutMany(ctx, nil); err != nil {
		t.Errorf("PutMany of nothing: %v", err)
	}
	err = o.PutMany(ctx, []engine.Entry{{Key: "b", Value: []byte("1")}, {Key: "a", Value: nil}})
	if err != nil {
		t.Fatal(err)
	}
	o.commit()
	o.want("a", "", "b", "1")
}

func TestPutManyOfNothingMakesNoFile(t *testing.T) {
	o := newObject(t)
	if err := o.PutMany(ctx, nil); err != nil {
		t.Fatal(err)
	}
	o.wantFiles()
}

// K12: Delete counts what existed, a duplicate once; deleting from nothing makes no file
// and takes no ticket.
func TestK12Delete(t *testing.T) {
	o := newObject(t).auto()
	if n, err := o.Delete(ctx, []string{"a", "b"}); n != 0 || err != nil {
		t.Errorf("Delete from nothing = %d, %v", n, err)
	}
	o.wantFiles()
	for i := range 5 {
		o.put(fmt.Sprint(i), "x")
	}
	o.commit()
	for _, c := range []struct {
		keys []string
		want int
	}{
		{nil, 0}, {[]string{"9"}, 0}, {[]string{"1"}, 1}, {[]string{"1"}, 0}, {[]string{"2", "3", "2", "9"}, 2},
	} {
		if n, err := o.Delete(ctx, c.keys); n != c.want || err != nil {
			t.Errorf("Delete(%q) = %d, %v; want %d", c.keys, n, err, c.want)
		}
	}
	o.want("0", "x", "4", "x")
	o.commit()
	newest := o.gate.Newest()
	if n, err := o.Delete(ctx, []string{"8", "9"}); n != 0 || err != nil {
		t.Errorf("Delete of nothing = %d, %v", n, err)
	}
	if ticket, wrote, err := o.Commit(); ticket != newest || wrote || err != nil {
		t.Errorf("Commit after Delete of nothing = %d, %v, %v; want %d, false", ticket, wrote, err, newest)
	}
}

// K1, L16, V6: nothing is on disk before the first write, and reads before it cost one
// look at the folder, however many there are.
func TestL16NothingOnDiskBeforeTheFirstWrite(t *testing.T) {
	created := 0
	o := newObject(t, func(o *engine.Options) { o.BeforeCreate = func() error { created++; return nil } }).auto()
	read := func() {
		for range 3 {
			if _, ok, err := o.Get(ctx, "a"); ok || err != nil {
				t.Fatal(ok, err)
			}
			o.want()
			if err := o.DeleteAll(ctx); err != nil {
				t.Fatal(err)
			}
			if name, err := o.Name(); name != "" || err != nil {
				t.Fatal(name, err)
			}
			if _, wrote, err := o.Commit(); wrote || err != nil {
				t.Fatal(wrote, err)
			}
		}
	}
	read()
	o.wantFiles()
	if stats, opens := o.disk.Count(disktest.Stat), o.disk.Count(disktest.Open); stats != 1 || opens != 0 || o.IsOpen() {
		t.Errorf("%d stats and %d opens for reading nothing, want 1 and 0", stats, opens)
	}
	o.save("a", "1")
	o.wantFiles("main", "main-wal")
	if created != 1 {
		t.Errorf("BeforeCreate was called %d times, want once", created)
	}
	o.close()
	o.wantFiles("main")
	o.want("a", "1")
	if _, err := o.Delete(ctx, []string{"a"}); err != nil {
		t.Fatal(err)
	}
	o.commit()
	o.close()
	o.wantFiles()
	stats := o.disk.Count(disktest.Stat)
	read()
	if got := o.disk.Count(disktest.Stat); got != stats {
		t.Errorf("%d more stats although the object removed its own files", got-stats)
	}
}

// L16: the index row goes first; if it cannot be written nothing is made.
func TestL16BeforeCreateFails(t *testing.T) {
	fail := errDisk
	o := newObject(t, func(o *engine.Options) { o.BeforeCreate = func() error { return fail } }).auto()
	if err := o.Put(ctx, "a", nil); !errors.Is(err, errDisk) {
		t.Errorf("Put = %v, want the error of BeforeCreate", err)
	}
	o.wantFiles()
	if o.Broken() != nil {
		t.Errorf("broken: %v", o.Broken())
	}
	fail = nil
	o.save("a", "1")
	o.want("a", "1")
}

// N5: a database that has reached its size refuses to grow, which is no failure of the
// disk; what it has stays.
func TestN5MaxPages(t *testing.T) {
	o := newObject(t, func(o *engine.Options) { o.MaxPages = 10 }).auto()
	o.save("a", "1")
	o.put("b", "2")
	err := o.Put(ctx, "c", make([]byte, 100000))
	if !isCode("SQLITE_FULL")(err) || engine.IsIO(err) {
		t.Fatalf("Put = %v, want SQLITE_FULL that is not the disk's", err)
	}
	if o.Broken() != nil { // SQLite's choice (S57)
		o.recover()
		o.want("a", "1")
	}
	o.save("d", "3")
}
