package engine_test

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/durablego/do/internal/engine"
)

// recover recovers, looks whether exactly what was refused is gone, and goes on.
func (h *history) recover() {
	h.manual.Auto(true) // what was announced and can be made durable is kept
	_ = h.manual.Release()
	for try := 1; ; try++ {
		err := h.db.Recover(ctx)
		h.note("recover: %v", err)
		if err == nil {
			break
		}
		h.after()
		if try == 10 {
			h.faulty.Clear() // the disk is back
		}
		if try == 20 {
			h.fatalf("Recover does not succeed")
		}
	}
	h.manual.Auto(false)
	h.forget()
	h.s = h.db.Session(nil)
	if err := h.gate.Wait(ctx, h.gate.Newest()); err != nil && h.manual.Pending() == 0 && h.db.Broken() == nil {
		h.fatalf("the new instance could not answer: %v", err)
	}
	got, err := h.content(h.s)
	for try := 1; err != nil && h.db.Broken() == nil; try++ {
		h.note("read after recover: %v", err)
		if try == 10 {
			h.faulty.Clear()
		}
		got, err = h.content(h.s)
	}
	for h.relaxed && err == nil && len(h.states) > 1 && !maps.Equal(got, h.last().data) {
		// A failed fsync undoes commits whose tickets were open: relaxed is no promise then.
		h.states = h.states[:len(h.states)-1]
	}
	if err == nil && !maps.Equal(got, h.last().data) {
		h.fatalf("after Recover the content is %v, want %v", keys(got), keys(h.last().data))
	}
}

// forget drops the states whose tickets broke, and the one of a failed commit.
func (h *history) forget() {
	h.mu.Lock()
	defer h.mu.Unlock()
	kept := slices.DeleteFunc(slices.Clone(h.states), func(s state) bool {
		return s.ticket > 0 && h.gate.Opened() >= s.ticket && !h.open(s.ticket) || s.ticket > h.gate.Opened() && h.brokenTicket(s.ticket)
	})
	if h.db.Broken() != nil {
		return // a failure since Recover, which undoes nothing before the next one
	}
	h.maybe, h.states = nil, kept
}

func (h *history) open(ticket uint64) bool {
	return ticket <= h.gate.Opened() && !h.brokenTicket(ticket)
}

func (h *history) brokenTicket(ticket uint64) bool {
	done, cancel := context.WithCancel(ctx)
	cancel()
	err := h.gate.Wait(done, ticket)
	return err != nil && !errors.Is(err, done.Err())
}

// content reads everything.
func (h *history) content(s *engine.Session) (map[string]string, error) {
	pairs, err := dump(s, engine.Range{})
	data := map[string]string{}
	for i := 0; i+1 < len(pairs); i += 2 {
		data[pairs[i]] = pairs[i+1]
	}
	return data, err
}
