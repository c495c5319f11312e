package actor_test

import (
	"context"
	"log/slog"
	"testing"

	"github.com/durablego/do/internal/actor"
	"github.com/durablego/do/internal/gate"
)

// BenchmarkHandOff is the measure for BenchmarkEvent: a request to a goroutine and its
// answer, over unbuffered channels.
func BenchmarkHandOff(b *testing.B) {
	ask, answer := make(chan int), make(chan int)
	go func() {
		for n := range ask {
			answer <- n + 1
		}
	}()
	b.ReportAllocs()
	for b.Loop() {
		ask <- 1
		<-answer
	}
	close(ask)
}

// BenchmarkEvent is an event of an object in memory that does nothing: at most 3 times a
// bare hand-off.
func BenchmarkEvent(b *testing.B) {
	for name, ctx := range contexts(b) {
		b.Run(name, func(b *testing.B) {
			mb, done := benchMailbox()
			defer done()
			b.ReportAllocs()
			for b.Loop() {
				e := new(benchEvent)
				e.Init(e)
				e.SetCaller(ctx)
				if err := mb.Do(ctx, &e.Event); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkEventParallel is many callers of one object.
func BenchmarkEventParallel(b *testing.B) {
	mb, done := benchMailbox()
	defer done()
	ctx := context.Background()
	b.ReportAllocs()
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			e := new(benchEvent)
			e.Init(e)
			e.SetCaller(ctx)
			if err := mb.Do(ctx, &e.Event); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// BenchmarkWait is an event with one wait that does nothing.
func BenchmarkWait(b *testing.B) {
	mb, done := benchMailbox()
	defer done()
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		e := &benchEvent{wait: true}
		e.Init(e)
		e.SetCaller(ctx)
		if err := mb.Do(ctx, &e.Event); err != nil {
			b.Fatal(err)
		}
	}
}

func contexts(b *testing.B) map[string]context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	b.Cleanup(cancel)
	return map[string]context.Context{"background": context.Background(), "cancelable": ctx}
}

// benchMailbox makes a mailbox as a runtime has them, with an instance in memory.
func benchMailbox() (mb *actor.Mailbox, done func()) {
	h := &idleHost{}
	workers := new(actor.Workers)
	mb = actor.New(actor.Options{Host: h, Gate: &h.gate, QueueLimit: 1024, Answers: new(actor.Answers), Workers: workers})
	return mb, func() {
		_ = mb.Leave(context.Background(), actor.StopClose, true)
		workers.Close()
	}
}

type benchEvent struct {
	actor.Event
	wait bool
}

func (e *benchEvent) Do(ctx context.Context, _ any) error {
	if e.wait {
		return actor.From(ctx).Wait(ctx, func(context.Context) error { return nil })
	}
	return nil
}

func (*benchEvent) Drop() {}

// idleHost does nothing.
type idleHost struct{ gate gate.Gate }

func (*idleHost) Begin(*actor.Life, *actor.Event) error                             { return nil }
func (*idleHost) Construct(context.Context, *actor.Life, *actor.Event) (any, error) { return 1, nil }
func (*idleHost) Stop(context.Context, *actor.Life, actor.StopReason) error         { return nil }
func (*idleHost) Commit(*actor.Life) error                                          { return nil }
func (*idleHost) InTransaction(*actor.Life) bool                                    { return false }
func (*idleHost) Leave(context.Context, *actor.Life) error                          { return nil }
func (*idleHost) Chore() func()                                                     { return nil }
func (*idleHost) Fence(*actor.Life)                                                 {}
func (*idleHost) Recover(*actor.Life, *actor.ResetError) error                      { return nil }
func (*idleHost) Quiet()                                                            {}
func (*idleHost) Retired()                                                          {}
func (*idleHost) Logger() *slog.Logger                                              { return slog.New(slog.DiscardHandler) }
