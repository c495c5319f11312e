package gate_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/durablego/do/internal/gate"
)

var errDisk = errors.New("disk on fire")

// record notes in which order waiters were released, and with what.
type record struct{ events []event }

type event struct {
	waiter int
	err    error
}

type waiter struct {
	r  *record
	id int
	do func() // at release; may be nil
}

func (w waiter) Released(err error) {
	w.r.events = append(w.r.events, event{w.id, err})
	if w.do != nil {
		w.do()
	}
}

func (r *record) waiter(id int) waiter { return waiter{r: r, id: id} }

func (r *record) want(t *testing.T, want ...event) {
	t.Helper()
	if !slices.Equal(r.events, want) {
		t.Errorf("released %v, want %v", r.events, want)
	}
}

func take(g *gate.Gate, n int) {
	for range n {
		g.Take()
	}
}

// T14: an output waits for its ticket and no later one; T13: one opening covers all
// tickets up to it.
func TestT14WaitersAreReleasedByTheirTicket(t *testing.T) {
	g, r := new(gate.Gate), new(record)
	g.Notify(0, r.waiter(0)) // nothing was ever committed
	r.want(t, event{0, nil})
	take(g, 3)
	for id := 1; id <= 3; id++ {
		g.Notify(uint64(id), r.waiter(id))
	}
	g.Open(1)
	r.want(t, event{0, nil}, event{1, nil})
	g.Open(3)
	r.want(t, event{0, nil}, event{1, nil}, event{2, nil}, event{3, nil})
	g.Open(2) // an old fsync that ends late
	if got := g.Opened(); got != 3 {
		t.Errorf("Opened() = %d, want 3", got)
	}
	g.Notify(2, r.waiter(4))
	r.want(t, event{0, nil}, event{1, nil}, event{2, nil}, event{3, nil}, event{4, nil})
	if got := g.Newest(); got != 3 {
		t.Errorf("Newest() = %d, want 3", got)
	}
}

// Opening beyond the newest ticket must not open what is yet to be committed.
func TestOpenNeverReachesAhead(t *testing.T) {
	g := new(gate.Gate)
	g.Take()
	g.Open(5)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := g.Wait(ctx, g.Take()); !errors.Is(err, context.Canceled) {
		t.Errorf("Wait of a fresh ticket = %v, want context.Canceled", err)
	}
}

// T34.8: a failed fsync fails every pending ticket; older ones stay open and later ones
// are fresh.
func TestT34_8BreakFailsPendingTickets(t *testing.T) {
	g, r := new(gate.Gate), new(record)
	take(g, 3)
	g.Open(1)
	g.Notify(2, r.waiter(2))
	g.Break(errDisk)
	r.want(t, event{2, errDisk})
	ctx := context.Background()
	if got := g.Take(); got != 4 {
		t.Fatalf("Take after Break = %d, want 4", got)
	}
	g.Notify(4, r.waiter(4))
	g.Open(3) // what was broken cannot be opened
	r.want(t, event{2, errDisk})
	g.Open(4)
	r.want(t, event{2, errDisk}, event{4, nil})
	for ticket, want := range []error{nil, nil, errDisk, errDisk, nil} {
		if err := g.Wait(ctx, uint64(ticket)); err != want {
			t.Errorf("late Wait(%d) = %v, want %v", ticket, err, want)
		}
		g.Notify(uint64(ticket), r.waiter(10+ticket))
	}
	r.want(t, event{2, errDisk}, event{4, nil},
		event{10, nil}, event{11, nil}, event{12, errDisk}, event{13, errDisk}, event{14, nil})
	g.Break(errors.New("nothing is pending"))
	if err := g.Wait(ctx, 4); err != nil {
		t.Errorf("Wait(4) after a Break of nothing = %v", err)
	}
}

// Tickets that broke are remembered apart, and the memory of a gate whose disk always
// fails is bounded: it may only forget towards "broken".
func TestManyBreaks(t *testing.T) {
	g := new(gate.Gate)
	ctx := context.Background()
	errs := make([]error, 101)
	for i := 1; i <= 100; i++ {
		errs[i] = errors.New("failure")
		good := g.Take()
		g.Open(good)
		g.Take()
		g.Break(errs[i])
	}
	for i := 1; i <= 100; i++ {
		broken := uint64(2 * i)
		if err := g.Wait(ctx, broken); err == nil {
			t.Fatalf("broken ticket %d is open", broken)
		} else if i > 90 && err != errs[i] {
			t.Errorf("recent broken ticket %d has the error of another", broken)
		}
		if err := g.Wait(ctx, broken-1); i > 90 && err != nil {
			t.Errorf("recent open ticket %d: %v", broken-1, err)
		}
	}
}

// Invariant 3: release goes by ticket, then by registration, whatever the order in which
// tickets were waited for.
func TestReleaseOrder(t *testing.T) {
	g, r := new(gate.Gate), new(record)
	take(g, 5)
	for id, ticket := range []uint64{3, 1, 5, 3, 2, 1, 4, 5, 3} {
		g.Notify(ticket, r.waiter(int(ticket)*10+id))
	}
	g.Open(3)
	r.want(t, event{11, nil}, event{15, nil}, event{24, nil}, event{30, nil}, event{33, nil}, event{38, nil})
	r.events = nil
	g.Break(errDisk)
	r.want(t, event{46, errDisk}, event{52, errDisk}, event{57, errDisk})
}

// A waiter may use the gate: no lock is held, and what it opens comes after what was
// there.
func TestReleasedMayUseTheGate(t *testing.T) {
	g, r := new(gate.Gate), new(record)
	take(g, 3)
	g.Notify(1, waiter{r, 1, func() {
		g.Open(3)
		g.Notify(g.Newest(), r.waiter(9))
		g.Take()
	}})
	g.Notify(2, r.waiter(2))
	g.Notify(3, r.waiter(3))
	g.Open(2)
	r.want(t, event{1, nil}, event{2, nil}, event{3, nil}, event{9, nil})
}

// Who comes when a ticket is open already does not overtake those that are being told of it
// (invariant 3).
func TestNobodyOvertakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, r := new(gate.Gate), new(record)
		take(g, 1)
		goOn, waited := make(chan struct{}), make(chan error, 1)
		g.Notify(1, waiter{r, 1, func() { <-goOn }})
		g.Notify(1, r.waiter(2))
		go g.Open(1)
		synctest.Wait()
		if g.Opened() != 1 {
			t.Error("the ticket is not open")
		}
		g.Notify(1, r.waiter(3))
		go func() { waited <- g.Wait(t.Context(), 1) }()
		synctest.Wait()
		if len(waited) > 0 {
			t.Error("Wait has overtaken those who were there before")
		}
		r.want(t, event{1, nil})
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if err := g.Wait(gone, 1); err != nil {
			t.Errorf("Wait for an open ticket = %v", err)
		}
		close(goOn)
		if err := <-waited; err != nil {
			t.Errorf("Wait = %v", err)
		}
		r.want(t, event{1, nil}, event{2, nil}, event{3, nil})
	})
}

func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := new(gate.Gate)
		take(g, 2)
		ctx, cancel := context.WithCancel(context.Background())
		results := make(chan error, 3)
		wait := func(ctx context.Context, ticket uint64) { results <- g.Wait(ctx, ticket) }
		go wait(context.Background(), 1)
		go wait(ctx, 2)
		go wait(context.Background(), 2)
		synctest.Wait()
		if len(results) != 0 {
			t.Fatal("Wait returned before its ticket opened")
		}
		cancel()
		if err := <-results; !errors.Is(err, context.Canceled) {
			t.Errorf("Wait with a cancelled ctx = %v", err)
		}
		g.Open(1)
		if err := <-results; err != nil {
			t.Errorf("Wait(1) = %v", err)
		}
		if err := g.Wait(ctx, 1); err != nil {
			t.Errorf("Wait of an open ticket with a cancelled ctx = %v, want nil", err)
		}
		g.Break(errDisk)
		if err := <-results; err != errDisk {
			t.Errorf("Wait(2) = %v, want the failure", err)
		}
	})
}

// The hot path of an object that reads: no allocation, no lock.
func TestWaitOfAnOpenTicketAllocatesNothing(t *testing.T) {
	g, ctx := new(gate.Gate), context.Background()
	g.Open(g.Take())
	if n := testing.AllocsPerRun(100, func() {
		if err := g.Wait(ctx, 1); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}
