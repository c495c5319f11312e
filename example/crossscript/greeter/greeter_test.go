package greeter

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
)

// fake stands in for the counters of script "host": it has the method that is called.
type fake struct{}

func (fake) Add(context.Context, int) (int, error) { return 42, nil }

func (fake) Fetch(context.Context, *http.Request) (*http.Response, error) {
	return do.Text(http.StatusOK, ""), nil
}

func TestGreeterWithoutCounters(t *testing.T) {
	host := do.NewScript("host")
	do.RegisterIn(host, do.Class[fake]{Binding: "FAKE", NamespaceID: "shared-counter",
		New: func(context.Context, *do.State, *do.Env) (fake, error) { return fake{}, nil }})
	env := dotest.New(t, dotest.Options{Runtime: do.Options{Scripts: []*do.Script{Script(), host}}, Handler: Handler})
	res := env.Fetch(httptest.NewRequest("GET", "http://example/ann", nil))
	if body, err := io.ReadAll(res.Body); err != nil || string(body) != "hello ann, this is greeting 42\n" {
		t.Errorf("GET /ann = %q, %v", body, err)
	}
}
