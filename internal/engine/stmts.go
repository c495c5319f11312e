package engine

import "github.com/durablego/do/internal/sqlite"

// statement is one of the engine's own statements. Each connection prepares it at first
// use and keeps it.
type statement uint8

const (
	stmtBegin statement = iota
	stmtCommit
	stmtRollback
	stmtSavepoint // the name is the same at every depth: SQLite takes the innermost
	stmtRelease
	stmtRollbackTo
	stmtGet
	stmtPut
	stmtDelete
	stmtName
	stmtSetName
	stmtAlarm
	stmtSetAlarm
	stmtDeleteAlarm
	stmtScan // and the three after it; see scanStatement
	stmtScanTo
	stmtScanBack
	stmtScanBackFrom
	statements
)

var statementText = [statements]string{
	stmtBegin:      "BEGIN",
	stmtCommit:     "COMMIT",
	stmtRollback:   "ROLLBACK",
	stmtSavepoint:  "SAVEPOINT do",
	stmtRelease:    "RELEASE do",
	stmtRollbackTo: "ROLLBACK TO do",
	stmtGet:        "SELECT value FROM _do_kv WHERE key = ?",
	stmtPut:        "INSERT INTO _do_kv(key, value) VALUES(?, ?) ON CONFLICT(key) DO UPDATE SET value = excluded.value",
	stmtDelete:     "DELETE FROM _do_kv WHERE key = ?",
	stmtName:       "SELECT value FROM _do_meta WHERE key = 'name'",
	stmtSetName: "INSERT INTO _do_meta(key, value) VALUES('name', ?) " +
		"ON CONFLICT(key) DO UPDATE SET value = excluded.value WHERE value IS NOT excluded.value",
	stmtAlarm: "SELECT value FROM _do_meta WHERE key = 'alarm'",
	stmtSetAlarm: "INSERT INTO _do_meta(key, value) VALUES('alarm', ?) " +
		"ON CONFLICT(key) DO UPDATE SET value = excluded.value",
	stmtDeleteAlarm:  "DELETE FROM _do_meta WHERE key = 'alarm'",
	stmtScan:         "SELECT key, value FROM _do_kv WHERE key >= ? ORDER BY key",
	stmtScanTo:       "SELECT key, value FROM _do_kv WHERE key >= ? AND key < ? ORDER BY key",
	stmtScanBack:     "SELECT key, value FROM _do_kv WHERE key >= ? ORDER BY key DESC",
	stmtScanBackFrom: "SELECT key, value FROM _do_kv WHERE key >= ? AND key < ? ORDER BY key DESC",
}

// stmt returns a prepared statement.
func (o *opening) stmt(k statement) (*sqlite.Stmt, error) {
	if s := o.stmts[k]; s != nil {
		return s, nil
	}
	s, _, err := o.conn.Prepare(statementText[k])
	if err != nil {
		return nil, err
	}
	o.stmts[k] = s
	return s, nil
}

// run executes a statement without parameters and rows.
func (o *opening) run(k statement) error {
	s, err := o.stmt(k)
	if err != nil {
		return err
	}
	return finish(s)
}

// finish steps a statement that gives no rows, and resets it.
func finish(s *sqlite.Stmt) error {
	_, err := s.Step()
	if rerr := s.Reset(); err == nil {
		err = rerr
	}
	return err
}
