package peer_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"reflect"
	"strings"
	"testing"

	"github.com/durablego/do/internal/doerr"
	"github.com/durablego/do/internal/peer"
)

// FuzzEnvelope reads envelopes from any headers (B3): what is taken is written the same way
// again, or at least means the same; what is signed by nobody reaches nothing.
func FuzzEnvelope(f *testing.F) {
	for _, q := range []peer.Request{ask(), callRequest(), {Op: peer.OpConnect, Timeout: 1e9}} {
		r, _ := peer.Sealed(secret, q, original(), nil, 0)
		var b bytes.Buffer
		if err := r.Header.Write(&b); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
		f.Add(bytes.ReplaceAll(b.Bytes(), []byte("%"), []byte("%zz")))
	}
	f.Add([]byte("Do-Version: 1\r\n\r\n"))
	s := newStage()
	f.Fuzz(func(t *testing.T, text []byte) {
		h, err := textproto.NewReader(bufio.NewReader(bytes.NewReader(append(text, "\r\n\r\n"...)))).ReadMIMEHeader()
		if err != nil {
			return
		}
		before := s.reached
		r := &http.Request{Method: http.MethodPost, Header: http.Header(h)}
		if status := s.send(r, nil); status != http.StatusUnauthorized || s.reached != before {
			t.Fatalf("unsigned: status %d", status)
		}
		written, q, err := peer.Reread(r.Header)
		if err != nil {
			return
		}
		again := http.Header{"Do-Signature": {strings.Repeat("00", 32)}}
		for i, name := range peer.Fields {
			again[name] = []string{written[i]}
		}
		rewritten, q2, err := peer.Reread(again)
		if err != nil || !reflect.DeepEqual(written, rewritten) || q != q2 {
			t.Errorf("%+v is read as %+v from what was written of it, %v", q, q2, err)
		}
	})
}

// FuzzBody gives the host any body, well signed: no panic, and no status but these.
func FuzzBody(f *testing.F) {
	_, body := peer.Sealed(secret, ask(), original(), []byte("content"), 0)
	f.Add(body, 4)
	f.Add([]byte{0, 0, 0, 0}, 0)
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 1}, 1)
	f.Add([]byte{0, 0, 0, 2, 0xa1, 0x05}, 2)
	f.Fuzz(func(t *testing.T, body []byte, n int) {
		s := newStage()
		var head []byte
		if len(body) > 4 {
			head = body[4 : 4+min(max(n, 0), len(body)-4)]
		}
		r := peer.SealedBody(secret, ask(), head, body, 0)
		if status := s.send(r, body); status != 200 && status != 401 {
			t.Errorf("status %d", status)
		}
	})
}

// recorded is what a host answers.
func recorded(f *testing.F, o object, q peer.Request) []byte {
	h := peer.NewHost(peer.HostOptions{Environment: "production", Callers: map[string][][]byte{"client": {secret}}, MaxBody: 100, Fetch: o.fetch, Call: o.call})
	r, body := peer.Sealed(secret, q, original(), nil, 0)
	r.Body = io.NopCloser(bytes.NewReader(body))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != 200 {
		f.Fatalf("status %d", w.Code)
	}
	return w.Body.Bytes()
}

// FuzzAnswer reads any answer like a caller: it ends, without a panic, with at most as many
// bytes as came, and what was cut short is not taken for whole.
func FuzzAnswer(f *testing.F) {
	whole := recorded(f, object{fetch: func(context.Context, *peer.Request, *http.Request) (*http.Response, *peer.Failure) {
		return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader("some content")), ContentLength: -1, Trailer: http.Header{"A": {"b"}}}, nil
	}}, ask())
	f.Add(whole)
	f.Add(whole[:len(whole)-1])
	f.Add(recorded(f, object{call: func(context.Context, *peer.Request, []byte) ([]byte, *peer.Failure) {
		return nil, peer.Describe(doerr.ErrReset)
	}}, callRequest()))
	for _, text := range []string{"", "48", "48ffffffff", "4800000001a0", "5200000001a0", "46000000026161", "4500000001a0", "44000080014141"} {
		b, err := hex.DecodeString(text)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		response, err := peer.ReadAnswer(http.Header{"Do-Version": {"1"}}, io.NopCloser(bytes.NewReader(answer)))
		if err != nil {
			return
		}
		got, err := io.ReadAll(response.Body)
		if len(got) > len(answer) {
			t.Errorf("%d bytes of %d", len(got), len(answer))
		}
		if err == nil && !bytes.Contains(answer, []byte("E\x00")) {
			t.Error("an answer without an end was taken for whole")
		}
		_ = response.Body.Close()
	})
}
