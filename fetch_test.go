package do_test

import (
	"bytes"
	"context"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/durablego/do"
)

// TestF1FormFiles removes the temporary files of a form that the object has parsed, also if
// it was reset, and leaves those of a form that the caller has.
func TestF1FormFiles(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"TMPDIR", "TMP", "TEMP"} {
		t.Setenv(name, dir)
	}
	env := newBoxes(t)
	stub := named(env, "x")
	form := func() *http.Request {
		var b bytes.Buffer
		w := multipart.NewWriter(&b)
		f, err := w.CreateFormFile("f", "f.txt")
		wantNil(t, err)
		_, err = io.WriteString(f, strings.Repeat("x", 1000))
		wantNil(t, err)
		wantNil(t, w.Close())
		r := request(t, "/")
		r.Method, r.Body = "POST", io.NopCloser(&b)
		r.Header.Set("Content-Type", w.FormDataContentType())
		return r
	}
	files := func() int {
		entries, err := os.ReadDir(dir)
		wantNil(t, err)
		n := 0
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), "multipart-") {
				n++
			}
		}
		return n
	}
	r := form()
	wantNil(t, r.ParseMultipartForm(1))
	_, err := stub.Fetch(t.Context(), r)
	wantNil(t, err)
	if n := files(); n != 1 {
		t.Errorf("%d files of the caller's form are left, want 1", n)
	}
	wantNil(t, r.MultipartForm.RemoveAll())
	for _, fail := range []bool{false, true} {
		wantNil(t, run(env, stub, func(_ context.Context, b *box) error {
			b.fetch = func(_ context.Context, r *http.Request) (*http.Response, error) {
				wantNil(t, r.ParseMultipartForm(1)) // byte in memory
				if n := files(); n != 1 {
					t.Errorf("%d temporary files, want 1", n)
				}
				if fail {
					panic(errBoom)
				}
				return do.Text(200, "ok"), nil
			}
			return nil
		}))
		_, err := stub.Fetch(t.Context(), form())
		if is(err, do.ErrReset) != fail {
			t.Errorf("Fetch = %v", err)
		}
		if n := files(); n != 0 {
			t.Errorf("%d temporary files stay of the object's form, after a panic: %v", n, fail)
		}
	}
}
