package sqlstorage_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/durablego/do/sqlstorage"
)

// S35–S58 hold behind Std as they do for Exec, prepared or not, in a Tx or not.
func TestStdIsGuarded(t *testing.T) {
	o := newObject(t)
	std := o.Std()
	stdExec(t, std, "CREATE TABLE t(x UNIQUE); INSERT INTO t VALUES(1)")
	tx := begin(t, std, nil)
	for rule, query := range map[string]string{
		"S35": "SELECT * FROM _do_kv",
		"S36": "ALTER TABLE t RENAME TO _do_t",
		"S37": "COMMIT",
		"S38": "VACUUM",
		"S39": "CREATE TEMP TABLE u(x)",
		"S40": "CREATE VIRTUAL TABLE u USING dbstat",
		"S52": "PRAGMA journal_mode = DELETE",
		"S55": "SELECT load_extension('x')",
	} {
		wantIs(t, rule+", Exec", second(std.ExecContext(ctx, query)), sqlstorage.ErrNotAuthorized)
		wantIs(t, rule+", Tx.Exec", second(tx.ExecContext(ctx, query)), sqlstorage.ErrNotAuthorized)
		_, err := std.QueryContext(ctx, query)
		wantIs(t, rule+", Query", err, sqlstorage.ErrNotAuthorized)
		if s, err := std.PrepareContext(ctx, query); err == nil { // S36 is seen when it runs
			_, err = s.ExecContext(ctx)
			wantIs(t, rule+", Stmt.Exec", err, sqlstorage.ErrNotAuthorized)
			o.ok(s.Close())
		} else {
			wantIs(t, rule+", Prepare", err, sqlstorage.ErrNotAuthorized)
		}
	}
	for what, query := range map[string]string{
		"N9":  "SELECT '" + strings.Repeat("x", 100_000) + "'",
		"N10": "SELECT 1" + strings.Repeat("+1", 100),
	} {
		if _, err := tx.ExecContext(ctx, query); code(err) == "" {
			t.Errorf("%s: %v, want an *Error", what, err)
		}
		if _, err := std.PrepareContext(ctx, query); code(err) == "" {
			t.Errorf("%s, prepared: %v, want an *Error", what, err)
		}
	}
	if _, err := tx.ExecContext(ctx, "INSERT INTO t VALUES(?)", 1); code(err) != "SQLITE_CONSTRAINT_UNIQUE" { // S57: only the statement
		t.Errorf("a constraint: %v", err)
	}
	wantIs(t, "a value that cannot be stored", second(tx.ExecContext(ctx, "INSERT INTO t VALUES(?)", struct{}{})), sqlstorage.ErrInvalidValue) // S34
	stdExec(t, tx, "INSERT INTO t VALUES(2)")
	o.ok(tx.Commit())
	o.want("SELECT x FROM t", "1", "2")
	o.commit()
}

// S58: the end of its ctx interrupts a read, also in a Tx, which database/sql then rolls back (S66).
func TestS58StdInterruptsReads(t *testing.T) {
	const endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c) SELECT count(*) FROM c"
	o := newObject(t)
	std := o.Std()
	stdExec(t, std, "CREATE TABLE t(x)")
	short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	wantIs(t, "an endless read", second(std.ExecContext(short, endless)), context.DeadlineExceeded)

	again, cancel := context.WithCancel(ctx)
	defer cancel()
	tx, err := std.BeginTx(again, nil)
	o.ok(err)
	stdExec(t, tx, "INSERT INTO t VALUES(1)")
	time.AfterFunc(20*time.Millisecond, cancel)
	wantIs(t, "an endless read in a Tx", tx.QueryRowContext(again, endless).Scan(new(int)), context.Canceled)
	for deadline := time.Now().Add(time.Minute); o.session.InTransaction(); {
		if time.Now().After(deadline) {
			t.Fatal("the Tx was not rolled back")
		}
	}
	if err := tx.Commit(); err == nil || errors.Is(err, sqlstorage.ErrReset) {
		t.Errorf("Commit = %v", err)
	}
	o.want("SELECT count(*) FROM t", "0")
	o.commit()
}
