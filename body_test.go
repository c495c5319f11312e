package do_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
)

// bodyFunc is a body whose Read is a function.
type bodyFunc func() (int, error)

func (f bodyFunc) Read([]byte) (int, error) { return f() }
func (bodyFunc) Close() error               { return nil }

// TestT17BodyEnd holds the end of a body that comes alone: it says that all went well.
func TestT17BodyEnd(t *testing.T) {
	for _, end := range []error{io.EOF, errBoom} {
		slow(t, func(t *testing.T, env *dotest.Runtime, stub *do.Stub, d *slowDisk) {
			res := fetchBody(t, env, stub, func(b *box) bodyFunc {
				return func() (int, error) {
					err := b.state.Run(context.Background(), func(ctx context.Context) error { _, err := b.Add(ctx, 1); return err })
					return 0, errors.Join(err, end)
				}
			})
			read := make(chan error, 1)
			go func() { _, err := res.Body.Read(make([]byte, 10)); read <- err }()
			synctest.Wait()
			if answered(read) {
				t.Errorf("the end %v left before the commit was durable", end)
			}
			d.free()
			wantErr(t, "Read", <-read, end)
			wantNil(t, res.Body.Close())
			wantTotal(t, stub, 2)
		})
	}
}

// TestT18BodyAfterAbort holds the reason of an Abort, which may tell of what was written
// before it, also where the reader of a body learns of it.
func TestT18BodyAfterAbort(t *testing.T) {
	slow(t, func(t *testing.T, env *dotest.Runtime, stub *do.Stub, d *slowDisk) {
		var state *do.State
		res := fetchBody(t, env, stub, func(b *box) bodyFunc {
			state = b.state
			return func() (int, error) { return 0, errors.New("it was asked") }
		})
		added := goAdd(t, stub, 1)
		synctest.Wait()
		state.Abort(context.Background(), errBoom)
		read := make(chan error, 1)
		go func() { _, err := res.Body.Read(make([]byte, 10)); read <- err }()
		synctest.Wait()
		if answered(read) {
			t.Error("the reason left before the commit was durable")
		}
		d.free()
		err := <-read
		wantErr(t, "Read", err, errBoom)
		wantErr(t, "Read", err, do.ErrReset)
		<-added
		wantNil(t, res.Body.Close())
		wantTotal(t, stub, 2)
	})
}

// fetchBody has a box answer with a body of the test's own.
func fetchBody(t *testing.T, env *dotest.Runtime, stub *do.Stub, body func(b *box) bodyFunc) *http.Response {
	t.Helper()
	wantNil(t, run(env, stub, func(_ context.Context, b *box) error {
		b.fetch = func(context.Context, *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Body: body(b)}, nil
		}
		return nil
	}))
	res, err := stub.Fetch(t.Context(), request(t, "/"))
	if err != nil {
		t.Fatal(err)
	}
	return res
}
