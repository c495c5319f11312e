package counter

import (
	"testing"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
)

func TestCounter(t *testing.T) {
	env := dotest.New(t, dotest.Options{Runtime: do.Options{Scripts: []*do.Script{Script()}}})
	for _, want := range []int{2, 4} {
		total, err := do.Call(t.Context(), env.Namespace("COUNTER").GetByName("x"), (*Counter).Add, 2)
		if err != nil || total != want {
			t.Errorf("Add(2) = %d, %v, want %d", total, err, want)
		}
		env.Crash()
	}
}
