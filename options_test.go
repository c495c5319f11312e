package do_test

import (
	"context"
	"testing"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
)

// TestN5SmallerThanAPage: a limit below the size of a page is one still.
func TestN5SmallerThanAPage(t *testing.T) {
	o := boxes(class(nil))
	o.MaxObjectBytes = 4095
	env := dotest.New(t, dotest.Options{Runtime: o})
	wantErr(t, "Put", run(env, named(env, "x"), func(ctx context.Context, b *box) error {
		return b.state.KV().Put(ctx, "k", make([]byte, 1<<20))
	}), do.ErrReset)
}
