package peer

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestN28Memory: so many nonces are remembered for 120 seconds; one more is refused.
func TestN28Memory(t *testing.T) {
	if h := NewHost(HostOptions{Callers: map[string][][]byte{"client": nil}}).(*host); h.nonces["client"].most != 1_000_000 {
		t.Errorf("a host remembers %d nonces, want a million", h.nonces["client"].most)
	}
	synctest.Test(t, func(t *testing.T) {
		const most = 10_000
		m := nonces{most: most}
		numbered := func(i int) (n nonce) {
			n[0], n[1], n[2] = byte(i), byte(i>>8), byte(i>>16)
			return n
		}
		for i := range most {
			if i == most/2 {
				time.Sleep(time.Second)
			}
			if err := m.use(numbered(i)); err != nil {
				t.Fatalf("nonce %d: %v", i, err)
			}
		}
		if err := m.use(numbered(most)); err != errFull {
			t.Errorf("one nonce too many: %v, want %v", err, errFull)
		}
		if err := m.use(numbered(7)); err != errReplayed {
			t.Errorf("a nonce again: %v, want %v", err, errReplayed)
		}
		time.Sleep(memory - time.Second) // the first half is 120 s old
		if err := m.use(numbered(7)); err != nil {
			t.Errorf("a nonce after 120 s: %v", err)
		}
		if err := m.use(numbered(most - 1)); err != errReplayed {
			t.Errorf("a nonce after 119 s: %v, want %v", err, errReplayed)
		}
		if len(m.seen) != most/2+1 || len(m.queue)-m.first != len(m.seen) || cap(m.queue) > 2*most {
			t.Errorf("%d nonces are known, %d queued in a room of %d", len(m.seen), len(m.queue)-m.first, cap(m.queue))
		}
	})
}
