package peer_test

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/durablego/do/internal/doerr"
	"github.com/durablego/do/internal/peer"
)

// TestB11Kinds has every error that layers share cross, alone and wrapped, with its text.
func TestB11Kinds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var give error
		c := serve(t, object{call: func(context.Context, *peer.Request, []byte) ([]byte, *peer.Failure) { return nil, peer.Describe(give) }})
		for name, kind := range peer.Kinds {
			for _, give = range []error{kind, fmt.Errorf("around: %w", kind)} {
				_, err := c.Call(t.Context(), callRequest(), nil)
				if !errors.Is(err, kind) || err.Error() != give.Error() {
					t.Errorf("%s: %v, want %v", name, err, give)
				}
			}
		}
		give = errors.New(strings.Repeat("long", 100_000))
		_, err := c.Call(t.Context(), callRequest(), nil)
		if len(err.Error()) > 20_000 || !strings.HasPrefix(err.Error(), "longlong") {
			t.Errorf("a long text comes as %d bytes", len(err.Error()))
		}
		for _, kind := range peer.Kinds {
			if errors.Is(err, kind) {
				t.Errorf("an error of the handler's own is %v", kind)
			}
		}
	})
}

// TestB11Complete finds every sentinel of doerr in the table of kinds.
func TestB11Complete(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../doerr/doerr.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	sentinels := 0
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && strings.HasPrefix(spec.Names[0].Name, "Err") {
			sentinels++
		}
		return true
	})
	known := 0
	for _, kind := range peer.Kinds {
		switch kind {
		case errors.ErrUnsupported, context.Canceled, context.DeadlineExceeded: // not of doerr
		default:
			known++
		}
	}
	if sentinels == 0 || known != sentinels {
		t.Errorf("%d kinds are errors of package doerr, which has %d", known, sentinels)
	}
	if peer.Kinds["peer-lost"] != doerr.ErrPeerLost {
		t.Error("a name stands for another error")
	}
}
