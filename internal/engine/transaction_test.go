package engine_test

import (
	"context"
	"errors"
	"runtime"
	"testing"

	"github.com/durablego/do/internal/doerr"
	"github.com/durablego/do/internal/engine"
)

// T22: fn's error undoes what fn wrote, is returned as it is and resets nothing.
func TestT22TransactionIsASavepoint(t *testing.T) {
	o := newObject(t).auto()
	o.put("a", "1")
	err := o.Transaction(ctx, func(ctx context.Context) error {
		o.put("a", "2")
		o.put("b", "2")
		return errDisk
	})
	if err != errDisk {
		t.Errorf("Transaction = %v, want fn's error as it is", err)
	}
	err = o.Transaction(ctx, func(ctx context.Context) error {
		o.put("c", "3")
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	o.want("a", "1", "c", "3")
	if o.InTransaction() {
		t.Error("still in a transaction")
	}
	o.commit()
	if ticket := o.gate.Newest(); ticket != 1 {
		t.Errorf("%d tickets, want 1: a Transaction is no commit of its own", ticket)
	}
}

// T22: a panic and Goexit undo as well.
func TestT22PanicAndGoexit(t *testing.T) {
	for name, leave := range map[string]func(){"panic": func() { panic("boom") }, "Goexit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			o := newObject(t).auto()
			o.put("a", "1")
			done := make(chan struct{})
			go func() {
				defer close(done)
				defer func() { _ = recover() }()
				_ = o.Transaction(ctx, func(ctx context.Context) error {
					o.put("a", "2")
					return o.Transaction(ctx, func(ctx context.Context) error {
						o.put("b", "2")
						leave()
						return nil
					})
				})
			}()
			<-done
			if o.InTransaction() {
				t.Error("still in a transaction")
			}
			o.want("a", "1")
			o.commit()
		})
	}
}

// T23: nesting to depth 64; the 65th is refused and breaks nothing. An inner one that
// fails undoes only itself, an outer one all within.
func TestT23Nesting(t *testing.T) {
	o := newObject(t).auto()
	var nest func(depth int) error
	nest = func(depth int) error {
		return o.Transaction(ctx, func(ctx context.Context) error {
			if depth == 64 {
				o.put("deep", "1")
				return nil
			}
			return nest(depth + 1)
		})
	}
	if err := nest(1); err != nil {
		t.Errorf("64 levels: %v", err)
	}
	if err := nest(0); !errors.Is(err, doerr.ErrTooDeep) || o.Broken() != nil {
		t.Errorf("65 levels: %v, broken: %v; want ErrTooDeep and nothing broken", err, o.Broken())
	}
	o.want("deep", "1")

	err := o.Transaction(ctx, func(ctx context.Context) error {
		o.put("outer", "1")
		_ = o.Transaction(ctx, func(ctx context.Context) error {
			o.put("inner", "1")
			return errDisk
		})
		o.want("deep", "1", "outer", "1")
		_ = o.Transaction(ctx, func(ctx context.Context) error {
			o.put("inner", "2")
			return nil
		})
		o.want("deep", "1", "inner", "2", "outer", "1")
		return errDisk
	})
	if err != errDisk {
		t.Error(err)
	}
	o.want("deep", "1")
	o.commit()
}

// A level without writes needs no savepoint, no file and no ticket.
func TestTransactionOfReads(t *testing.T) {
	o := newObject(t).auto()
	err := o.Transaction(ctx, func(ctx context.Context) error {
		_, _, err := o.Get(ctx, "a")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	o.wantFiles()
	o.save("a", "1")
	_ = o.Transaction(ctx, func(ctx context.Context) error {
		_, _, _ = o.Get(ctx, "a")
		return errDisk
	})
	if _, wrote, err := o.Commit(); wrote || err != nil {
		t.Errorf("Commit = %v, %v; want nothing written", wrote, err)
	}
}

// T4: no commit, and no DeleteAll (K25), while a Transaction runs; both break nothing.
func TestT4NoCommitInATransaction(t *testing.T) {
	o := newObject(t).auto()
	err := o.Transaction(ctx, func(ctx context.Context) error {
		o.put("a", "1")
		if !o.InTransaction() {
			t.Error("InTransaction() = false")
		}
		if _, _, err := o.Commit(); !errors.Is(err, doerr.ErrInTransaction) {
			t.Errorf("Commit = %v, want ErrInTransaction", err)
		}
		if err := o.DeleteAll(ctx); !errors.Is(err, doerr.ErrInTransaction) {
			t.Errorf("DeleteAll = %v, want ErrInTransaction", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	o.commit()
	o.want("a", "1")
}

// T24, S57: if SQLite ended the transaction, Transaction gives that error although fn
// returned nil, and so does everything after it until Recover.
func TestT24SQLiteEndedTheTransaction(t *testing.T) {
	o := newObject(t).auto()
	o.save("a", "1")
	o.put("a", "2")
	var first error
	err := o.Transaction(ctx, func(ctx context.Context) error {
		if err := o.Exec(ctx, "CREATE TABLE u(x UNIQUE ON CONFLICT ROLLBACK); INSERT INTO u VALUES(1)"); err != nil {
			t.Fatal(err)
		}
		first = o.Exec(ctx, "INSERT INTO u VALUES(1)")
		return nil // swallowed
	})
	if first == nil || err == nil || !errors.Is(err, doerr.ErrReset) || errors.Unwrap(err) != errors.Unwrap(first) {
		t.Fatalf("Transaction = %v after %v", err, first)
	}
	if engine.IsIO(err) || engine.IsTimeout(err) {
		t.Errorf("%v counts as the disk's failure", err)
	}
	for name, call := range map[string]func() error{
		"Get":         func() error { _, _, err := o.Get(ctx, "a"); return err },
		"Put":         func() error { return o.Put(ctx, "a", nil) },
		"Delete":      func() error { _, err := o.Delete(ctx, []string{"a"}); return err },
		"Scan":        func() error { _, err := dump(o.Session, engine.Range{}); return err },
		"Transaction": func() error { return o.Transaction(ctx, func(context.Context) error { t.Error("ran"); return nil }) },
		"DeleteAll":   func() error { return o.DeleteAll(ctx) },
		"Commit":      func() error { _, _, err := o.Commit(); return err },
		"Checkpoint":  func() error { return o.DB.Checkpoint(ctx) },
		"Close":       func() error { return o.DB.Close(ctx) },
		"Broken":      o.Broken,
	} {
		if got := call(); got != err {
			t.Errorf("%s = %v, want the failure", name, got)
		}
	}
	if got := o.gate.Newest(); got != 1 {
		t.Errorf("ticket %d was taken", got)
	}
	o.recover()
	o.want("a", "1")
	if !o.IsOpen() {
		t.Error("the connection was closed although it is sound")
	}
	o.save("a", "3")
}

// T5: two goroutines that use Transaction in one turn end it, instead of mixing levels.
func TestT5TransactionsOutOfOrder(t *testing.T) {
	o := newObject(t).auto()
	o.save("a", "1")
	inA, inB, endA := make(chan struct{}), make(chan struct{}), make(chan struct{})
	a := make(chan error, 1)
	go func() {
		a <- o.Transaction(ctx, func(ctx context.Context) error {
			close(inA)
			<-endA
			return nil
		})
	}()
	<-inA
	b := make(chan error, 1)
	endB := make(chan struct{})
	go func() {
		b <- o.Transaction(ctx, func(ctx context.Context) error {
			close(inB)
			<-endB
			return nil
		})
	}()
	<-inB
	close(endA)
	if err := <-a; !errors.Is(err, doerr.ErrReset) {
		t.Errorf("the outer Transaction, ended first = %v, want ErrReset", err)
	}
	close(endB)
	if err := <-b; !errors.Is(err, doerr.ErrReset) {
		t.Errorf("the inner Transaction = %v, want ErrReset", err)
	}
	o.recover()
	o.want("a", "1")
}

// A Transaction whose session was rolled back or fenced meanwhile tells so, and leaves
// the new state alone.
func TestTransactionAfterRollback(t *testing.T) {
	o := newObject(t).auto()
	o.save("a", "1")
	err := o.Transaction(ctx, func(ctx context.Context) error {
		o.put("a", "2")
		if err := o.Rollback(); err != nil {
			t.Fatal(err)
		}
		o.put("b", "3") // a new turn, so to say
		return nil
	})
	if !errors.Is(err, doerr.ErrReset) {
		t.Errorf("Transaction = %v, want ErrReset", err)
	}
	o.want("a", "1", "b", "3")
	old := o.Session
	err = old.Transaction(ctx, func(ctx context.Context) error {
		o.put("c", "4")
		o.recover()
		o.put("d", "5")
		return nil
	})
	if !errors.Is(err, doerr.ErrReset) {
		t.Errorf("Transaction = %v, want ErrReset", err)
	}
	o.want("a", "1", "d", "5")
}
