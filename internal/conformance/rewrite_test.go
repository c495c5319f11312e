package conformance

import (
	"encoding/json"
	"strings"
	"testing"
)

// whole gives steps as JSON, uncut.
func whole(steps []Node) string {
	text, err := json.Marshal(steps)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// script plays a case by a function of its JSON, so that a test can answer differently to a rewritten one.
func script(t *testing.T, answer func(steps string) string) func(*Case) []any {
	t.Helper()
	return func(c *Case) []any { return gives(t, answer(whole(c.Steps)))(c) }
}

// TestPoisonedStub (V1): calls that the reference refused are left out; everything else has to be equal then.
func TestPoisonedStub(t *testing.T) {
	const steps = `[{"op":"stub","on":"o","order":"serial","calls":[{"ops":[{"op":"abort","message":"x"}]},
		{"ops":[{"op":"mem.incr"}]},{"fresh":true,"ops":[{"op":"mem.incr"}]}]}]`
	const want = `[{"calls":[{"error":"object_reset","user":"x"},{"error":"object_reset","user":"x"},{"results":[{"value":1}]}]}]`
	const ours = `[{"calls":[{"error":"object_reset","user":"x"},{"results":[{"value":1}]},{"results":[{"value":2}]}]}]`
	for _, x := range []struct {
		name, first, without string
		outcome              Outcome
	}{
		{"as it should be", ours, `[{"calls":[{"error":"object_reset","user":"x"},{"results":[{"value":1}]}]}]`, Accepted},
		{"wrong without the refused call", ours, `[{"calls":[{"error":"object_reset","user":"x"},{"results":[{"value":2}]}]}]`, Different},
		{"reset for another reason", `[{"calls":[{"error":"object_reset","user":"x"},{"error":"object_reset","user":"y"},{"results":[{"value":1}]}]}]`, ``, Different},
		{"not reset", `[{"calls":[{"results":[{"ok":true}]},{"results":[{"value":1}]},{"results":[{"value":2}]}]}]`,
			`[{"calls":[{"results":[{"ok":true}]},{"results":[{"value":1}]}]}]`, Different},
	} {
		t.Run(x.name, func(t *testing.T) {
			played := 0
			v := Judge(newCase(t, steps, want), script(t, func(steps string) string {
				played++
				if strings.Count(steps, "mem.incr") == 2 {
					return x.first
				}
				if x.without == "" {
					t.Errorf("rewritten to %s", steps)
				}
				return x.without
			}))
			if v.Outcome != x.outcome {
				t.Errorf("outcome %d, want %d: %+v", v.Outcome, x.outcome, v)
			}
			if x.outcome == Accepted && (played != 2 || len(v.Reasons) != 1 || !strings.HasPrefix(v.Reasons[0], "V1:")) {
				t.Errorf("played %d times, reasons %q", played, v.Reasons)
			}
		})
	}
}

// TestCommitsOfTheReference (V6, V7, T25): in turns that were cut off, commits that the reference made are asked for.
func TestCommitsOfTheReference(t *testing.T) {
	const list = `{"op":"turn","on":"o","ops":[{"op":"kv.list"}]}`
	for _, x := range []struct{ name, rule, ops, rewritten string }{
		{"transaction", "V7", `{"op":"txn","body":[{"op":"kv.put"}]},{"op":"abort"}`,
			`{"op":"sync"},{"body":[{"op":"kv.put"}],"op":"txn"},{"op":"sync"},{"op":"abort"}`},
		{"nested transaction", "V7", `{"op":"try","body":[{"op":"txn","body":[{"op":"txn"}]}]}`,
			`{"body":[{"op":"sync"},{"body":[{"op":"txn"}],"op":"txn"},{"op":"sync"}],"op":"try"}`},
		{"savepoint", "", `{"op":"txnSync","body":[]},{"op":"abort"}`, ``},
		{"blocked section", "T25", `{"op":"blockConcurrencyWhile","body":[{"op":"kv.put"}]},{"op":"abort"}`,
			`{"body":[{"op":"kv.put"}],"op":"blockConcurrencyWhile"},{"op":"sync"},{"op":"abort"}`},
		{"DeleteAll", "V6", `{"op":"deleteAll"},{"op":"abort"}`, `{"op":"deleteAll"},{"op":"sync"},{"op":"abort"}`},
		{"nothing of the kind", "", `{"op":"kv.put"},{"op":"abort"}`, ``},
	} {
		t.Run(x.name, func(t *testing.T) {
			c := newCase(t, `[{"op":"turn","on":"o","ops":[`+x.ops+`]},`+list+`]`,
				`[{"error":"object_reset"},{"results":[{"entries":[["a",1]]}]}]`)
			v := Judge(c, script(t, func(steps string) string {
				if strings.Contains(steps, "sync") {
					if !strings.Contains(steps, x.rewritten) {
						t.Errorf("rewritten to %s", steps)
					}
					return `[{"error":"object_reset"},{"results":[{"entries":[["a",1]]}]}]`
				}
				return `[{"error":"object_reset"},{"results":[{"entries":[]}]}]`
			}))
			switch {
			case x.rule == "" && v.Outcome != Different:
				t.Errorf("accepted: %q", v.Reasons)
			case x.rule != "" && (v.Outcome != Accepted || !strings.HasPrefix(v.Reasons[0], x.rule+":")):
				t.Errorf("verdict %+v, want accepted by %s", v, x.rule)
			}
		})
	}
	// A turn that was not cut off lost nothing: there is no excuse.
	c := newCase(t, `[{"op":"turn","on":"o","ops":[{"op":"txn"}]},`+list+`]`, `[{"results":[{"ok":true,"results":[]}]},{"results":[{"entries":[["a",1]]}]}]`)
	v := Judge(c, gives(t, `[{"results":[{"ok":true,"results":[]}]},{"results":[{"entries":[]}]}]`))
	if v.Outcome != Different {
		t.Errorf("lost writes of a transaction without a reset: %+v", v)
	}
}

// TestVisibleDeadlock (V10): a sleep in the place of the call runs into the time limit as the reference did.
func TestVisibleDeadlock(t *testing.T) {
	const steps = `[{"op":"turn","on":"o","ops":[{"op":"call","on":"o","turn":[]},{"op":"blockConcurrencyWhile","body":[{"op":"call","on":"o","turn":[]}]}]},
		{"op":"turn","on":"o","ops":[{"op":"mem.instance"}]}]`
	const want = `[{"error":"object_reset","why":"timeout"},{"results":[{"value":2}]}]`
	for _, x := range []struct {
		name, first, with string
		outcome           Outcome
	}{
		{"as it should be", `[{"results":[{"ok":true},{"ok":true,"results":[{"error":"deadlock"}]}]},{"results":[{"value":1}]}]`, want, Accepted},
		{"no time limit", `[{"results":[{"ok":true},{"ok":true,"results":[{"error":"deadlock"}]}]},{"results":[{"value":1}]}]`,
			`[{"results":[{"ok":true},{"ok":true,"results":[{"ok":true}]}]},{"results":[{"value":1}]}]`, Different},
		{"no deadlock", `[{"results":[{"ok":true},{"ok":true,"results":[{"ok":true}]}]},{"results":[{"value":1}]}]`, want, Different},
	} {
		t.Run(x.name, func(t *testing.T) {
			v := Judge(newCase(t, steps, want), script(t, func(steps string) string {
				if strings.Count(steps, "sleep") == 1 && strings.Count(steps, `"call"`) == 1 {
					return x.with
				}
				return x.first
			}))
			if v.Outcome != x.outcome {
				t.Errorf("outcome %d, want %d: %+v", v.Outcome, x.outcome, v)
			}
		})
	}
}

// TestRewriteReaches goes through the steps that hold turns.
func TestRewriteReaches(t *testing.T) {
	const lostOp = `{"op":"deleteAll"}`
	const reset = `{"error":"object_reset"}`
	for _, x := range []struct{ name, steps, want string }{
		{"call", `[{"op":"turn","on":"o","ops":[{"op":"try","body":[{"op":"call","on":"p","turn":[` + lostOp + `]}]}]}]`,
			`[{"results":[{"ok":true,"results":[` + reset + `]}]}]`},
		{"stub", `[{"op":"stub","on":"o","calls":[{"ops":[` + lostOp + `]}]}]`, `[{"calls":[` + reset + `]}]`},
		{"parallel", `[{"op":"parallel","steps":[{"op":"turn","ops":[` + lostOp + `]}]}]`, `[{"results":[` + reset + `]}]`},
		{"start", `[{"op":"start","as":"p","step":{"op":"turn","ops":[` + lostOp + `]}},{"op":"await","as":"p"}]`, `[{"ok":true},` + reset + `]`},
		{"constructor", `[{"op":"program","on":"o","handlers":{"construct":{"block":[` + lostOp + `]}}},{"op":"turn","on":"o","ops":[]}]`, `[{"ok":true},` + reset + `]`},
		{"kill", `[{"op":"start","as":"p","step":{"op":"turn","ops":[` + lostOp + `]}},{"op":"await","as":"p"}]`, `[{"ok":true},{"error":"disconnected"}]`},
	} {
		c := newCase(t, x.steps, x.want)
		before := whole(c.Steps)
		d := inLostTurns(syncAfterDeleteAll)(c, nil)
		if d == nil || !d.any(func(n Node) bool { return n.kind() == "sync" }) {
			t.Errorf("%s: not rewritten", x.name)
		}
		if whole(c.Steps) != before {
			t.Errorf("%s: the case itself was changed", x.name)
		}
	}
}
