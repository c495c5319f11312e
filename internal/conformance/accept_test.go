package conformance

import (
	"fmt"
	"strings"
	"testing"
)

// oneOp makes a case of one turn with one op, and its only difference.
func oneOp(t *testing.T, op, want, got string) Diff {
	t.Helper()
	wrap := func(result string) string { return fmt.Sprintf(`[{"results":[%s]}]`, result) }
	c := newCase(t, fmt.Sprintf(`[{"op":"turn","on":"o","ops":[%s]}]`, op), wrap(want))
	diffs := compare(c, gives(t, wrap(got))(c))
	if len(diffs) != 1 {
		t.Fatalf("%s: %d differences, want 1", op, len(diffs))
	}
	return diffs[0]
}

// TestAcceptedResults has, for each rule about single results, what it explains and what it must not.
func TestAcceptedResults(t *testing.T) {
	const invalid = `{"error":"invalid_argument"}`
	const ab = `{"entries":[["a",1],["b",2]]}`
	const none = `{"entries":[]}`
	for _, x := range []struct{ name, rule, op, want, got string }{
		{"limit 0", "V3", `{"op":"kv.list","limit":0}`, invalid, ab},
		{"limit 0 of nothing", "V3", `{"op":"kvs.list","limit":0}`, invalid, none},
		{"limit 0, other options ignored", "", `{"op":"kv.list","limit":0,"prefix":"b"}`, invalid, ab},
		{"limit 0, wrong order", "", `{"op":"kv.list","limit":0,"reverse":true}`, invalid, ab},
		{"limit 0, another error", "", `{"op":"kv.list","limit":0}`, invalid, `{"error":"internal"}`},
		{"limit 0, another error recorded", "", `{"op":"kv.list","limit":0}`, `{"error":"internal"}`, ab},
		{"negative limit", "", `{"op":"kv.list","limit":-1}`, invalid, ab},
		{"limit 0 opens a list", "V3", `{"op":"kvs.iter","iter":"i","limit":0}`, invalid, `{"ok":true}`},
		{"empty end", "V3", `{"op":"kv.list","end":""}`, none, ab},
		{"empty end and start", "V3", `{"op":"kv.list","end":"","start":"b"}`, none, `{"entries":[["b",2]]}`},
		{"empty end, start ignored", "", `{"op":"kv.list","end":"","start":"b"}`, none, ab},
		{"empty end, limit ignored", "", `{"op":"kv.list","end":"","limit":1}`, none, ab},
		{"end", "", `{"op":"kv.list","end":"a"}`, none, ab},
		{"after the empty key", "V3", `{"op":"kv.list","startAfter":""}`, ab, `{"entries":[["",0],["a",1],["b",2]]}`},
		{"after the empty key, reverse", "V3", `{"op":"kv.list","startAfter":"","reverse":true}`,
			`{"entries":[["b",2],["a",1]]}`, `{"entries":[["b",2],["a",1],["",0]]}`},
		{"after the empty key, limit", "V3", `{"op":"kv.list","startAfter":"","limit":2}`, ab, `{"entries":[["",0],["a",1]]}`},
		{"after the empty key, something missing", "", `{"op":"kv.list","startAfter":""}`, ab, `{"entries":[["",0],["a",1]]}`},
		{"after the empty key, another value", "", `{"op":"kv.list","startAfter":""}`, ab, `{"entries":[["",0],["a",1],["b",3]]}`},
		{"after the empty key, which is not there", "", `{"op":"kv.list","startAfter":""}`, ab, `{"entries":[["a",1]]}`},
		{"two starts, one empty", "V3", `{"op":"kv.list","start":"","startAfter":"a"}`, invalid, `{"entries":[["b",2]]}`},
		{"two starts", "", `{"op":"kv.list","start":"a","startAfter":"a"}`, invalid, ab},
		{"second list", "V5", `{"op":"kvs.next","iter":"i"}`, `{"error":"iterator_invalidated"}`, `{"entry":["a",1]}`},
		{"second list, at the end", "V5", `{"op":"kvs.next","iter":"i"}`, `{"error":"iterator_invalidated"}`, `{"done":true}`},
		{"list of an older turn", "V5", `{"op":"kvs.next","iter":"i"}`, `{"entry":["a",1]}`, `{"error":"outside_turn"}`},
		{"wrong entry", "", `{"op":"kvs.next","iter":"i"}`, `{"entry":["a",1]}`, `{"entry":["b",1]}`},
		{"ends too early", "", `{"op":"kvs.next","iter":"i"}`, `{"entry":["a",1]}`, `{"done":true}`},
		{"get outside a turn", "", `{"op":"kv.get","key":"i"}`, `{"value":1}`, `{"error":"outside_turn"}`},
		{"wait outside a transaction", "", `{"op":"sleep","ms":1}`, `{"ok":true}`, `{"error":"in_transaction"}`},
		{"DeleteAll inside", "", `{"op":"txn","body":[{"op":"deleteAll"}]}`,
			`{"ok":true,"results":[{"error":"delete_all_in_txn"}]}`, `{"ok":true,"results":[{"ok":true}]}`},
		{"wait inside", "V7", `{"op":"txn","body":[{"op":"sleep","ms":1}]}`,
			`{"ok":true,"results":[{"ok":true}]}`, `{"ok":true,"results":[{"error":"in_transaction"}]}`},
		{"put inside", "", `{"op":"txn","body":[{"op":"kv.put","key":"a","value":1}]}`,
			`{"ok":true,"results":[{"ok":true}]}`, `{"ok":true,"results":[{"error":"in_transaction"}]}`},
		{"call inside", "", `{"op":"txn","body":[{"op":"call","on":"p","turn":[]}]}`,
			`{"ok":true,"results":[{"results":[]}]}`, `{"ok":true,"results":[{"error":"in_transaction"}]}`},
		{"wrong value", "", `{"op":"kv.get","key":"a"}`, `{"value":1}`, `{"value":2}`},
		{"missing", "", `{"op":"kv.get","key":"a"}`, `{"value":1}`, `{"missing":true}`},
		{"no error", "", `{"op":"kv.put","key":"a","value":1}`, `{"error":"limit_exceeded"}`, `{"ok":true}`},
	} {
		t.Run(x.name, func(t *testing.T) {
			checkExplained(t, oneOp(t, x.op, x.want, x.got), x.rule)
		})
	}
}

// checkExplained wants the rule that explains a difference to be this one, "" for none.
func checkExplained(t *testing.T, d Diff, rule string) {
	t.Helper()
	reasons, left := explain(acceptList, []Diff{d})
	switch {
	case rule == "" && len(left) != 1:
		t.Errorf("%s explains %s", reasons, d)
	case rule != "" && (len(reasons) != 1 || !strings.HasPrefix(reasons[0], rule+":")):
		t.Errorf("%q explains, want %s: %s", reasons, rule, d)
	}
}

// TestAcceptedSteps is the same for rules that look at steps around the difference.
func TestAcceptedSteps(t *testing.T) {
	const self = `{"op":"turn","on":"o","ops":[{"op":"id.self"}]}`
	const parsedSelf = `{"op":"turn","on":"o","addr":"id","ops":[{"op":"id.self"}]}`
	named := func(name string) string { return `{"results":[{"id":"00","name":` + name + `}]}` }
	for _, x := range []struct{ name, rule, steps, want, got string }{
		{"a property", "V2", `[{"op":"rpc","on":"o","method":"p","read":true}]`, `[{"value":42}]`, `[{"error":"rpc_no_method"}]`},
		{"a value called", "V2", `[{"op":"rpc","on":"o","method":"p"}]`, `[{"error":"rpc_not_function"}]`, `[{"error":"rpc_no_method"}]`},
		{"an inherited method", "V2", `[{"op":"rpc","on":"o","method":"toString"}]`, `[{"value":"x"}]`, `[{"error":"rpc_no_method"}]`},
		{"a method missing", "", `[{"op":"rpc","on":"o","method":"p"}]`, `[{"value":42}]`, `[{"error":"rpc_no_method"}]`},
		{"empty name inside", "V3", `[{"op":"turn","addr":"exact","name":"","ops":[{"op":"id.self"}]}]`, `[` + named(`""`) + `]`, `[` + named(`null`) + `]`},
		{"empty name of a stub", "V3", `[{"op":"id.stub","addr":"exact","name":""}]`, `[{"id":"00","name":""}]`, `[{"id":"00","name":null}]`},
		{"another id", "", `[{"op":"id.stub","addr":"exact","name":""}]`, `[{"id":"00","name":""}]`, `[{"id":"01","name":null}]`},
		{"name lost", "", `[` + self + `]`, `[` + named(`"t/c/o"`) + `]`, `[` + named(`null`) + `]`},
		{"name learned", "V19", `[{"op":"evict","on":"o"},` + self + `]`, `[{"ok":true},` + named(`null`) + `]`, `[{"ok":true},` + named(`"t/c/o"`) + `]`},
		{"name learned by a restart", "V19", `[{"op":"restart"},` + self + `]`, `[{"ok":true},` + named(`null`) + `]`, `[{"ok":true},` + named(`"t/c/o"`) + `]`},
		{"name learned by the first instance", "", `[` + self + `]`, `[` + named(`null`) + `]`, `[` + named(`"t/c/o"`) + `]`},
		{"another object's name", "", `[{"op":"evict","on":"o"},` + self + `]`, `[{"ok":true},` + named(`null`) + `]`, `[{"ok":true},` + named(`"t/c/p"`) + `]`},
		{"another object evicted", "", `[{"op":"evict","on":"p"},` + self + `]`, `[{"ok":true},` + named(`null`) + `]`, `[{"ok":true},` + named(`"t/c/o"`) + `]`},
		{"name of an object without data", "V6", `[{"op":"evict","on":"o"},` + parsedSelf + `]`, `[{"ok":true},` + named(`"t/c/o"`) + `]`, `[{"ok":true},` + named(`null`) + `]`},
		{"name of an object with data", "", `[{"op":"turn","on":"o","ops":[{"op":"kv.put"}]},{"op":"restart"},` + parsedSelf + `]`,
			`[{"ok":true},{"ok":true},` + named(`"t/c/o"`) + `]`, `[{"ok":true},{"ok":true},` + named(`null`) + `]`},
		{"name lost by the first instance", "", `[` + parsedSelf + `]`, `[` + named(`"t/c/o"`) + `]`, `[` + named(`null`) + `]`},
		{"next of an iterator opened in this turn", "", `[{"op":"turn","on":"o","ops":[{"op":"kvs.iter","iter":"i"},{"op":"kvs.next","iter":"i"}]}]`,
			`[{"results":[{"ok":true},{"entry":["a",1]}]}]`, `[{"results":[{"ok":true},{"error":"outside_turn"}]}]`},
		{"no reset", "", `[{"op":"turn","on":"o","ops":[{"op":"abort"}]}]`, `[{"error":"object_reset"}]`, `[{"results":[{"ok":true}]}]`},
		{"not equal ids", "", `[{"op":"id.equal"}]`, `[{"value":true}]`, `[{"value":false}]`},
	} {
		t.Run(x.name, func(t *testing.T) {
			c := newCase(t, x.steps, x.want)
			diffs := compare(c, gives(t, x.got)(c))
			if len(diffs) != 1 {
				t.Fatalf("%d differences, want 1", len(diffs))
			}
			checkExplained(t, diffs[0], x.rule)
		})
	}
}

// TestSkippedCases has what is not even run.
func TestSkippedCases(t *testing.T) {
	turn := func(ops string) string { return `[{"op":"turn","on":"o","ops":[` + ops + `]}]` }
	for _, x := range []struct{ name, rule, steps string }{
		{"no handlers", "", `[{"op":"program","on":"o","handlers":{}}]`},
		{"undefined", "V2", turn(`{"op":"kv.put","key":"k","value":[{"a":{"$undefined":true}}]}`)},
		{"undefined as an argument", "V2", `[{"op":"rpc","on":"o","method":"echo","args":[{"$undefined":true}]}]`},
		{"transaction object after its end", "V7", turn(`{"op":"txn","as":"t"},{"op":"kv.get","key":"a","via":"t"}`)},
		{"transaction object inside", "", turn(`{"op":"txn","as":"t","body":[{"op":"txn","body":[{"op":"kv.get","key":"a","via":"t"}]}]}`)},
		{"storage inside", "", turn(`{"op":"txn","body":[{"op":"kv.get","key":"a","via":"storage"}]}`)},
		{"outer one rolled back", "V7", turn(`{"op":"txn","as":"t","body":[{"op":"txn","body":[{"op":"txn.rollback","via":"t"}]}]}`)},
		{"ops after a rollback", "V7", turn(`{"op":"txn","body":[{"op":"txn.rollback"},{"op":"kv.get","key":"a"}]}`)},
		{"rollback at the end", "", turn(`{"op":"txn","body":[{"op":"kv.get","key":"a"},{"op":"txn.rollback"},{"op":"txn.rollback"}]}`)},
		{"a call from inside", "V7", turn(`{"op":"txn","body":[{"op":"try","body":[{"op":"call","on":"p"}]}]}`)},
		{"a call before", "", turn(`{"op":"call","on":"p","turn":[]},{"op":"txn","body":[]}`)},
		{"65 savepoints", "T23", turn(strings.Repeat(`{"op":"txnSync","body":[`, 65) + strings.Repeat(`]}`, 65))},
		{"64 savepoints", "", turn(strings.Repeat(`{"op":"txnSync","body":[`, 64) + strings.Repeat(`]}`, 64))},
		{"ops after a transaction that was rolled back", "", turn(`{"op":"txn","body":[{"op":"txn.rollback"}]},{"op":"kv.list"}`)},
	} {
		t.Run(x.name, func(t *testing.T) {
			c := newCase(t, x.steps, `[null]`)
			v := Judge(c, gives(t, `[null]`))
			switch {
			case x.rule == "" && v.Outcome != Equal:
				t.Errorf("skipped by %q", v.Reasons)
			case x.rule != "" && (v.Outcome != Skipped || !strings.HasPrefix(v.Reasons[0], x.rule+":")):
				t.Errorf("verdict %+v, want skipped by %s", v, x.rule)
			}
		})
	}
}
