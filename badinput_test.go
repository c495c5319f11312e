package do_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
	"github.com/durablego/do/internal/bridge"
	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/disk/disktest"
	"github.com/durablego/do/internal/sqlite"
	"github.com/durablego/do/kvstorage"
	"github.com/durablego/do/router"
)

// TestBadIDs parses what is no id (I7).
func TestBadIDs(t *testing.T) {
	ns := newBoxes(t).Namespace("BOX")
	good := ns.IDFromName("x").String()
	for what, text := range map[string]string{
		"empty":             "",
		"short":             good[:63],
		"long":              good + "0",
		"half":              good[:32],
		"not hex":           good[:63] + "g",
		"a blank":           good[:63] + " ",
		"a sign":            "+" + good[1:],
		"0x":                "0x" + good[2:],
		"wide digits":       strings.Repeat("１", 64),
		"64 bytes of UTF-8": strings.Repeat("é", 32),
		"NUL":               good[:63] + "\x00",
	} {
		if id, err := ns.IDFromString(text); err != do.ErrInvalidID || !id.IsZero() {
			t.Errorf("%s: IDFromString(%q) = %v, %v, want the zero ID and ErrInvalidID", what, text, id, err)
		}
	}
	for what, text := range map[string]string{
		"zeros":      strings.Repeat("0", 64),
		"swapped":    good[32:] + good[:32],
		"mac of two": good[:32] + ns.IDFromName("y").String()[32:],
	} {
		if id, err := ns.IDFromString(text); err != do.ErrForeignID || !id.IsZero() {
			t.Errorf("%s: IDFromString(%q) = %v, %v, want the zero ID and ErrForeignID", what, text, id, err)
		}
	}
}

// knot can be tied to itself.
type knot struct{ Next any }

// TestBadValues stores what cannot be stored. Nothing is written, and the object goes on.
func TestBadValues(t *testing.T) {
	env := newBoxes(t)
	stub := named(env, "x")
	ring := &knot{}
	ring.Next = ring
	loop := map[string]any{}
	loop["loop"] = loop
	var deep any
	for range 1001 {
		deep = []any{deep}
	}
	long := strings.Repeat("x", 2<<20)
	var none context.Context
	wantNil(t, run(env, stub, func(ctx context.Context, b *box) error {
		for _, c := range []struct {
			what, key string
			value     any
			want      error
		}{
			{"a function", "k", func() {}, do.ErrInvalidValue},
			{"a channel", "k", make(chan int), do.ErrInvalidValue},
			{"a complex number", "k", 1i, do.ErrInvalidValue},
			{"a function inside", "k", map[string]any{"f": func() {}}, do.ErrInvalidValue},
			{"a pointer to itself", "k", ring, do.ErrInvalidValue},
			{"a map in itself", "k", loop, do.ErrInvalidValue},
			{"1,001 levels", "k", deep, do.ErrInvalidValue},
			{"a value over its limit", "k", long, do.ErrValueTooLarge},         // N2
			{"a key over its limit", long[:2049], 1, kvstorage.ErrKeyTooLarge}, // N1
			{"a key that is no UTF-8", "\xff", 1, kvstorage.ErrInvalidKey},     // K2
		} {
			wantErr(t, "Put of "+c.what, b.state.KV().Put(ctx, c.key, c.value), c.want)
		}
		wantErr(t, "Put without context", b.state.KV().Put(none, "k", 1), do.ErrOutsideTurn)
		_, err := b.Add(ctx, 1)
		return err
	}))
	wantKeys(t, env, stub, "total")
	wantMemory(t, stub, 1)
}

// TestBadBodies sends a body over MaxCallBytes through a router: the object does not hear of it.
func TestBadBodies(t *testing.T) {
	o := boxes(class(nil))
	o.MaxCallBytes = 1000
	env := dotest.New(t, dotest.Options{Runtime: o, Handler: func(rt *do.Runtime) http.Handler {
		mux := http.NewServeMux()
		h := router.ByName(rt.Namespace("BOX"), "name")
		h.MaxBodyBytes = 1000
		mux.Handle("/{name}/{rest...}", h)
		return mux
	}})
	for size, want := range map[int]int{1000: 200, 1001: 413, 4 << 20: 413} {
		name := fmt.Sprint("size", size)
		res := env.Fetch(httptest.NewRequest("POST", "/"+name+"/", strings.NewReader(strings.Repeat("x", size))))
		if res.StatusCode != want {
			t.Errorf("a body of %d bytes: %d, want %d", size, res.StatusCode, want)
		}
		if err := env.Evict(named(env, name)); (err == nil) != (want == 200) {
			t.Errorf("a body of %d bytes: Evict = %v: is there an instance?", size, err)
		}
	}
}

// TestSlowBodies sends a body bit by bit through a router: the object is free until it is there.
func TestSlowBodies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env := dotest.New(t, dotest.Options{Runtime: boxes(class(nil)), Handler: func(rt *do.Runtime) http.Handler {
			mux := http.NewServeMux()
			mux.Handle("/{name}/{rest...}", router.ByName(rt.Namespace("BOX"), "name"))
			return mux
		}})
		r, w := io.Pipe()
		status := make(chan int, 1)
		go func() { status <- env.Fetch(httptest.NewRequest("POST", "/x/", r)).StatusCode }()
		for range 100 {
			if _, err := io.WriteString(w, "bit "); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
			synctest.Wait()
		}
		began := time.Now()
		wantAdd(t, named(env, "x"), 1, 1)
		if len(status) > 0 || time.Since(began) > 0 {
			t.Error("the event began before its body was there")
		}
		wantNil(t, w.Close())
		if got := <-status; got != http.StatusOK {
			t.Errorf("status %d", got)
		}
	})
}

// wantPanic wants a panic whose text begins with "do: ".
func wantPanic(t *testing.T, what string, f func()) {
	t.Helper()
	defer func() {
		if text, ok := recover().(string); !ok || !strings.HasPrefix(text, "do: ") {
			t.Errorf("%s: panic %q, want one that begins with do:", what, text)
		}
	}()
	f()
}

// TestMisuseOfSetUp panics: it is a programmer's error (L22).
func TestMisuseOfSetUp(t *testing.T) {
	env := newBoxes(t)
	wantPanic(t, "an unknown binding", func() { env.Runtime().Namespace("NONE") })
	wantPanic(t, "an unknown script", func() { env.Runtime().Script("none") })
	wantPanic(t, "a script without name", func() { do.NewScript("") })
	s := do.NewScript("s")
	with := func(change func(*do.Class[*box])) func() {
		c := class(nil)
		change(&c)
		return func() { do.RegisterIn(s, c) }
	}
	wantPanic(t, "no binding", with(func(c *do.Class[*box]) { c.Binding = "" }))
	wantPanic(t, "no constructor", with(func(c *do.Class[*box]) { c.New = nil }))
	with(func(*do.Class[*box]) {})()
	wantPanic(t, "a binding twice", with(func(c *do.Class[*box]) { c.NamespaceID = "other" }))
	wantPanic(t, "a NamespaceID twice", with(func(c *do.Class[*box]) { c.Binding, c.NamespaceID = "OTHER", "BOX" }))
	dotest.New(t, dotest.Options{Runtime: do.Options{Scripts: []*do.Script{s}}})
	wantPanic(t, "Register after Open", with(func(c *do.Class[*box]) { c.Binding = "LATE" }))

	err := run(env, named(env, "x"), func(_ context.Context, b *box) error {
		b.env.Namespace("NONE")
		return nil
	})
	wantErr(t, "an unknown binding inside an object", err, do.ErrReset)
	wantMemory(t, named(env, "x"), 0)

	for what, scripts := range map[string][]*do.Script{"none": {}, "a nil one": {nil}, "two of a name": {do.NewScript("s"), do.NewScript("s")}} {
		if _, err := do.Open(do.Options{Dir: t.TempDir(), Scripts: scripts}); !errors.Is(err, do.ErrInvalidOptions) {
			t.Errorf("Open with scripts: %s = %v, want ErrInvalidOptions", what, err)
		}
	}
}

// TestNilInstances lets constructors return nothing.
func TestNilInstances(t *testing.T) {
	s := do.NewScript("main")
	do.RegisterIn(s, do.Class[*box]{Binding: "PTR", New: func(context.Context, *do.State, *do.Env) (*box, error) { return nil, nil }})
	do.RegisterIn(s, do.Class[do.Object]{Binding: "NIL", New: func(context.Context, *do.State, *do.Env) (do.Object, error) { return nil, nil }})
	env := dotest.New(t, dotest.Options{Runtime: do.Options{Scripts: []*do.Script{s}}})
	for _, binding := range []string{"PTR", "NIL"} {
		for range 2 {
			_, err := env.Namespace(binding).GetByName("x").Fetch(t.Context(), request(t, "/"))
			wantErr(t, binding, err, do.ErrReset)
		}
	}
}

// TestBadFolders opens folders that cannot be used.
func TestBadFolders(t *testing.T) {
	o := boxes(class(nil))
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for what, dir := range map[string]string{"a file": file, "below a file": filepath.Join(file, "x"), "a NUL": "a\x00b"} {
		o.Dir = dir
		if rt, err := do.Open(o); err == nil {
			t.Errorf("Open of %s worked", what)
			closeNow(t, rt)
		}
	}
	o.Dir = t.TempDir()
	readOnly := disktest.NewFaulty(disk.OS())
	readOnly.Fail(disktest.Fault{Op: disktest.Open, Count: -1, Err: syscall.EROFS})
	if _, _, err := bridge.Open(o, bridge.Config{FS: readOnly}); !errors.Is(err, syscall.EROFS) {
		t.Errorf("Open of a read-only folder = %v, want EROFS", err)
	}
	if os.Geteuid() > 0 {
		if err := os.Chmod(o.Dir, 0o555); err != nil {
			t.Fatal(err)
		}
		if _, err := do.Open(o); !errors.Is(err, syscall.EACCES) {
			t.Errorf("Open of a read-only folder = %v, want EACCES", err)
		}
		if err := os.Chmod(o.Dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	rt, err := do.Open(o) // nothing was left that could hinder
	if err != nil {
		t.Fatalf("Open after all that = %v", err)
	}
	closeNow(t, rt)
}

// TestBadDisk has the disk refuse writes for a while: the folder has become read-only, or
// is full. The events fail by I/O (L24.5), and what was there stays.
func TestBadDisk(t *testing.T) {
	for name, fault := range map[string]disktest.Fault{
		"full":              {Op: disktest.Write, Err: syscall.ENOSPC},
		"full, half a page": {Op: disktest.Write, Err: syscall.ENOSPC, Short: true},
		"read-only":         {Op: disktest.Open, Err: syscall.EROFS},
	} {
		t.Run(name, func(t *testing.T) {
			faulty := disktest.NewFaulty(disk.OS())
			env := dotest.NewWith(t, dotest.Options{Runtime: boxes(class(nil))}, bridge.Config{FS: faulty})
			old, fresh := named(env, "old"), named(env, "new")
			wantAdd(t, old, 1, 1)
			wantNil(t, env.Evict(old))
			fault.Count = -1
			faulty.Fail(fault)
			for range 2 {
				for _, stub := range []*do.Stub{old, fresh} {
					_, err := do.Call(t.Context(), stub, (*box).Add, 1)
					wantErr(t, "Add", err, fault.Err)
				}
			}
			faulty.Clear()
			wantAdd(t, old, 1, 2)
			wantAdd(t, fresh, 1, 1)
			env.Crash()
			wantTotal(t, named(env, "old"), 2)
			wantTotal(t, named(env, "new"), 1)
		})
	}
}

// TestBadFiles puts what is no database of ours in an object's place: a typed error, the
// file untouched byte for byte, other objects fine, and the object too once it is mended.
func TestBadFiles(t *testing.T) {
	for name, spoil := range map[string]func(good []byte) []byte{
		"text":            func([]byte) []byte { return []byte(strings.Repeat("this is no database. ", 1000)) },
		"short text":      func([]byte) []byte { return []byte("hello") },
		"header":          func(b []byte) []byte { copy(b, "SQLite format 4\x00"); return b },
		"page size":       func(b []byte) []byte { b[16], b[17] = 3, 3; return b },
		"pages":           func(b []byte) []byte { clear(b[4096:]); copy(b[4096:], "\xEE\xEE\xEE\xEE"); return b },
		"schema":          func(b []byte) []byte { copy(b[100:4096], strings.Repeat("\xEE", 3996)); return b },
		"half":            func(b []byte) []byte { return b[:len(b)/2+100] },
		"newer format":    func(b []byte) []byte { b[60+3] = 3; return b },
		"another program": func(b []byte) []byte { b[60+3] = 0; return b },
	} {
		t.Run(name, func(t *testing.T) {
			o := boxes(class(nil))
			o.Dir = t.TempDir()
			rt, err := do.Open(o)
			if err != nil {
				t.Fatal(err)
			}
			stub := rt.Namespace("BOX").GetByName("x")
			wantAdd(t, stub, 1, 1)
			closeNow(t, rt)
			path := filepath.Join(o.Dir, "main.BOX", stub.ID().String()+".sqlite")
			good, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			bad := spoil(append([]byte(nil), good...))
			if err := os.WriteFile(path, bad, 0o644); err != nil {
				t.Fatal(err)
			}
			if rt, err = do.Open(o); err != nil {
				t.Fatal(err)
			}
			stub = rt.Namespace("BOX").GetByName("x")
			for range 2 {
				_, err := do.Call(t.Context(), stub, (*box).Add, 1)
				var sqliteError *sqlite.Error
				switch {
				case name == "newer format":
					wantErr(t, "Add", err, do.ErrNewerFormat)
				case err == nil:
					t.Error("Add worked")
				case name != "another program" && !errors.As(err, &sqliteError):
					t.Errorf("Add = %v, want SQLite's error", err)
				}
				if err != nil {
					if e := errorOf(t, err); e.Retryable {
						t.Errorf("%+v, want not Retryable", e)
					}
				}
			}
			wantAdd(t, rt.Namespace("BOX").GetByName("other"), 1, 1)
			if now, err := os.ReadFile(path); err != nil || string(now) != string(bad) {
				t.Errorf("the file was changed: %v", err)
			}
			closeNow(t, rt)
			if err := os.WriteFile(path, good, 0o644); err != nil {
				t.Fatal(err)
			}
			if rt, err = do.Open(o); err != nil {
				t.Fatal(err)
			}
			wantAdd(t, rt.Namespace("BOX").GetByName("x"), 1, 2)
			closeNow(t, rt)
		})
	}
}

// TestBadCatalog opens folders whose catalog is damaged or newer. It stays as it is.
func TestBadCatalog(t *testing.T) {
	for name, spoil := range map[string]func(good []byte) []byte{
		"text":         func([]byte) []byte { return []byte(strings.Repeat("this is no database. ", 1000)) },
		"newer format": func(b []byte) []byte { b[60+3] = 3; return b },
		"pages":        func(b []byte) []byte { copy(b[4096:], strings.Repeat("\xEE", 64)); return b },
	} {
		o := boxes(class(nil))
		o.Dir = t.TempDir()
		rt, err := do.Open(o)
		if err != nil {
			t.Fatal(err)
		}
		closeNow(t, rt)
		path := filepath.Join(o.Dir, "catalog.sqlite")
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		bad := spoil(append([]byte(nil), good...))
		if err := os.WriteFile(path, bad, 0o644); err != nil {
			t.Fatal(err)
		}
		rt, err = do.Open(o)
		if err == nil {
			t.Errorf("%s: Open worked", name)
			closeNow(t, rt)
		}
		if name == "newer format" {
			wantErr(t, "Open", err, do.ErrNewerFormat)
		}
		if now, err := os.ReadFile(path); err != nil || string(now) != string(bad) {
			t.Errorf("%s: the catalog was changed: %v", name, err)
		}
	}
}
