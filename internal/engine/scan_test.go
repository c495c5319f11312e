package engine_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/durablego/do/internal/engine"
)

// K14, K16, K18, K20, K22: bounds, both directions; bounds that are no UTF-8.
func TestK14Range(t *testing.T) {
	o := newObject(t).auto()
	for _, key := range []string{"", "\x00", "a", "a\x00", "ab", "b", "c", "\u00ff", "\uffff", "\U0010ffff"} {
		o.put(key, key)
	}
	for _, c := range []struct {
		r    engine.Range
		want []string
	}{
		{engine.Range{}, []string{"", "\x00", "a", "a\x00", "ab", "b", "c", "\u00ff", "\uffff", "\U0010ffff"}},
		{engine.Range{Lo: "\x00"}, []string{"\x00", "a", "a\x00", "ab", "b", "c", "\u00ff", "\uffff", "\U0010ffff"}},
		{engine.Range{Lo: "a", Hi: "b", HasHi: true}, []string{"a", "a\x00", "ab"}},
		{engine.Range{Lo: "a\x00", Hi: "c", HasHi: true}, []string{"a\x00", "ab", "b"}},
		{engine.Range{Lo: "b", Hi: "b", HasHi: true}, nil},
		{engine.Range{Lo: "c", Hi: "a", HasHi: true}, nil},
		{engine.Range{HasHi: true}, nil},
		{engine.Range{Lo: "\xc3", Hi: "\xc4", HasHi: true}, []string{"\u00ff"}},
		{engine.Range{Lo: "c", Hi: "\xff", HasHi: true}, []string{"c", "\u00ff", "\uffff", "\U0010ffff"}},
		{engine.Range{Lo: "\xf5"}, nil},
	} {
		for _, reverse := range []bool{false, true} {
			c.r.Reverse = reverse
			want := slices.Clone(c.want)
			if reverse {
				slices.Reverse(want)
			}
			pairs, err := dump(o.Session, c.r)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for i := 0; i < len(pairs); i += 2 {
				got = append(got, pairs[i])
			}
			if !slices.Equal(got, want) {
				t.Errorf("%+v: %q, want %q", c.r, got, want)
			}
		}
	}
}

// K23 against a model: several scans at once, over a store that changes under them by
// writes, deletes, savepoints undone, commits, checkpoints, closings and DeleteAll.
func TestK23ScanIsLive(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 23))
			o := newObject(t).auto()
			model := map[string]string{}
			scans := make([]*modelScan, 4)
			for range 1500 {
				switch n := rng.IntN(100); {
				case n < 60:
					i := rng.IntN(len(scans))
					if scans[i] == nil {
						scans[i] = newModelScan(o, rng)
					}
					if !scans[i].step(t, model) {
						scans[i] = nil
					}
				case n < 63:
					if i := rng.IntN(len(scans)); scans[i] != nil {
						scans[i].scan.Close()
						scans[i] = nil
					}
				default:
					change(o, rng, model)
				}
				if t.Failed() {
					return
				}
			}
			for _, s := range scans {
				if s != nil {
					s.scan.Close()
				}
			}
		})
	}
}

// change changes the store and the model.
func change(o *object, rng *rand.Rand, model map[string]string) {
	key, value := fmt.Sprintf("%02d", rng.IntN(40)), fmt.Sprint(rng.Int())
	switch n := rng.IntN(100); {
	case n < 50:
		o.put(key, value)
		model[key] = value
	case n < 75:
		if _, err := o.Delete(ctx, []string{key}); err != nil {
			o.t.Fatal(err)
		}
		delete(model, key)
	case n < 85:
		o.commit()
	case n < 90:
		_ = o.Transaction(ctx, func(ctx context.Context) error {
			o.put(key, "undone")
			return errDisk
		})
	case n < 95:
		o.commit()
		if err := o.DB.Checkpoint(ctx); err != nil {
			o.t.Fatal(err)
		}
	case n < 98:
		o.commit()
		o.close()
	default:
		if err := o.DeleteAll(ctx); err != nil {
			o.t.Fatal(err)
		}
		clear(model)
	}
}

// modelScan is a scan with what it should give.
type modelScan struct {
	r    engine.Range
	scan *engine.Scan
	last *string
}

func newModelScan(o *object, rng *rand.Rand) *modelScan {
	s := &modelScan{r: engine.Range{Lo: fmt.Sprintf("%02d", rng.IntN(20)), Reverse: rng.IntN(2) == 0}}
	if rng.IntN(2) == 0 {
		s.r.Hi, s.r.HasHi = fmt.Sprintf("%02d", 20+rng.IntN(20)), true
	}
	s.scan = o.Scan(ctx, s.r)
	return s
}

// step takes a step and reports whether there was an entry.
func (s *modelScan) step(t *testing.T, model map[string]string) bool {
	var want *string
	for key := range model {
		if key < s.r.Lo || s.r.HasHi && key >= s.r.Hi {
			continue
		}
		beyond, nearer := s.last == nil || key > *s.last, want == nil || key < *want
		if s.r.Reverse {
			beyond, nearer = s.last == nil || key < *s.last, want == nil || key > *want
		}
		if beyond && nearer {
			want = &key
		}
	}
	e, ok, err := s.scan.Next(ctx)
	switch {
	case err != nil:
		t.Errorf("Next: %v", err)
	case !ok && want != nil:
		t.Errorf("%+v ended, want %q", s.r, *want)
	case ok && want == nil:
		t.Errorf("%+v gave %q, want the end", s.r, e.Key)
	case ok && (e.Key != *want || string(e.Value) != model[*want]):
		t.Errorf("%+v gave %q = %q, want %q = %q", s.r, e.Key, e.Value, *want, model[*want])
	}
	s.last = want
	return ok
}

// An ended or closed scan stays ended, whatever is written.
func TestScanEnds(t *testing.T) {
	o := newObject(t).auto()
	empty := o.Scan(ctx, engine.Range{})
	if _, ok, err := empty.Next(ctx); ok || err != nil {
		t.Fatal(ok, err)
	}
	o.put("a", "1")
	closed := o.Scan(ctx, engine.Range{})
	closed.Close()
	closed.Close()
	for _, s := range []*engine.Scan{empty, closed} {
		if _, ok, err := s.Next(ctx); ok || err != nil {
			t.Errorf("Next after the end = %v, %v", ok, err)
		}
	}
}

// K23: what is undone while a scan stands in it is not seen.
func TestK23ScanAcrossAnUndo(t *testing.T) {
	o := newObject(t).auto()
	o.put("a", "1")
	o.put("c", "1")
	o.save("e", "1")
	next := func(s *engine.Scan, want string) {
		t.Helper()
		if e, _, err := s.Next(ctx); err != nil || e.Key != want {
			t.Errorf("Next = %q, %v; want %q", e.Key, err, want)
		}
	}
	for range 2 {
		scan := o.Scan(ctx, engine.Range{})
		_ = o.Transaction(ctx, func(ctx context.Context) error {
			o.put("b", "undone")
			o.put("c", "undone")
			if err := o.Exec(ctx, "CREATE TABLE t(x)"); err != nil { // SQLite ends statements older than its undoing
				t.Error(err)
			}
			next(scan, "a")
			return errDisk
		})
		next(scan, "c")
		o.put("d", "undone")
		if err := o.Exec(ctx, "CREATE TABLE t(x)"); err != nil {
			t.Error(err)
		}
		other := o.Scan(ctx, engine.Range{Lo: "d"})
		next(other, "d")
		next(scan, "d")
		if err := o.Rollback(); err != nil {
			t.Fatal(err)
		}
		next(scan, "e")
		next(other, "e")
		next(scan, "")
		next(other, "")
	}
	o.want("a", "1", "c", "1", "e", "1")
}
