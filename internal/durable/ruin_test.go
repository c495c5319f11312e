package durable_test

import (
	"testing"
	"testing/synctest"
)

type blocker struct{ goOn chan struct{} }

func (b blocker) Released(error) { <-b.goOn }

// Who enters in the instant in which the log is ruined is not told of it like those whose
// commits were in it.
func TestSharedEnterAtRuin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShared(t)
		a := s.enter("a")
		goOn := make(chan struct{})
		a.gate.Notify(a.commit("1"), blocker{goOn})
		synctest.Wait() // tickets are being opened
		s.Doubt(s.path("b"), errDisk)
		first, second := make(chan error, 1), make(chan error, 1)
		go func() { first <- s.Enter(s.path("b")) }() // ruins it
		synctest.Wait()
		go func() { second <- s.Enter(s.path("c")) }()
		synctest.Wait()
		close(goOn)
		synctest.Wait()
		a.wantDead(errDisk)
		a.lose()
		if err := <-second; err != nil {
			t.Errorf("Enter in that instant = %v", err)
		}
		s.Leave(s.path("c"))
		if err := <-first; err != nil {
			t.Errorf("Enter of who ruined it = %v", err)
		}
		s.Leave(s.path("b"))
		s.close()
	})
}

// A log that is ruined while the failed one before it is removed is ruined once.
func TestSharedRuinAtReplacement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShared(t)
		a, x := s.enter("a"), s.enter("x")
		x.save("1")
		end, release := s.hold("sync .log")
		a.commit("1")
		synctest.Wait()
		end <- errDisk
		_, removed := s.hold("remove .log")
		release()
		synctest.Wait()
		go func() { _ = s.Touched(t.Context(), s.path("z")) }() // so that a new log begins
		synctest.Wait()
		s.Doubt(s.path("b"), errDisk) // of a sync of its own that began before; the log has nothing of b
		entered := make(chan error, 1)
		go func() { entered <- s.Enter(s.path("b")) }() // ruins it
		synctest.Wait()
		removed()
		synctest.Wait()
		a.wantDead(errDisk)
		x.wantDead(errDisk)
		select {
		case err := <-entered:
			t.Errorf("Enter = %v while others who were told of a ruin have files open, and before a replay", err)
		default:
		}
		a.lose()
		x.lose()
		if err := <-entered; err != nil {
			t.Errorf("Enter after the replay = %v", err)
		}
		x = s.enter("x")
		if err := s.Syncing(s.path("b")); err != nil {
			t.Errorf("b is still in doubt, and ruins the new log: %v", err)
		}
		s.Done(s.path("b"))
		s.Leave(s.path("b"))
		synctest.Wait()
		select {
		case err := <-x.told:
			t.Errorf("x, which opened after the ruin, is told again: %v", err)
		default:
		}
		x.save("2")
		x.leave()
		s.close()
	})
}
