package do_test

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
)

// FuzzIDs: a text is an id of the namespace, with 64 hex digits and its mac, or one of two errors (I7); a stub of whatever it is says the
// same before anything is queued (I15), and an id survives its own text.
func FuzzIDs(f *testing.F) {
	env := dotest.New(f, dotest.Options{Runtime: boxes(class(nil))})
	ns := env.Namespace("BOX")
	own := ns.IDFromName("x").String()
	for _, s := range []string{
		"", own, strings.ToUpper(own), own[:63], own + "0", own[:63] + "g", " " + own[1:], strings.Repeat("0", 64),
		own[:32] + strings.Repeat("f", 32), "0x" + own[2:], own[:62] + "é", strings.Repeat("\x00", 64), own[:63] + "\n",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		raw, err := hex.DecodeString(s)
		isID := err == nil && len(raw) == 32
		var read do.ID
		switch err := read.UnmarshalText([]byte(s)); {
		case (err == nil) != (isID || s == "") || err != nil && !errors.Is(err, do.ErrInvalidID):
			t.Fatalf("UnmarshalText(%q) = %v", s, err)
		case isID && read.String() != strings.ToLower(s) && !read.IsZero():
			t.Fatalf("UnmarshalText(%q) reads %v", s, read)
		}
		id, err := ns.IDFromString(s)
		switch {
		case !isID:
			if !errors.Is(err, do.ErrInvalidID) || !id.IsZero() {
				t.Fatalf("IDFromString(%q) = %v, %v, want ErrInvalidID", s, id, err)
			}
			return
		case err != nil:
			if !errors.Is(err, do.ErrForeignID) || !id.IsZero() {
				t.Fatalf("IDFromString(%q) = %v, %v, want ErrForeignID", s, id, err)
			}
			want := do.ErrForeignID
			if read.IsZero() {
				want = do.ErrInvalidID
			}
			if _, err := do.Call0(t.Context(), ns.Get(read), (*box).Total); !errors.Is(err, want) {
				t.Fatalf("a call of %q = %v, want %v", s, err, want)
			}
			return
		}
		text, err := id.MarshalText()
		if err != nil || string(text) != strings.ToLower(s) || id.String() != string(text) || id.Name() != "" || !id.Equal(read) {
			t.Fatalf("IDFromString(%q) = %v, %q; text %q, %v", s, id, id.Name(), text, err)
		}
	})
}
