package conformance

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// folder writes an oracle folder with one scenario and, unless it is empty, its trace.
func folder(t *testing.T, scenario, trace string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"scenarios/a/b.json": scenario, "traces/a/b.json": trace} {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if text == "" {
			continue
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const (
	goodScenario = `{"topic":"t","seed":1,"cases":[{"name":"c","tags":["quirk"],"steps":[{"op":"wait","ms":1}]}]}`
	goodTrace    = `{"topic":"t","cases":[{"name":"c","results":[{"ok":true}]}]}`
)

func TestLoad(t *testing.T) {
	topics, err := Load(folder(t, goodScenario, goodTrace))
	if err != nil {
		t.Fatal(err)
	}
	if len(topics) != 1 || topics[0].Name != "t" || len(topics[0].Cases) != 1 || topics[0].Cases[0].Tags[0] != "quirk" {
		t.Errorf("Load = %+v", topics)
	}
	for _, x := range []struct{ name, scenario, trace string }{
		{"no scenario", "", goodTrace},
		{"no trace", goodScenario, ""},
		{"no JSON", goodScenario, `{`},
		{"another topic", goodScenario, strings.Replace(goodTrace, `"t"`, `"u"`, 1)},
		{"another case", goodScenario, strings.Replace(goodTrace, `"c"`, `"d"`, 1)},
		{"a result missing", goodScenario, strings.Replace(goodTrace, `{"ok":true}`, ``, 1)},
		{"a case missing", goodScenario, `{"topic":"t","cases":[]}`},
	} {
		if topics, err := Load(folder(t, x.scenario, x.trace)); err == nil {
			t.Errorf("%s: Load = %+v, want an error", x.name, topics)
		}
	}
}

// TestTestdata holds that what is in testdata is complete: a topic that is lost would look like one without differences.
func TestTestdata(t *testing.T) {
	topics, err := Load(filepath.Join("testdata", "oracle"))
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]int{}
	for _, topic := range topics {
		cases[topic.Name] = len(topic.Cases)
	}
	for name, n := range map[string]int{
		"ids": 36, "kv": 61, "kv-list": 65, "kv-sync": 15, "rpc": 17, "lifecycle": 42, "coalesce": 25, "txn": 42, "deleteAll": 17,
		"sql-basic": 71, "sql-deny": 331, "sql-limits": 21, "alarms": 53, "ws-hibernation": 53, "random": 20,
	} {
		if cases[name] < n {
			t.Errorf("%s has %d cases, want at least %d", name, cases[name], n)
		}
	}
}

// TestWrongTrace plays real cases against traces that are wrong by one result, in every mode.
func TestWrongTrace(t *testing.T) {
	steps := `[{"op":"turn","on":"o","ops":[{"op":"kv.put","key":"a","value":1},{"op":"kv.list"}]},
		{"op":"turn","on":"o","ops":[{"op":"kv.get","key":"a"},{"op":"throw","message":"x"}]},
		{"op":"turn","on":"o","ops":[{"op":"txn","body":[{"op":"kv.delete","key":"a"}],"end":"throw"},{"op":"kv.get","key":"a"}]}]`
	right := `[{"results":[{"ok":true},{"entries":[["a",1]]}]},{"error":"user_error","user":"x"},
		{"results":[{"error":"user_error","user":"boom","results":[{"value":true}]},{"value":1}]}]`
	for name, m := range Modes {
		t.Run(name, func(t *testing.T) {
			play := func(c *Case) []any { return m.Run(t, c) }
			if v := Judge(newCase(t, steps, right), play); v.Outcome != Equal {
				t.Fatalf("the right trace: %+v", v)
			}
			for _, x := range []struct{ old, wrong string }{
				{`["a",1]`, `["a",2]`},
				{`[["a",1]]`, `[]`},
				{`"user":"x"`, `"user":"y"`},
				{`user_error`, `object_reset`},
				{`{"value":true}`, `{"value":false}`},
				{`,{"value":1}`, `,{"missing":true}`},
			} {
				c := newCase(t, steps, strings.Replace(right, x.old, x.wrong, 1))
				if v := Judge(c, play); v.Outcome != Different || len(v.Diffs) != 1 {
					t.Errorf("%s for %s: %+v", x.wrong, x.old, v)
				}
			}
		})
	}
}

func TestForgetful(t *testing.T) {
	turn := func(ops string) string { return `[{"op":"turn","on":"o","ops":[` + ops + `]}]` }
	for _, x := range []struct {
		steps string
		want  bool
	}{
		{turn(`{"op":"kv.put"},{"op":"txn","body":[{"op":"sleep"}]}`), true},
		{turn(`{"op":"try","body":[{"op":"mem.get"}]}`), false},
		{turn(`{"op":"kvs.iter","iter":"i"},{"op":"kvs.next","iter":"i"}`), true},
		{turn(`{"op":"kvs.iter","iter":"j"},{"op":"kvs.next","iter":"i"}`), false},
		{turn(`{"op":"waitUntil","body":[]}`), false},
		{`[{"op":"rpc","method":"echo"}]`, true},
		{`[{"op":"rpc","method":"count"}]`, false},
		{`[{"op":"evict","on":"o"}]`, false},
		{`[{"op":"turn","addr":"id","ops":[{"op":"id.self"}]}]`, false},
		{`[{"op":"turn","addr":"id","ops":[{"op":"kv.get"}]}]`, true},
	} {
		if got := forgetful(newCase(t, x.steps, `[null]`)); got != x.want {
			t.Errorf("forgetful(%s) = %v", x.steps, got)
		}
	}
}
