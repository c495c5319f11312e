package socket_test

import (
	"bytes"
	"compress/flate"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/durablego/do/internal/socket"
	"github.com/gobwas/ws"
)

// TestW7_5_Violations are answered with their code, told to the object once, and the connection
// ends, whatever comes behind.
func TestW7_5_Violations(t *testing.T) {
	unmasked := []byte{0x81, 0x01, 'x'}
	long := append([]byte{0x82, 0xff}, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0)
	msb := append([]byte{0x82, 0xff}, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0)
	code := func(n int) string { return string([]byte{byte(n >> 8), byte(n)}) }
	for _, x := range []struct {
		name string
		sent []byte
		code int
	}{
		{"no mask", unmasked, 1002},
		{"reserved bit 1", masked(0xc1, "x"), 1002},
		{"reserved bit 2", masked(0xa1, "x"), 1002},
		{"reserved bit of a ping", masked(0xc9, "x"), 1002},
		{"reserved operation 3", masked(0x83, "x"), 1002},
		{"reserved operation 11", masked(0x8b, "x"), 1002},
		{"a ping in fragments", masked(0x09, "x"), 1002},
		{"a ping of 126 bytes", masked(0x89, strings.Repeat("x", 126)), 1002},
		{"a continuation of nothing", masked(0x80, "x"), 1002},
		{"a new message within one", append(masked(0x01, "x"), masked(0x81, "y")...), 1002},
		{"a length with its first bit set", msb, 1002},
		{"a message that is too long", long, 1009},
		{"fragments that are too long", append(masked(0x02, strings.Repeat("x", 1<<19)), append(masked(0x00, strings.Repeat("x", 1<<19)), masked(0x80, "x")...)...), 1009},
		{"a text that is not UTF-8", masked(0x81, "\xff"), 1007},
		{"a text with half a character", append(masked(0x01, "\xc3"), masked(0x80, "")...), 1007},
		{"a close of one byte", masked(0x88, "\x03"), 1002},
		{"a close reason that is not UTF-8", masked(0x88, code(1000)+"\xff"), 1007},
		{"close 0", masked(0x88, code(0)), 1002},
		{"close 999", masked(0x88, code(999)), 1002},
		{"close 1004", masked(0x88, code(1004)), 1002},
		{"close 1005", masked(0x88, code(1005)), 1002},
		{"close 1006", masked(0x88, code(1006)), 1002},
		{"close 1015", masked(0x88, code(1015)), 1002},
		{"close 5000", masked(0x88, code(5000)), 1002},
		{"close 65535", masked(0x88, code(65535)), 1002},
	} {
		t.Run(x.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				o := newObject(t, options)
				_, c := o.open(t)
				done := make(chan struct{})
				go func() {
					defer close(done)
					write(t, c, masked(0x81, "good"))
					write(t, c, x.sent)
					write(t, c, masked(0x81, "behind"))
				}()
				wantFrame(t, c, ws.OpText, "good")
				wantClose(t, c, x.code)
				time.Sleep(11 * time.Second)
				synctest.Wait()
				wantEnd(t, c)
				<-done
				o.want(t, "good", "failed")
				if o.hub.Count() != 0 || o.set.Len() != 0 {
					t.Error("something is left")
				}
			})
		})
	}
}

// TestW7_1_Fragments are joined, with control frames in between (W7.6).
func TestW7_1_Fragments(t *testing.T) {
	bubble(t, func(t *testing.T) {
		o := newObject(t, options)
		_, c := o.open(t)
		for _, p := range [][]byte{
			masked(0x01, "a\xc3"), masked(0x89, "ping"), masked(0x00, "\xa9"), masked(0x00, ""), masked(0x8a, ""), masked(0x80, "b"),
			masked(0x81, ""), masked(0x02, ""), masked(0x80, ""), masked(0x89, ""),
		} {
			for i := range p { // byte by byte
				write(t, c, p[i:i+1])
			}
		}
		wantFrame(t, c, ws.OpPong, "ping")
		wantFrame(t, c, ws.OpText, "aéb")
		wantFrame(t, c, ws.OpText, "")
		wantFrame(t, c, ws.OpBinary, "")
		wantFrame(t, c, ws.OpPong, "")
		synctest.Wait()
		o.want(t, "aéb", "", "binary ")
		write(t, c, masked(0x88, ""))
		wantClose(t, c, 1005)
		wantEnd(t, c)
	})
}

// TestN24_NothingBeforeItCame: headers that promise much reserve little.
func TestN24_NothingBeforeItCame(t *testing.T) {
	o := newObject(t, socket.Options{MaxMessage: 1 << 30})
	const n = 50
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range n {
		_, c := o.open(t)
		write(t, c, []byte{0x82, 0xff, 0, 0, 0, 0, 0x3f, 0xff, 0xff, 0xff, 0, 0, 0, 0, 'x'}) // a GiB, less one
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if per := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) / n; per > 100<<10 {
		t.Errorf("a promise of a GiB costs %d bytes", per)
	}
}

// deflated compresses as a client does.
func deflated(t testing.TB, payload string) string {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, 9)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, payload); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(b.String(), "\x00\x00\xff\xff")
}

// TestW23_Deflate: compressed or not, in fragments, and what is no compression, or a bomb.
func TestW23_Deflate(t *testing.T) {
	for _, x := range []struct {
		name string
		sent []byte
		code int // 0: it is an echo
		want string
	}{
		{"compressed", masked(0xc1, deflated(t, "hello")), 0, "hello"},
		{"empty", masked(0xc1, "\x00"), 0, ""},
		{"plain", masked(0x81, "hello"), 0, "hello"},
		{"fragments", append(masked(0x41, deflated(t, "hello")[:3]), masked(0x80, deflated(t, "hello")[3:])...), 0, "hello"},
		{"long", masked(0xc1, deflated(t, strings.Repeat("x", 1<<20))), 0, strings.Repeat("x", 1<<20)},
		{"a bomb", masked(0xc1, deflated(t, strings.Repeat("x", 1<<20+1))), 1009, ""},
		{"garbage", masked(0xc1, "\xff\xff\xff\xff"), 1007, ""},
		{"not UTF-8 inside", masked(0xc1, deflated(t, "\xff")), 1007, ""},
		{"bit in a later fragment", append(masked(0x41, "x"), masked(0xc0, "y")...), 1002, ""},
		{"bit in a ping", masked(0xc9, "x"), 1002, ""},
		{"another bit", masked(0xe1, "x"), 1002, ""},
	} {
		bubble(t, func(t *testing.T) {
			o := newObject(t, options)
			_, pass := o.accept(t, true)
			ours, c := socket.Pipe()
			if err := pass.Take(ours, x.sent); err != nil { // what came with the handshake
				t.Fatal(err)
			}
			if x.code != 0 {
				wantClose(t, c, x.code)
				return
			}
			h, err := ws.ReadHeader(c)
			if err != nil {
				t.Fatal(err)
			}
			p := make([]byte, h.Length)
			if _, err := io.ReadFull(c, p); err != nil {
				t.Fatal(err)
			}
			if h.Rsv1() {
				if p, err = io.ReadAll(flate.NewReader(strings.NewReader(string(p) + "\x00\x00\xff\xff\x01\x00\x00\xff\xff"))); err != nil {
					t.Fatal(err)
				}
			}
			if string(p) != x.want || h.Rsv1() != (len(x.want) > 127) {
				t.Errorf("%s: %d bytes came back, compressed %v", x.name, len(p), h.Rsv1())
			}
		})
	}
}

// FuzzFrames: whatever a client sends, each message is told once, there is one last event, and
// nothing is left.
func FuzzFrames(f *testing.F) {
	f.Add(masked(0x81, "hello"), false)
	f.Add(append(masked(0x01, "a"), masked(0x80, "b")...), true)
	f.Add(masked(0xc1, deflated(f, "hello")), true)
	f.Add(masked(0x88, "\x03\xe8bye"), false)
	f.Add(append(masked(0x89, "p"), masked(0x8a, "")...), false)
	f.Add([]byte{0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 0, 1, 2, 3, 4, 'x'}, false)
	f.Fuzz(func(t *testing.T, sent []byte, deflate bool) {
		synctest.Test(t, func(t *testing.T) {
			o := newObject(t, socket.Options{MaxMessage: 1 << 12, MaxQueued: 1 << 16, Ping: 30 * time.Second})
			o.changed = make(chan struct{}, len(sent)+10)
			_, pass := o.accept(t, deflate)
			ours, c := socket.Pipe()
			if err := pass.Take(ours, nil); err != nil {
				t.Fatal(err)
			}
			go func() { _, _ = io.Copy(io.Discard, c) }()
			write(t, c, sent)
			synctest.Wait()
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(30 * time.Second)
			synctest.Wait()
			last := 0
			for _, s := range o.said {
				if s == "failed" || strings.HasPrefix(s, "closed:") {
					last++
				}
			}
			if last != 1 || o.hub.Count() != 0 || o.set.Len() != 0 || o.empty != 1 {
				t.Errorf("%d last events, %d connections, %d sockets, %d times empty", last, o.hub.Count(), o.set.Len(), o.empty)
			}
		})
	})
}
