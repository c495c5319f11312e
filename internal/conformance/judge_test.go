package conformance

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// newCase makes a case from the JSON of its steps and of their recorded results.
func newCase(t *testing.T, steps, want string, tags ...string) *Case {
	t.Helper()
	c := &Case{Topic: "t", Name: "c", Tags: tags}
	if err := json.Unmarshal([]byte(steps), &c.Steps); err != nil {
		t.Fatalf("%s: %v", steps, err)
	}
	c.Want, _ = fromJSON(t, want).([]any)
	if len(c.Want) != len(c.Steps) {
		t.Fatalf("%d steps, %d results", len(c.Steps), len(c.Want))
	}
	return c
}

// gives plays every case the same: with these results.
func gives(t *testing.T, got string) func(*Case) []any {
	t.Helper()
	results, _ := fromJSON(t, got).([]any)
	return func(*Case) []any { return results }
}

// TestMutatedTraces changes each recorded result in testdata a little and wants each change to be found, with the recorded one as what
// was got. Tags and rewrites are left out: they forgive by design.
func TestMutatedTraces(t *testing.T) {
	topics, err := Load(filepath.Join("testdata", "oracle"))
	if err != nil {
		t.Fatal(err)
	}
	var mutated, missed int
	for _, topic := range topics {
		for _, c := range topic.Cases {
			if len(c.Tags) > 0 || usesTransactionObject(c) || usesUndefined(c) {
				continue
			}
			for i := range c.Want {
				for _, wrong := range mutations(c.Want[i]) {
					d := *c
					d.Steps, d.Want = c.Steps[i:i+1], []any{wrong}
					mutated++
					reasons, left := explain(acceptList, compare(&d, c.Want[i:i+1]))
					if len(left) == 0 {
						missed++
						t.Errorf("%s/%s step %d: %s recorded as %s is not reported: %v", c.Topic, c.Name, i, show(c.Want[i]), show(wrong), reasons)
					}
				}
			}
		}
	}
	if mutated < 5000 {
		t.Errorf("only %d mutations", mutated)
	}
	t.Logf("%d of %d wrong results found", mutated-missed, mutated)
}

// mutations gives wrong variants of a result: each leaf changed, each element and member dropped.
func mutations(v any) []any {
	var out []any
	switch v := v.(type) {
	case []any:
		for i := range v {
			out = append(out, slices.Concat(v[:i], v[i+1:]))
			for _, m := range mutations(v[i]) {
				changed := slices.Clone(v)
				changed[i] = m
				out = append(out, changed)
			}
		}
	case map[string]any:
		for name := range v {
			dropped, changed := map[string]any{}, map[string]any{}
			for other, x := range v {
				if other != name {
					dropped[other], changed[other] = x, x
				}
			}
			out = append(out, dropped)
			for _, m := range mutations(v[name]) {
				one := map[string]any{name: m}
				for other, x := range changed {
					one[other] = x
				}
				out = append(out, one)
			}
		}
	case string:
		out = append(out, v+"x")
	case float64:
		out = append(out, -v-1)
	case bool:
		out = append(out, !v)
	case nil:
		out = append(out, false)
	}
	return out
}

func TestCompareFindsThePlace(t *testing.T) {
	c := newCase(t, `[
		{"op":"turn","on":"o","ops":[{"op":"kv.put","key":"a","value":1},{"op":"txn","body":[{"op":"kv.get","key":"a"},{"op":"kv.list"}]},{"op":"throw"}]},
		{"op":"stub","on":"o","calls":[{"ops":[{"op":"mem.get"}]},{"ops":[{"op":"mem.get"},{"op":"mem.incr"}]}]},
		{"op":"start","as":"p","step":{"op":"turn","on":"o","ops":[{"op":"mem.get"}]}},
		{"op":"await","as":"p"}]`,
		`[{"results":[{"ok":true},{"ok":true,"results":[{"value":1},{"entries":[]}]}]},
		  {"calls":[{"results":[{"value":1}]},{"results":[{"value":1},{"value":2}]}]},
		  {"ok":true},
		  {"results":[{"value":1}]}]`)
	got := gives(t, `[{"results":[{"ok":true},{"ok":true,"results":[{"value":1},{"entries":[["a",1]]}]}]},
		  {"calls":[{"results":[{"value":1}]},{"results":[{"value":1},{"value":3}]}]},
		  {"ok":true},
		  {"results":[{"value":2}]}]`)(c)
	var places []string
	for _, d := range compare(c, got) {
		places = append(places, d.Path+" "+d.At.kind())
	}
	want := []string{"step 0 ops 1 body 1 kv.list", "step 1 calls 1 ops 1 mem.incr", "step 3 started ops 0 mem.get"}
	if !slices.Equal(places, want) {
		t.Errorf("places %q, want %q", places, want)
	}
	if diffs := compare(c, got[:1]); len(diffs) != 4 {
		t.Errorf("%d differences with missing results, want 4", len(diffs))
	}
}

func TestJudgeOrder(t *testing.T) {
	steps := `[{"op":"turn","on":"o","ops":[{"op":"kv.get","key":"a"}]}]`
	wrong := gives(t, `[{"results":[{"value":2}]}]`)
	want := `[{"results":[{"value":1}]}]`
	if v := Judge(newCase(t, steps, want), gives(t, want)); v.Outcome != Equal || v.Reasons != nil {
		t.Errorf("equal results: %+v", v)
	}
	if v := Judge(newCase(t, steps, want), wrong); v.Outcome != Different || len(v.Diffs) != 1 {
		t.Errorf("wrong result: %+v", v)
	}
	v := Judge(newCase(t, steps, want, "quirk"), wrong)
	if v.Outcome != Skipped || len(v.Reasons) != 1 || !strings.HasPrefix(v.Reasons[0], "tag quirk") {
		t.Errorf("wrong result in a quirk: %+v", v)
	}
	if v := Judge(newCase(t, steps, want, "unheard-of"), wrong); v.Outcome != Different {
		t.Errorf("a tag that is not in the list: %+v", v)
	}
}

// TestTally holds the line that other tools read.
func TestTally(t *testing.T) {
	tally := Tally{Topic: "kv-list"}
	for range 3 {
		tally.add(Verdict{Outcome: Equal})
	}
	tally.add(Verdict{Outcome: Different})
	tally.add(Verdict{Outcome: Accepted, Reasons: []string{"V3: why", "V5: why"}})
	tally.add(Verdict{Outcome: Accepted, Reasons: []string{"V3: why"}})
	tally.add(Verdict{Outcome: Skipped, Reasons: []string{"needs: why"}})
	var b strings.Builder
	if err := tally.report(&b); err != nil {
		t.Fatal(err)
	}
	if got, want := b.String(), "kv-list equal 5 different 1 skipped 1\n"+
		"    2 with results explained by V3: why\n    1 with results explained by V5: why\n    skipped 1: needs: why\n"; got != want {
		t.Errorf("report %q, want %q", got, want)
	}
}

func TestWorseMode(t *testing.T) {
	d := Verdict{Outcome: Different, Diffs: []Diff{{Path: "step 1"}}}
	v := Verdict{}.worse(Verdict{Outcome: Equal}, "memory").worse(d, "disk")
	if v.Outcome != Different || len(v.Diffs) != 1 || v.Diffs[0].Path != "[disk] step 1" {
		t.Errorf("equal in memory, different on disk: %+v", v)
	}
}
