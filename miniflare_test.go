package do_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
	"github.com/durablego/do/kvstorage"
	"github.com/durablego/do/router"
	"github.com/go-chi/chi/v5"
)

// The page on Miniflare's Durable Objects, row by row (E1 to E8); docs/from-cloudflare.md
// quotes from here.

// Object1 has what a class needs, and no more.
type Object1 struct{}

func NewObject1(ctx context.Context, state *do.State, env *do.Env) (*Object1, error) {
	return &Object1{}, nil
}

func (*Object1) Fetch(ctx context.Context, r *http.Request) (*http.Response, error) {
	return do.Text(http.StatusOK, "hello"), nil
}

// TestE1_BoundByName registers a class under a name, in the default script too.
func TestE1_BoundByName(t *testing.T) {
	s := do.NewScript("main")
	do.RegisterIn(s, do.Class[*Object1]{Binding: "OBJECT1", New: NewObject1})

	rt, err := do.Open(do.Options{Scripts: []*do.Script{s}})
	if err != nil {
		t.Fatal(err)
	}
	defer closeNow(t, rt)
	res, err := rt.Namespace("OBJECT1").GetByName("a").Fetch(t.Context(), request(t, "/"))
	wantBody(t, res, err, "hello")
}

func wantBody(t *testing.T, res *http.Response, err error, want string) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(res.Body)
	if err = errors.Join(err, res.Body.Close()); err != nil || string(b) != want {
		t.Errorf("body = %q, %v, want %q", b, err, want)
	}
}

// TestObject is the page's own.
type TestObject struct{ kv *kvstorage.Store }

func NewTestObject(ctx context.Context, state *do.State, env *do.Env) (*TestObject, error) {
	return &TestObject{state.KV()}, nil
}

func (o *TestObject) Fetch(ctx context.Context, r *http.Request) (*http.Response, error) {
	if r.URL.Path == "/put" {
		if err := o.kv.Put(ctx, "key", 1); err != nil {
			return nil, err
		}
	}
	n, _, err := kvstorage.Get[int](ctx, o.kv, "key")
	return do.Text(http.StatusOK, strconv.Itoa(n)), err
}

func testObjects() do.Options {
	s := do.NewScript("main")
	do.RegisterIn(s, do.Class[*TestObject]{Binding: "TEST_OBJECT", New: NewTestObject})
	return do.Options{Scripts: []*do.Script{s}}
}

// ask is a request to the page's object, and what it should answer.
func ask(t *testing.T, ns *do.Namespace, path, want string) {
	t.Helper()
	res, err := ns.GetByName("test").Fetch(t.Context(), httptest.NewRequest("GET", "http://localhost:8787"+path, nil))
	wantBody(t, res, err, want)
}

// TestE2_InMemory: without a folder data outlives instances and, in a test, runtimes of one
// Env, but not another runtime.
func TestE2_InMemory(t *testing.T) {
	env := dotest.New(t, dotest.Options{Runtime: testObjects()})
	ask(t, env.Namespace("TEST_OBJECT"), "/put", "1")
	stub := env.Namespace("TEST_OBJECT").GetByName("test")
	wantNil(t, env.Evict(stub))
	ask(t, env.Namespace("TEST_OBJECT"), "/", "1")
	err := dotest.RunInObject(env, stub, func(context.Context, *TestObject, *do.State) error { panic("reset") })
	wantErr(t, "a panic", err, do.ErrReset)
	ask(t, env.Namespace("TEST_OBJECT"), "/", "1")
	env.Restart()
	ask(t, env.Namespace("TEST_OBJECT"), "/", "1")

	other := dotest.New(t, dotest.Options{Runtime: testObjects()})
	ask(t, other.Namespace("TEST_OBJECT"), "/", "0")

	for range 2 {
		rt, err := do.Open(testObjects())
		if err != nil {
			t.Fatal(err)
		}
		ask(t, rt.Namespace("TEST_OBJECT"), "/", "0")
		ask(t, rt.Namespace("TEST_OBJECT"), "/put", "1")
		closeNow(t, rt)
	}
}

// keeps puts, closes, and finds it again.
func keeps(t *testing.T, dir string) {
	t.Helper()
	for _, want := range []string{"0", "1"} {
		o := testObjects()
		o.Dir = dir
		rt, err := do.Open(o)
		if err != nil {
			t.Fatal(err)
		}
		ask(t, rt.Namespace("TEST_OBJECT"), "/", want)
		ask(t, rt.Namespace("TEST_OBJECT"), "/put", "1")
		closeNow(t, rt)
	}
	if files, err := filepath.Glob(filepath.Join(dir, "main.TEST_OBJECT", "*.sqlite")); err != nil || len(files) != 2 {
		t.Errorf("databases below %s: %v, %v, want object and index", dir, files, err)
	}
}

// TestE3_DefaultFolder keeps data below .do.
func TestE3_DefaultFolder(t *testing.T) {
	t.Chdir(t.TempDir())
	keeps(t, do.DefaultDir)
	if _, err := os.Stat(".do"); err != nil {
		t.Error(err)
	}
}

// TestE4_OwnFolder keeps data in a folder, also when the process is killed after the answer.
func TestE4_OwnFolder(t *testing.T) {
	if dir := os.Getenv("DO_TEST_E4"); dir != "" {
		o := testObjects()
		o.Dir = dir
		rt, err := do.Open(o)
		if err != nil {
			t.Fatal(err)
		}
		ask(t, rt.Namespace("TEST_OBJECT"), "/put", "1")
		fmt.Println("answered")
		select {} // until it is killed
	}
	t.Chdir(t.TempDir())
	keeps(t, "./data")

	dir := t.TempDir()
	child := exec.Command(os.Args[0], "-test.run=^TestE4_OwnFolder$")
	child.Env = append(os.Environ(), "DO_TEST_E4="+dir)
	out, err := child.StdoutPipe()
	if err == nil {
		err = child.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	var said string
	if _, err := fmt.Fscanln(out, &said); err != nil || said != "answered" {
		t.Errorf("the child said %q, %v", said, err)
	}
	wantNil(t, child.Process.Kill())
	_ = child.Wait() // it was killed
	o := testObjects()
	o.Dir = dir
	rt, err := do.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	ask(t, rt.Namespace("TEST_OBJECT"), "/", "1")
	closeNow(t, rt)
}

// app is the page's worker: every request goes to the object called test.
func app(rt *do.Runtime) http.Handler {
	objects := rt.Namespace("TEST_OBJECT")
	r := chi.NewRouter()
	r.Mount("/", router.Func(func(*http.Request) (*do.Stub, error) { return objects.GetByName("test"), nil }))
	return r
}

// TestE5_FromOutside is the page's example: first from outside, then through the app.
func TestE5_FromOutside(t *testing.T) {
	env := dotest.New(t, dotest.Options{Runtime: testObjects(), Handler: app})

	ns := env.Namespace("TEST_OBJECT")
	stub := ns.GetByName("test")
	doRes, err := stub.Fetch(t.Context(), httptest.NewRequest("GET", "http://localhost:8787/put", nil))
	wantBody(t, doRes, err, "1")

	res := env.Fetch(httptest.NewRequest("GET", "http://localhost:8787/", nil))
	wantBody(t, res, nil, "1")
}

// TestE6_GetByName: a name and its id are one object.
func TestE6_GetByName(t *testing.T) {
	env := newBoxes(t)
	ns := env.Namespace("BOX")
	if !ns.GetByName("test").ID().Equal(ns.IDFromName("test")) {
		t.Error("GetByName and IDFromName differ")
	}
	wantAdd(t, ns.GetByName("test"), 1, 1)
	wantMemory(t, ns.Get(ns.IDFromName("test")), 1)
}

// TestE7_ThroughTheApp dispatches requests to the program's handler, which finds the
// runtime of now after a restart.
func TestE7_ThroughTheApp(t *testing.T) {
	env := dotest.New(t, dotest.Options{Runtime: testObjects(), Handler: app})
	wantBody(t, env.Fetch(httptest.NewRequest("GET", "http://localhost:8787/put", nil)), nil, "1")
	env.Restart()
	wantBody(t, env.Fetch(httptest.NewRequest("GET", "http://localhost:8787/", nil)), nil, "1")
}

// TestE8_ClassOfAnotherScript: both scripts are mounted, one binds the class of the other.
func TestE8_ClassOfAnotherScript(t *testing.T) {
	host := do.NewScript("host")
	do.RegisterIn(host, do.Class[*TestObject]{Binding: "TEST_OBJECT", New: NewTestObject})
	client := do.NewScript("client")
	client.Bind("TEST_OBJECT", do.Ref{Script: "host", Class: "TestObject"})

	env := dotest.New(t, dotest.Options{Runtime: do.Options{Scripts: []*do.Script{client, host}}})
	ask(t, env.Namespace("TEST_OBJECT"), "/put", "1")
	ask(t, env.Runtime().Script("host").Namespace("TEST_OBJECT"), "/", "1")

	_, err := do.Open(do.Options{Scripts: []*do.Script{client}})
	wantErr(t, "Open without the host", err, do.ErrUnresolved)
}
