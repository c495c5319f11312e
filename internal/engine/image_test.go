package engine_test

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"testing"

	"github.com/durablego/do/internal/doerr"
	"github.com/durablego/do/internal/engine"
	"github.com/durablego/do/internal/sqlite"
)

func testImage(t *testing.T) []byte {
	t.Helper()
	image, err := engine.Image()
	if err != nil {
		t.Fatal(err)
	}
	return slices.Clone(image)
}

// A torn image is told from a database that was changed, and from no database.
func TestCompare(t *testing.T) {
	image := testImage(t)
	with := func(change func(p []byte) []byte) []byte { return change(slices.Clone(image)) }
	for _, c := range []struct {
		name string
		data []byte
		want string
	}{
		{"image", image, "fresh"},
		{"another SQLite's", with(func(p []byte) []byte { p[96]++; p[99]++; return p }), "fresh"},
		{"empty", nil, "torn"},
		{"zeros", make([]byte, len(image)), "torn"},
		{"one byte short", image[:len(image)-1], "torn"},
		{"first page only", image[:4096], "torn"},
		{"header missing", with(func(p []byte) []byte { clear(p[:512]); return p }), "torn"},
		{"a page missing", with(func(p []byte) []byte { clear(p[4096:8192]); return p }), "torn"},
		{"header only", with(func(p []byte) []byte { clear(p[512:]); return p }), "torn"},
		{"a bit changed", with(func(p []byte) []byte { p[5000]++; return p }), "grown"},
		{"another format", with(func(p []byte) []byte { p[63]++; return p }), "grown"},
		{"longer", append(slices.Clone(image), 0), "grown"},
		{"text", []byte("hello"), "grown"},
	} {
		if got := engine.Compare(c.data, image); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// Invariant 8: a torn main file counts as absent, its log too: no ticket ever opened.
func TestTornMainFile(t *testing.T) {
	image := testImage(t)
	for name, data := range map[string][]byte{"empty": nil, "zeros": make([]byte, 4096), "half": image[:6000]} {
		t.Run(name, func(t *testing.T) {
			o := newObject(t).auto()
			for suffix, content := range map[string][]byte{"": data, "-wal": []byte("whatever")} {
				if err := os.WriteFile(o.path+suffix, content, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			o.want()
			o.wantFiles()
			o.save("a", "1")
			o.close()
			o.want("a", "1")
		})
	}
}

// Invariant 7: a log without a single good frame is emptied before use: its remains must
// not mix with new frames.
func TestUselessLog(t *testing.T) {
	for _, closed := range []bool{false, true} {
		for name, junk := range map[string][]byte{
			"short": []byte("whatever"), "zeros": make([]byte, 50000), "junk": bytes.Repeat([]byte("junk"), 20000),
		} {
			t.Run(name, func(t *testing.T) {
				o := newObject(t).auto()
				var want []string
				if closed {
					o.save("a", "1")
					o.close()
					want = []string{"a", "1"}
				} else if err := os.WriteFile(o.path, testImage(t), 0o600); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(o.path+"-wal", junk, 0o600); err != nil {
					t.Fatal(err)
				}
				o.want(want...)
				if log, err := os.ReadFile(o.path + "-wal"); err != nil || !bytes.Equal(log[:32], make([]byte, 32)) {
					t.Errorf("the log begins with % x, %v, want no header", log[:min(32, len(log))], err)
				}
				o.save("b", "2")
				o.want(append(want, "b", "2")...)
			})
		}
	}
}

// A log without main file never meets a new main file.
func TestLogWithoutMainFile(t *testing.T) {
	other := newObject(t).auto()
	other.save("old", "1")
	log, err := os.ReadFile(other.path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	o := newObject(t).auto()
	if err := os.WriteFile(o.path+"-wal", log, 0o600); err != nil {
		t.Fatal(err)
	}
	o.want()
	o.save("new", "2")
	o.want("new", "2")
	o.close()
	o.want("new", "2")
}

// A file that is no database of ours gives a typed error, at every use, and is not
// touched; nor is one of a newer format.
func TestForeignFile(t *testing.T) {
	image := testImage(t)
	newer := slices.Clone(image)
	newer[63] = 2
	older := slices.Clone(image)
	older[63] = 0
	garbled := slices.Clone(image)
	for i := range 100 {
		garbled[i] = byte(i + 1)
	}
	for _, c := range []struct {
		name string
		data []byte
		want func(error) bool
	}{
		{"text", []byte("hello, world\n"), isCode("SQLITE_NOTADB")},
		{"garbled", garbled, isCode("SQLITE_NOTADB")},
		{"long text", bytes.Repeat([]byte("hello, world\n"), 5000), isCode("SQLITE_NOTADB")},
		{"newer", newer, func(err error) bool { return errors.Is(err, doerr.ErrNewerFormat) }},
		{"older", older, func(err error) bool { return !errors.Is(err, doerr.ErrNewerFormat) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := newObject(t).auto()
			if err := os.WriteFile(o.path, c.data, 0o600); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				_, _, err := o.Get(ctx, "a")
				if err == nil || !c.want(err) || engine.IsIO(err) {
					t.Errorf("Get = %v", err)
				}
				if err := o.Put(ctx, "a", nil); err == nil || !c.want(err) {
					t.Errorf("Put = %v", err)
				}
				if o.Broken() != nil || o.IsOpen() {
					t.Errorf("broken: %v, open: %v", o.Broken(), o.IsOpen())
				}
			}
			if data, err := os.ReadFile(o.path); err != nil || !bytes.Equal(data, c.data) {
				t.Errorf("the file was changed: %v", err)
			}
			o.wantFiles("main")
		})
	}
}

func isCode(code string) func(error) bool {
	return func(err error) bool {
		e, ok := errors.AsType[*sqlite.Error](err)
		return ok && e.Code == code
	}
}
