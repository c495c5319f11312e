package catalog_test

import (
	"testing"

	"github.com/durablego/do/internal/catalog"
)

// FuzzIdentity reads copies of identities: what can be read is what was written.
func FuzzIdentity(f *testing.F) {
	n := catalog.Namespace{Environment: "p", Script: "main", StableID: "a\n\xff", Class: "X", Binding: "B", UniqueKey: "k"}
	f.Add(n.Text())
	f.Add("durable objects namespace 1\nkey \"\n")
	f.Fuzz(func(t *testing.T, text string) {
		if n, ok := catalog.ParseIdentity(text); ok {
			if again, ok := catalog.ParseIdentity(n.Text()); !ok || again != n {
				t.Errorf("%q is read as %+v, and that, written, as %+v, %v", text, n, again, ok)
			}
		}
	})
}

// FuzzUniqueKey makes keys of any names (I17, P29): each can be read back, and is no path.
func FuzzUniqueKey(f *testing.F) {
	f.Add("", "main", "COUNTER")
	f.Add("p", "a.b~2", "../%41\x00")
	f.Fuzz(func(t *testing.T, environment, script, id string) {
		key := catalog.UniqueKey(environment, script, id)
		n, ok := catalog.ParseKey(key)
		want := catalog.Namespace{Environment: environment, Script: script, StableID: id, UniqueKey: key}
		if script != "" && id != "" && (!ok || n != want) {
			t.Errorf("%q is read as %+v, %v, want %+v", key, n, ok, want)
		}
		for _, c := range []byte(key) {
			if c == '/' || c == '\\' || c == 0 || c == ':' {
				t.Errorf("the key %q is no name of a folder", key)
			}
		}
	})
}
