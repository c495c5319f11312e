package do

import (
	"context"

	"github.com/durablego/do/internal/actor"
	"github.com/durablego/do/internal/engine"
)

// Storage is what the faces of an object's database have in common. Its methods want the
// ctx of the object's live turn, else they give ErrOutsideTurn; after a reset ErrReset.
type Storage struct {
	life    *actor.Life
	session *engine.Session
	alarms  bool // the class is an Alarmer
}

// Transaction runs fn as a savepoint of the turn's transaction: an error of fn, a panic or
// Goexit undoes what it wrote, by whichever face, and the error is returned as it is. The
// object is not reset by an error (T22). What fn committed becomes durable with its turn,
// and a later reset in that turn undoes it too (T23).
//
// A wait, Sync and DeleteAll inside fn give ErrInTransaction (T4). Transactions nest, to a
// depth of 64, then ErrTooDeep; with transactions of SQL().Std() they nest in the order they
// began (S63): one that fn leaves open makes it fail with sqlstorage.ErrTxOrder. If SQLite itself ended the transaction, its error is given
// even when fn returned nil, and the object is reset when the turn ends (T24).
func (s *Storage) Transaction(ctx context.Context, fn func(ctx context.Context) error) error {
	return s.session.Transaction(ctx, fn)
}

// Sync commits what is open and returns when everything written so far is durable (T31).
// It splits the turn's atomicity but lets no other event run. With the ctx of WaitUntil or
// Await it only waits. Inside Transaction: ErrInTransaction.
func (s *Storage) Sync(ctx context.Context) error { return s.life.Sync(ctx) }

// DeleteAll removes everything the object has stored, as part of the turn's transaction
// (K25): a reset undoes it, and what is written after it in the turn commits with it. The
// instance goes on with an empty store; an object still empty when it leaves memory leaves
// no file behind (K26). Inside Transaction: ErrInTransaction.
func (s *Storage) DeleteAll(ctx context.Context) error { return s.session.DeleteAll(ctx) }
