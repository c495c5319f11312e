package sqlite

import (
	"strconv"
	"strings"

	"github.com/durablego/do/internal/doerr"
	lib "modernc.org/sqlite/lib"
)

// Limits of what user statements may use, the connection's for its life (N10). Statements
// of our own keep well below.
var limits = []struct{ id, value int32 }{
	{lib.SQLITE_LIMIT_COLUMN, 100},
	{lib.SQLITE_LIMIT_FUNCTION_ARG, 127},
	{lib.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 50},
	{lib.SQLITE_LIMIT_EXPR_DEPTH, 100},
	{lib.SQLITE_LIMIT_COMPOUND_SELECT, 5},
	{lib.SQLITE_LIMIT_VDBE_OP, 25_000},
	{lib.SQLITE_LIMIT_TRIGGER_DEPTH, 10},
	{lib.SQLITE_LIMIT_ATTACHED, 0},
	{lib.SQLITE_LIMIT_WORKER_THREADS, 0},
}

// admitUsers readies the connection for statements of users.
func (c *Conn) admitUsers(t *thread, maxParameters int) {
	lib.Xsqlite3_set_authorizer(t.TLS, c.db, authorizerC, uintptr(c.id))
	for _, l := range limits {
		lib.Xsqlite3_limit(t.TLS, c.db, l.id, l.value)
	}
	if maxParameters > 0 {
		lib.Xsqlite3_limit(t.TLS, c.db, lib.SQLITE_LIMIT_VARIABLE_NUMBER, int32(min(maxParameters, 1<<15)))
	}
	c.users = true
}

// PrepareUser is Prepare for a text of the user's: what S35–S55 refuse gives an error
// that is doerr.ErrNotAuthorized, now or when the statement runs. A pragma that sets
// something may have done so when PrepareUser returns.
func (c *Conn) PrepareUser(sql string) (s *Stmt, tail string, err error) {
	return c.prepareUser(sql, false)
}

// PrepareUserTx is PrepareUser within a transaction of the user's own: statements on savepoints
// are allowed, too. They must not be run: User.Savepoint says what they ask for.
func (c *Conn) PrepareUserTx(sql string) (s *Stmt, tail string, err error) {
	return c.prepareUser(sql, true)
}

func (c *Conn) prepareUser(sql string, points bool) (s *Stmt, tail string, err error) {
	if strings.EqualFold(firstWord(sql), "VACUUM") { // the authorizer is not asked
		return nil, "", NotAuthorized("VACUUM")
	}
	if !c.users {
		return nil, "", misuse("the connection takes no statements of users")
	}
	t := enter()
	defer t.leave()
	c.watched = watched{on: true, preparing: true, points: points}
	s, tail, err = c.prepare(t, sql)
	c.watched.on = false
	if err != nil || s == nil {
		return nil, tail, c.denied(err)
	}
	w := &c.watched
	s.user, s.Schema, s.Pragma = true, w.schema, w.pragma
	s.Writes = w.writes || lib.Xsqlite3_stmt_readonly(t.TLS, s.p) == 0
	s.sets, s.flag, s.value = w.sets, w.flag, w.value
	s.Savepoint = w.point
	if s.params != nil {
		s.names = make([]string, len(s.params))
		for i := range s.names {
			s.names[i] = s.paramName(t, i+1)
		}
	}
	if lib.Xsqlite3_stmt_isexplain(t.TLS, s.p) != 0 {
		s.Schema, s.Writes = false, false
	}
	return s, tail, nil
}

// User is what PrepareUser learned about a statement.
type User struct {
	Schema bool // it may change the schema, or what tables there are
	Writes bool // it is not read-only (S8)
	Pragma bool // it is a PRAGMA, not to be run twice

	Savepoint Savepoint

	user        bool
	sets, value bool
	flag        Flag
	reprepared  int32
	names       []string // of the parameters, with their prefix; "" for ?
}

// Savepoint is what a statement does with a savepoint. Op is BEGIN, RELEASE or ROLLBACK, and
// empty for any other statement.
type Savepoint struct{ Op, Name string }

// NoSavepoint makes the error of a statement on a savepoint that does not exist.
func NoSavepoint(name string) *Error {
	code := codeName(lib.SQLITE_ERROR)
	return &Error{Code: code, Extended: code, Msg: "no such savepoint: " + name, Offset: -1}
}

// Sets gives the flag that preparing the statement has set, and its value.
func (u *User) Sets() (f Flag, on, ok bool) { return u.flag, u.value, u.sets }

// watch lets the authorizer see what the statement does when it runs: it is prepared
// anew after a change of the schema, and virtual tables prepare statements of their own.
func (s *Stmt) watch() {
	w := &s.conn.watched
	w.on, w.preparing, w.denied = true, false, ""
}

// refresh looks whether the statement was prepared anew: it may have other columns then.
func (s *Stmt) refresh(t *thread) {
	if n := lib.Xsqlite3_stmt_status(t.TLS, s.p, lib.SQLITE_STMTSTATUS_REPREPARE, 0); n != s.reprepared {
		s.reprepared = n
		s.columns = int(lib.Xsqlite3_column_count(t.TLS, s.p))
	}
}

// denied makes the error of a statement of which something was refused.
func (c *Conn) denied(err error) error {
	e, ok := err.(*Error)
	if !ok || c.watched.denied == "" || e.Code != "SQLITE_AUTH" && e.Code != "SQLITE_ERROR" {
		return err
	}
	refused := NotAuthorized(c.watched.denied)
	refused.Offset = e.Offset
	return refused
}

// TooLong makes the error of a text of n bytes where most are allowed (N9).
func TooLong(n, most int) *Error {
	name := codeName(lib.SQLITE_TOOBIG)
	return &Error{Code: name, Extended: name, Offset: -1,
		Msg: "the text has " + strconv.Itoa(n) + " bytes, " + strconv.Itoa(most) + " are allowed"}
}

// NotAuthorized makes the error of something that user statements may not do.
func NotAuthorized(what string) *Error {
	name := codeName(lib.SQLITE_AUTH)
	return &Error{Code: name, Extended: name, Msg: "not authorized: " + what, Offset: -1}
}

// Is makes what is refused to users a doerr.ErrNotAuthorized.
func (e *Error) Is(target error) bool {
	return target == doerr.ErrNotAuthorized && e.Code == codeName(lib.SQLITE_AUTH)
}

// firstWord gives the word that the first statement of sql begins with.
func firstWord(sql string) string {
	sql = skip(sql)
	end := 0
	for end < len(sql) && (sql[end]|0x20 >= 'a' && sql[end]|0x20 <= 'z') {
		end++
	}
	return sql[:end]
}

// skip gives what follows blanks, comments and semicolons.
func skip(sql string) string {
	for sql != "" {
		switch {
		case Blank(sql[:1]) || sql[0] == ';':
			sql = sql[1:]
		case strings.HasPrefix(sql, "\ufeff"):
			sql = sql[len("\ufeff"):]
		case strings.HasPrefix(sql, "--"):
			_, sql, _ = strings.Cut(sql, "\n")
		case strings.HasPrefix(sql, "/*"):
			_, sql, _ = strings.Cut(sql[2:], "*/")
		default:
			return sql
		}
	}
	return ""
}

// Empty tells whether a text holds no statement, but perhaps comments and semicolons.
func Empty(s string) bool { return skip(s) == "" }

// Blank tells whether a text is nothing but what SQLite takes for space.
func Blank(s string) bool { return strings.Trim(s, " \t\n\f\r") == "" }
