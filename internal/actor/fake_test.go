package actor_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/durablego/do/internal/actor"
	"github.com/durablego/do/internal/doerr"
	"github.com/durablego/do/internal/gate"
)

var errBoom = errors.New("boom")

// host is a fake object: storage is a list of words, durable when the test says so.
type host struct {
	t    testing.TB
	mb   *actor.Mailbox
	gate gate.Gate

	// What the object does; nil: nothing. Set before the first event.
	begin     func(l *actor.Life) error
	construct func(ctx context.Context, l *actor.Life) (any, error)
	stop      func(ctx context.Context, reason actor.StopReason) error
	leave     func() error
	recover   func(why *actor.ResetError) error
	quiet     func()
	retire    func()
	stays     func() bool
	ended     func(l *actor.Life, why *actor.ResetError)
	limit     int
	answers   actor.Answers

	mu        sync.Mutex // guards following
	manual    bool       // tickets wait for open
	inTx      bool
	commitErr error
	chore     func()
	words     []string // committed
	open      []string // written since
	lives     int      // constructed
	fenced    map[*actor.Life]bool
	retired   int
	quiets    int
	inside    string // the call that has storage to itself
	log       bytes.Buffer
}

// object is the instance of the fake.
type object struct {
	number int // 1 is the first
}

// bubble runs f with an object inside a synctest bubble, and takes the object out of memory.
func bubble(t *testing.T, set func(*host), f func(t *testing.T, h *host)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t, set)
		f(t, h)
		h.openAll()
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if err := h.mb.Leave(ctx, actor.StopClose, true); err != nil {
			t.Errorf("Leave = %v: something is still running", err)
		}
		synctest.Wait()
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.retired != 1 {
			t.Errorf("Retired was called %d times, want 1", h.retired)
		}
	})
}

func newHost(t testing.TB, set func(*host)) *host {
	h := &host{t: t, fenced: map[*actor.Life]bool{}, limit: 100}
	if set != nil {
		set(h)
	}
	h.mb = actor.New(actor.Options{
		Host: h, Gate: &h.gate, QueueLimit: h.limit, BlockTimeout: 30 * time.Second, Answers: &h.answers, Hidden: hiddenKey{},
		Stays: h.stays, Ended: h.ended,
	})
	return h
}

type hiddenKey struct{}

// alone fails the test when two calls have storage at once.
func (h *host) alone(name string) (leave func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.inside != "" {
		h.t.Errorf("%s runs beside %s", name, h.inside)
	}
	h.inside = name
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.inside = ""
	}
}

func (h *host) Begin(l *actor.Life, first *actor.Event) error {
	defer h.alone("Begin")()
	l.Host = h
	if h.begin != nil {
		return h.begin(l)
	}
	return nil
}

func (h *host) Construct(ctx context.Context, l *actor.Life, _ *actor.Event) (any, error) {
	h.mu.Lock()
	h.lives++
	o := &object{number: h.lives}
	h.mu.Unlock()
	if h.construct != nil {
		instance, err := h.construct(ctx, l)
		if instance != nil || err != nil {
			return instance, err
		}
	}
	return o, nil
}

func (h *host) Stop(ctx context.Context, l *actor.Life, reason actor.StopReason) error {
	if h.stop != nil {
		return h.stop(ctx, reason)
	}
	return nil
}

func (h *host) Commit(l *actor.Life) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.fenced[l] {
		return doerr.ErrReset
	}
	l.EndTurn()
	if err := h.commitErr; err != nil {
		h.commitErr, h.open = nil, nil
		return err
	}
	if len(h.open) == 0 {
		return nil
	}
	h.words = append(h.words, h.open...)
	h.open = nil
	if ticket := h.gate.Take(); !h.manual {
		h.gate.Open(ticket)
	}
	return nil
}

func (h *host) InTransaction(l *actor.Life) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.inTx && !h.fenced[l]
}

func (h *host) Leave(ctx context.Context, l *actor.Life) error {
	defer h.alone("Leave")()
	if l != nil && !h.isFenced(l) {
		h.t.Error("Leave before Fence")
	}
	if h.leave != nil {
		if err := h.leave(); err != nil {
			return err
		}
	}
	h.gate.Open(h.gate.Newest())
	return nil
}

func (h *host) Chore() func() {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.chore
	h.chore = nil
	if c == nil {
		return nil
	}
	return func() {
		defer h.alone("Chore")()
		c()
	}
}

func (h *host) Fence(l *actor.Life) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.fenced[l] {
		h.t.Error("Fence was called twice for one life")
	}
	if l.Host != h {
		h.t.Error("Fence before Begin")
	}
	h.fenced[l] = true
}

func (h *host) isFenced(l *actor.Life) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.fenced[l]
}

func (h *host) Recover(l *actor.Life, why *actor.ResetError) error {
	defer h.alone("Recover")()
	if h.recover != nil {
		if err := h.recover(why); err != nil {
			return err
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.open, h.inTx = nil, false
	if why.Storage { // who only reads from now on waits for this one
		h.gate.Break(why)
		h.gate.Open(h.gate.Take())
	}
	return nil
}

func (h *host) Quiet() {
	h.mu.Lock()
	h.quiets++
	h.mu.Unlock()
	if h.quiet != nil {
		h.quiet()
	}
}

func (h *host) Retired() {
	if h.retire != nil {
		h.retire()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.retired++
}

func (h *host) Logger() *slog.Logger { return slog.New(slog.NewTextHandler((*logWriter)(h), nil)) }

type logWriter host

func (w *logWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.Write(p)
}

func (h *host) logged() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.log.String()
}

// write is what user code does to storage.
func (h *host) write(ctx context.Context, word string) error {
	t := actor.From(ctx)
	if t == nil {
		return doerr.ErrOutsideTurn
	}
	if err := t.Life().Check(ctx); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.fenced[t.Life()] {
		return doerr.ErrReset
	}
	h.open = append(h.open, word)
	return nil
}

// committed is what a power cut of the process would leave.
func (h *host) committed() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.Join(h.words, " ")
}

// hold keeps tickets closed until openAll.
func (h *host) hold() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.manual = true
}

func (h *host) openAll() {
	h.mu.Lock()
	h.manual = false
	h.mu.Unlock()
	h.gate.Open(h.gate.Newest())
}

func (h *host) set(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f()
}

func (h *host) get(f func() int) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return f()
}
