package sqlstorage

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/durablego/do/internal/engine"
)

// Migration is a step that brings the database of an object to a newer form.
type Migration struct {
	ID  string // unique in its list, never changed; not empty
	SQL string // statements without parameters
}

// Migrate runs the migrations that were not run in this database yet, in the order of the
// list, inside one Transaction: if one fails nothing is done, and the error is ErrMigration and
// names it, with its cause. Call it at the beginning of the constructor. If all were run it costs
// one read, and no write. An object whose constructor fails can be looked after by
// Namespace.Inspect; dotest.DryRun tries a list on copies of all objects.
//
// A list with an empty ID or one that comes twice, a changed text of a migration that was
// run, and a new migration before one that was run are ErrMigration, and nothing runs. A
// migration that was run and is not in the list is left alone: it is that of newer code.
// DeleteAll forgets all migrations (S18).
//
// Inside a transaction SQLite ignores PRAGMA foreign_keys; PRAGMA defer_foreign_keys works.
func (db *DB) Migrate(ctx context.Context, migrations []Migration) error {
	made, err := db.session.Migrations(ctx)
	if err != nil {
		return err
	}
	pending, err := pending(migrations, made)
	if err != nil || len(pending) == 0 {
		return err
	}
	return db.session.Transaction(ctx, func(ctx context.Context) error {
		for _, m := range pending {
			var c engine.Cursor
			if err := db.fits(m.SQL); err != nil {
				return fmt.Errorf("%w: %q: %w", ErrMigration, m.ID, err)
			}
			if err := db.session.OpenCursor(ctx, &c, m.SQL, nil, true); err != nil {
				return fmt.Errorf("%w: %q: %w", ErrMigration, m.ID, err)
			}
			c.Close()
			if err := db.session.RecordMigration(ctx, m.ID, m.sum()); err != nil {
				return err
			}
		}
		return nil
	})
}

// pending gives the migrations that were not made yet.
func pending(migrations []Migration, made map[string]string) (todo []Migration, err error) {
	seen := map[string]bool{}
	for _, m := range migrations {
		sum, done := made[m.ID]
		switch {
		case m.ID == "":
			return nil, fmt.Errorf("%w: an ID is empty", ErrMigration)
		case seen[m.ID]:
			return nil, fmt.Errorf("%w: %q is there twice", ErrMigration, m.ID)
		case done && sum != m.sum():
			return nil, fmt.Errorf("%w: the text of %q has changed", ErrMigration, m.ID)
		case done && len(todo) > 0:
			return nil, fmt.Errorf("%w: %q is new, and comes before %q, which was made", ErrMigration, todo[0].ID, m.ID)
		case !done:
			todo = append(todo, m)
		}
		seen[m.ID] = true
	}
	return todo, nil
}

func (m Migration) sum() string {
	sum := sha256.Sum256([]byte(m.SQL))
	return hex.EncodeToString(sum[:])
}
