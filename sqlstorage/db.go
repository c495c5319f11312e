package sqlstorage

import (
	"context"
	"database/sql"
	"sync"

	"github.com/durablego/do/internal/engine"
	"github.com/durablego/do/internal/sqlite"
)

// defaultStatementBytes is the default of Limits.MaxStatementBytes (N9).
const defaultStatementBytes = 100_000

// Limits are the sizes a DB accepts. Zero is the default, negative is no limit.
type Limits struct {
	// MaxStatementBytes is the longest text for Exec, in bytes. Default 100,000.
	MaxStatementBytes int
}

// DB is the SQL database of one object, as one instance of it sees it. Use it only from the
// object's own turn: one goroutine at a time, with the turn's ctx, else its methods return
// ErrOutsideTurn. After a reset they return ErrReset and change nothing.
type DB struct {
	session *engine.Session
	limits  Limits

	stdOnce sync.Once
	std     *sql.DB // of Std; nil before
}

// New returns the DB of the instance that has session s. It is for package do; objects get
// theirs from State.SQL.
func New(s *engine.Session, l Limits) *DB {
	if l.MaxStatementBytes == 0 {
		l.MaxStatementBytes = defaultStatementBytes
	}
	return &DB{session: s, limits: l}
}

// Exec runs the statements of query, in order, and gives a cursor on the last one's rows;
// those of earlier ones are dropped (S1). args are for the last statement, the only one that
// may have parameters: as many as it has, all by position or all by sql.Named, else
// ErrParameters (S2, S5). Statements are kept by their exact text, so the same text is not
// compiled again.
//
// The first step is made by Exec: a statement that writes has done so, to its end, when Exec
// returns, whether or not the cursor is read, and errors come from Exec (S6). If a statement
// fails, those before it stay done; use Storage.Transaction for all or nothing (S3).
//
// Besides *Error it gives ErrNotAuthorized for what an object may not do, ErrNoStatement for
// a text that ends without a statement (S4), and ErrInvalidValue for an argument that cannot
// be stored. A text of more than MaxStatementBytes is an *Error. args are copied. A ctx that
// is done makes Exec fail before it starts, and interrupts a read that runs (S58).
//
// Later reads see a write at once; replies sent after Exec are held until it is durable.
func (db *DB) Exec(ctx context.Context, query string, args ...any) (*Cursor, error) {
	if err := db.fits(query); err != nil {
		return nil, err
	}
	var few [4]sqlite.Arg
	list := few[:]
	if len(args) > len(few) {
		list = make([]sqlite.Arg, len(args))
	}
	list = list[:len(args)]
	for i, a := range args {
		if common(&list[i], a) {
			continue
		}
		arg, err := argument(a)
		if err != nil {
			return nil, argumentError(i, a, err)
		}
		list[i] = arg
	}
	c := newCursor()
	if err := db.session.OpenCursor(ctx, &c.rows, query, list, false); err != nil {
		return nil, err
	}
	return c, nil
}

// fits checks the length of a text (N9).
func (db *DB) fits(query string) error {
	if most := db.limits.MaxStatementBytes; most > 0 && len(query) > most {
		return sqlite.TooLong(len(query), most)
	}
	return nil
}

// Size gives the bytes of the object's database that hold something, what the library needs
// included; 0 while nothing was ever written (S17).
func (db *DB) Size(ctx context.Context) (int64, error) { return db.session.Size(ctx) }
