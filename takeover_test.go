package do_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/sqlite"
	"github.com/durablego/do/kvstorage"
	"github.com/durablego/do/sqlstorage"
)

// shopFolder is a folder that the reference has written, with the objects of worker.mjs beside it:
// first some, which it closed, then others, in the midst of which it was killed.
const shopFolder = "testdata/workerd/data/shop-Thing"

// thing is a class that takes over what the reference has of its own.
type thing struct {
	state *do.State
	rang  chan<- do.AlarmInfo
}

func (o *thing) Fetch(context.Context, *http.Request) (*http.Response, error) {
	return do.Text(http.StatusOK, o.state.ID().Name()), nil
}

func (o *thing) Alarm(ctx context.Context, info do.AlarmInfo) error {
	if o.rang != nil {
		o.rang <- info
	}
	return o.state.KV().Put(ctx, "rang as", o.state.ID().Name())
}

// things are Options that take over what is in dir.
func things(dir string, rang chan<- do.AlarmInfo) do.Options {
	s := do.NewScript("main")
	do.RegisterIn(s, do.Class[*thing]{Binding: "THING", UniqueKey: "shop-Thing", New: func(_ context.Context, state *do.State, _ *do.Env) (*thing, error) {
		return &thing{state, rang}, nil
	}})
	return do.Options{Dir: dir, Scripts: []*do.Script{s}}
}

// ofReference gives a data folder with a copy of a folder of the reference's.
func ofReference(t testing.TB, from string) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "data")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(dir, "shop-Thing"), os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// inThing runs fn as an event of an object.
func inThing(t testing.TB, env *dotest.Runtime, name string, fn func(ctx context.Context, s *do.State) error) error {
	t.Helper()
	return dotest.RunInObject(env, env.Namespace("THING").GetByName(name), func(ctx context.Context, _ *thing, s *do.State) error { return fn(ctx, s) })
}

// stored are the keys of the reference's object "values", as this runtime knows them.
func stored() map[string]any {
	type list = []any
	type obj = map[string]any
	far := make(list, 1001)
	far[1000] = int64(1)
	return obj{
		"null": nil, "true": true, "false": false,
		"int": int64(42), "negative": int64(-7), "big": int64(3000000000), "double": 1.5, "infinite": math.Inf(1), "negzero": math.Copysign(0, -1),
		"safe": int64(1<<53 - 1), "huge": 1e300,
		"ascii": "hello", "latin": "café", "wide": "日本 🎉", "lone": "\xed\xa0\x80x", "empty": "",
		"date": time.UnixMilli(1700000000123).UTC(), "bigint": int64(-9007199254740993), "bigzero": int64(0),
		"boolobject": true, "numberobject": int64(3), "stringobject": "boxed", "bigintobject": int64(5),
		"array": list{int64(1), "two", nil, nil, list{int64(3)}}, "doubles": list{1.5, 2.5}, "sparse": list{int64(1), nil, int64(3)}, "far": far,
		"holes": list{int64(1), nil}, "emptyarray": list{},
		"object": obj{"a": int64(1), "b": obj{"c": list{true}}, "7": "seven", "é": int64(1), "日": int64(2)}, "emptyobject": obj{},
		"map":     list{list{"a", int64(1)}, list{int64(2), "b"}, list{obj{"x": int64(1)}, nil}},
		"textmap": obj{"a": int64(1), "b": list{int64(2)}}, "set": list{int64(1), "a", obj{"b": int64(2)}},
		"arraybuffer": []byte{1, 2, 3}, "bytes": []byte{4, 5, 6}, "clamped": []byte{7, 255}, "view": []byte{8, 7},
		"int8": list{int64(-1), int64(1)}, "int16": list{int64(2), int64(3)}, "uint16": list{int64(65535)}, "int32": list{int64(-1)},
		"uint32": list{int64(4294967295)}, "int64": list{int64(-1), int64(5)}, "float32": list{1.5}, "float64": list{1.5, -2.0},
		"shared": list{obj{"a": int64(1)}, obj{"a": int64(1)}}, "views": obj{"x": make([]byte, 8), "y": list{int64(0), int64(0), int64(0), int64(0)}},
		"key é 日 🎉": "a key of several scripts",
		"nested":    obj{"list": list{obj{"deep": list{obj{"er": strings.Repeat("x", 300)}}}}},
	}
}

// typed reads a key as a T.
func typed[T any](t *testing.T, ctx context.Context, s *do.State, key string, want T) {
	t.Helper()
	if got, ok, err := kvstorage.Get[T](ctx, s.KV(), key); err != nil || !ok || !reflect.DeepEqual(got, want) {
		t.Errorf("%s: %T %v, %v, %v, want %v", key, got, got, ok, err, want)
	}
}

// wantStored checks every kind of value of the reference's.
func wantStored(t *testing.T, env *dotest.Runtime, name string) {
	t.Helper()
	wantNil(t, inThing(t, env, name, func(ctx context.Context, s *do.State) error {
		keys := 0
		for e, err := range s.KV().List(ctx, kvstorage.ListOptions{}) {
			if err != nil {
				return err
			}
			keys++
			_ = e
		}
		want := stored()
		if keys != len(want)+2 { // and NaN, and numbers over int64
			t.Errorf("%d keys, want %d", keys, len(want)+2)
		}
		for key, want := range want {
			typed(t, ctx, s, key, want)
		}
		nan, _, err := kvstorage.Get[float64](ctx, s.KV(), "nan")
		if err != nil || !math.IsNaN(nan) {
			t.Errorf("NaN: %v, %v", nan, err)
		}
		// What a Go program would ask for. A whole number is one, however the reference kept it.
		typed(t, ctx, s, "int", 42)
		typed(t, ctx, s, "int", 42.0)
		typed(t, ctx, s, "big", 3000000000)
		typed(t, ctx, s, "big", 3e9)
		typed(t, ctx, s, "doubles", []float64{1.5, 2.5})
		typed(t, ctx, s, "uint64", []uint64{math.MaxUint64})
		typed(t, ctx, s, "int16", []int16{2, 3})
		typed(t, ctx, s, "float32", []float32{1.5})
		typed(t, ctx, s, "textmap", map[string]any{"a": int64(1), "b": []any{int64(2)}})
		typed(t, ctx, s, "object", struct {
			A int
			B struct{ C []bool }
		}{1, struct{ C []bool }{[]bool{true}}})
		return s.KV().Put(ctx, "ascii", "changed")
	}))
	wantNil(t, env.Evict(env.Namespace("THING").GetByName(name)))
	wantNil(t, inThing(t, env, name, func(ctx context.Context, s *do.State) error {
		typed(t, ctx, s, "ascii", "changed")
		typed(t, ctx, s, "latin", "café")
		return nil
	}))
}

// wantTables checks the reference's object "tables", and writes to it.
func wantTables(t *testing.T, env *dotest.Runtime) {
	t.Helper()
	wantNil(t, inThing(t, env, "tables", func(ctx context.Context, s *do.State) error {
		one := func(query string, want int64) {
			t.Helper()
			if got, err := sqlstorage.QueryOne[int64](ctx, s.SQL(), query); err != nil || got != want {
				t.Errorf("%s: %d, %v, want %d", query, got, err, want)
			}
		}
		one("SELECT count(*) FROM item", 2)
		one("SELECT rowid FROM doc WHERE doc MATCH 'quick fox'", 1)
		if _, err := s.SQL().Exec(ctx, "INSERT INTO item(name) VALUES('c'); INSERT INTO doc VALUES('a fox again')"); err != nil {
			return err
		}
		one("SELECT max(id) FROM item", 3)
		one("SELECT count(*) FROM log WHERE name = 'c'", 1) // the trigger
		one("SELECT count(*) FROM named WHERE name IN ('a', 'b', 'c')", 3)
		one("SELECT count(*) FROM doc WHERE doc MATCH 'fox'", 2)
		one("SELECT count(*) FROM sqlite_schema WHERE name LIKE '\\_cf\\_%' ESCAPE '\\'", 0)
		typed(t, ctx, s, "also", "a key")
		return nil
	}))
}

// wantListed checks the list: names only of those that have alarms. It gives it by id.
func wantListed(t *testing.T, env *dotest.Runtime, names []string, unnamed int) map[string]do.ObjectInfo {
	t.Helper()
	ns := env.Namespace("THING")
	listed := map[string]do.ObjectInfo{}
	for _, o := range env.Objects(ns) {
		listed[o.ID.String()] = o
	}
	for _, name := range names {
		if _, ok := listed[ns.IDFromName(name).String()]; !ok {
			t.Errorf("%q is not listed", name)
		}
	}
	if len(listed) != len(names)+unnamed {
		t.Errorf("%d objects are listed, want %d", len(listed), len(names)+unnamed)
	}
	return listed
}

var (
	recordedBad  = map[string]byte{"circle": '^', "error": '\\', "regexp": 'R', "property": 'I', "largebigint": 'Z', "invaliddate": 'D'}
	recordedGood = []string{"values", "tables", "alarm", "only", "closed", "closed 🎉", "closed-alarm"}
)

// TestIssue5Part6RecordedFolder takes over a folder of the reference's.
func TestIssue5Part6RecordedFolder(t *testing.T) {
	for _, relaxed := range []bool{false, true} {
		log := new(logged)
		o := things(ofReference(t, shopFolder), nil)
		o.Relaxed, o.Logger = relaxed, log.logger()
		env := dotest.New(t, dotest.Options{Runtime: o})
		names := append([]string{}, recordedGood...)
		for name := range recordedBad {
			names = append(names, name)
		}
		listed := wantListed(t, env, names, 1)
		for name, at := range map[string]int64{"alarm": 4102444800000, "only": 4102444802000, "closed-alarm": 4102444800123} {
			id := env.Namespace("THING").IDFromName(name)
			if info := listed[id.String()]; !info.Alarm.Equal(time.UnixMilli(at)) || info.ID.Name() != name || info.Original != 0 {
				t.Errorf("%s: %+v", name, info)
			}
		}
		wantStored(t, env, "values")
		wantStored(t, env, "closed")
		wantTables(t, env)
		wantNil(t, inThing(t, env, "closed 🎉", func(ctx context.Context, s *do.State) error {
			typed(t, ctx, s, "k199", map[string]int{"n": 199})
			return nil
		}))
		wantUnconvertible(t, env, o.Dir)
		env.Restart()
		wantUnconvertible(t, env, o.Dir)
		wantNil(t, inThing(t, env, "alarm", func(ctx context.Context, s *do.State) error {
			at, ok, err := s.Storage().Alarm(ctx)
			if !at.Equal(time.UnixMilli(4102444800000)) || !ok {
				t.Errorf("alarm %v, %v, %v", at, ok, err)
			}
			return err
		}))
		listed = wantListed(t, env, names, 1)
		if info := listed[env.Namespace("THING").IDFromName("values").String()]; info.Original != 8192 {
			t.Errorf("original of %d bytes", info.Original)
		}
		for _, said := range []string{"objects of the reference", "objects=14 alarms=4", "took over an object's data", "could not be taken over"} {
			if !log.has(said) {
				t.Errorf("the log does not say %q", said)
			}
		}
	}
}

// wantUnconvertible checks that objects with a value that cannot be taken over say so and stay as they are.
func wantUnconvertible(t *testing.T, env *dotest.Runtime, dir string) {
	t.Helper()
	for name, tag := range recordedBad {
		err := inThing(t, env, name, func(ctx context.Context, s *do.State) error {
			if err := s.KV().Put(ctx, "more", 1); !errors.Is(err, do.ErrUnconvertible) {
				t.Errorf("%s: Put = %v", name, err)
			}
			_, _, err := kvstorage.Get[any](ctx, s.KV(), "fine")
			return err
		})
		c, ok := errors.AsType[*kvstorage.ConversionError](err)
		if !errors.Is(err, do.ErrUnconvertible) || !ok || c.Key != name || c.Tag != tag || !strings.Contains(err.Error(), fmt.Sprintf("%q", tag)) {
			t.Errorf("%s: %v, want an error about tag %q", name, err, tag)
		}
		if e, ok := errors.AsType[*do.Error](err); ok && e.Retryable {
			t.Errorf("%s: retryable", name)
		}
		file := env.Namespace("THING").IDFromName(name).String() + ".sqlite"
		for _, suffix := range []string{"", "-wal"} {
			got, err := os.ReadFile(filepath.Join(dir, "shop-Thing", file+suffix))
			want, werr := os.ReadFile(filepath.Join(shopFolder, file+suffix))
			if err != nil || werr != nil || !slices.Equal(got, want) {
				t.Errorf("%s%s was changed: %v, %v", name, suffix, err, werr)
			}
		}
	}
}

// setForeignAlarm changes an alarm in a file of the reference's, which was at a time that cannot
// be waited for.
func setForeignAlarm(t *testing.T, dir, name string, at time.Time) {
	t.Helper()
	other := dotest.New(t, dotest.Options{Runtime: things(t.TempDir(), nil)})
	file := filepath.Join(dir, "shop-Thing", other.Namespace("THING").IDFromName(name).String()+".sqlite")
	conn, err := sqlite.Open(file, sqlite.Options{FS: disk.OS(), WAL: true})
	wantNil(t, err)
	wantNil(t, conn.Exec(fmt.Sprintf(`CREATE TABLE IF NOT EXISTS _cf_METADATA(key INTEGER PRIMARY KEY, value BLOB);
		INSERT OR REPLACE INTO _cf_METADATA VALUES(1, %d)`, at.UnixNano())))
	wantNil(t, conn.Close())
}

// TestIssue5Part6AlarmOfUnconvertible has the alarm of an object that cannot be taken over fail for
// a week: it is tried again, at longer intervals, and neither lost nor dead.
func TestIssue5Part6AlarmOfUnconvertible(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := ofReference(t, shopFolder)
		due := time.Now().Add(time.Hour)
		setForeignAlarm(t, dir, "circle", due)
		log := new(logged)
		o := things(dir, nil)
		o.Logger = log.logger()
		env := dotest.New(t, dotest.Options{Runtime: o})
		time.Sleep(7 * 24 * time.Hour)
		synctest.Wait()
		for _, info := range env.Objects(env.Namespace("THING")) {
			if info.ID.Equal(env.Namespace("THING").IDFromName("circle")) && (info.Dead || !info.Alarm.Equal(due)) {
				t.Errorf("%+v", info)
			}
		}
		tries := strings.Count(log.String(), "could not be taken over; they stay")
		if tries < 100 || tries > 1200 {
			t.Errorf("%d tries in a week", tries)
		}
	})
}

// TestIssue5Part6AlarmOfUnusedObject runs an alarm of an object that nobody has used, which knows its
// name by then.
func TestIssue5Part6AlarmOfUnusedObject(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := ofReference(t, shopFolder)
		due := time.Now().Add(time.Hour)
		name := "only"
		setForeignAlarm(t, dir, name, due)
		rang := make(chan do.AlarmInfo, 1)
		env := dotest.New(t, dotest.Options{Runtime: things(dir, rang)})
		time.Sleep(time.Until(due) - time.Second)
		synctest.Wait()
		if len(rang) > 0 {
			t.Fatal("early")
		}
		time.Sleep(time.Second)
		if info := <-rang; !info.ScheduledTime.Equal(due) || info.RetryCount != 0 {
			t.Errorf("%+v", info)
		}
		synctest.Wait()
		wantNil(t, inThing(t, env, name, func(ctx context.Context, s *do.State) error {
			typed(t, ctx, s, "rang as", name)
			return nil
		}))
	})
}
