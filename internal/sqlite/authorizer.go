package sqlite

import (
	"strings"

	"modernc.org/libc"
	lib "modernc.org/sqlite/lib"
)

var authorizerC = funcPointer(authorizer)

// watched is what the authorizer learns about a user statement while it is prepared, and
// about a refusal also while it runs.
type watched struct {
	on        bool   // a user statement is being prepared or run
	preparing bool   // prepared, not run
	denied    string // what was refused; "" if nothing was
	schema    bool   // it alters the schema in a way that is known only afterwards (S36), or drops
	writes    bool   // it counts as a write, whatever SQLite says (S8)
	pragma    bool   // it is a PRAGMA: what it does may happen while it is prepared
	sets      bool   // it sets flag to value
	flag      Flag
	value     bool
	points    bool      // it may work on a savepoint
	point     Savepoint // what it does with one
}

// authorizer is called while a statement is prepared, anew after a change of the schema
// too, once for everything it does. Statements of our own pass (S44).
func authorizer(tls *libc.TLS, arg uintptr, code int32, a, b, database, inner uintptr) int32 {
	c := conns.get(uint32(arg))
	if !c.watched.on {
		return lib.SQLITE_OK
	}
	rc := c.watched.check(code, libc.GoString(a), libc.GoString(b), libc.GoString(database))
	if rc == lib.SQLITE_DENY && c.watched.denied == "" {
		c.watched.denied = action(code, libc.GoString(a), libc.GoString(b))
	}
	return rc
}

// check decides (S35–S55). What the arguments are depends on code; see SQLite's
// documentation of the authorizer's action codes.
func (w *watched) check(code int32, a, b, database string) int32 {
	if code == lib.SQLITE_ALTER_TABLE { // a is the database, b the table; database is a column
		w.note(&w.schema)
		return allowIf(a == "main" && !reserved(b))
	}
	if database != "" && database != "main" && !isTempSchema(a, database) {
		return lib.SQLITE_DENY // S39
	}
	switch code {
	case lib.SQLITE_SELECT, lib.SQLITE_RECURSIVE:
		return lib.SQLITE_OK
	case lib.SQLITE_READ, lib.SQLITE_INSERT, lib.SQLITE_UPDATE, lib.SQLITE_DELETE:
		return allowIf(!reserved(a) && !internalTable(a)) // of a read, b is a column: any name
	case lib.SQLITE_CREATE_TABLE, lib.SQLITE_CREATE_VIEW:
		w.note(&w.schema)
		return allowIf(!reserved(a) && !internalTable(a))
	case lib.SQLITE_DROP_TABLE, lib.SQLITE_DROP_VIEW:
		w.note(&w.schema)
		return allowIf(!reserved(a))
	case lib.SQLITE_CREATE_INDEX, lib.SQLITE_CREATE_TRIGGER, lib.SQLITE_DROP_INDEX, lib.SQLITE_DROP_TRIGGER:
		w.note(&w.schema)
		return allowIf(!reserved(a) && !reserved(b))
	case lib.SQLITE_CREATE_VTABLE, lib.SQLITE_DROP_VTABLE:
		w.note(&w.schema)
		return allowIf(!reserved(a) && modules[strings.ToLower(b)]) // S40
	case lib.SQLITE_ANALYZE, lib.SQLITE_REINDEX:
		// All tables may be meant, so ours are passed over; their statistics hold keys.
		if reserved(a) || strings.HasPrefix(a, "sqlite_autoindex_"+reservedPrefix) {
			return lib.SQLITE_IGNORE
		}
		return lib.SQLITE_OK
	case lib.SQLITE_FUNCTION:
		return allowIf(functions[b])
	case lib.SQLITE_PRAGMA:
		w.note(&w.pragma)
		return allowIf(w.allowsPragma(a, b))
	}
	if code == lib.SQLITE_SAVEPOINT && w.points && w.preparing {
		w.point = Savepoint{Op: a, Name: b}
		return lib.SQLITE_OK
	}
	return lib.SQLITE_DENY // S37, S38, S44
}

// note sets what is learned about the statement itself, not about one that SQLite runs
// for it.
func (w *watched) note(fact *bool) {
	if w.preparing {
		*fact = true
	}
}

func allowIf(ok bool) int32 {
	if ok {
		return lib.SQLITE_OK
	}
	return lib.SQLITE_DENY
}

// reservedPrefix begins the names of our own tables.
const reservedPrefix = "_do_"

// reserved tells whether a name is kept for tables of our own (S35).
func reserved(name string) bool {
	return len(name) >= len(reservedPrefix) && strings.EqualFold(name[:len(reservedPrefix)], reservedPrefix)
}

// modules are what virtual tables may be made of (S40).
var modules = map[string]bool{"fts5": true, "fts5vocab": true, "rtree": true, "rtree_i32": true}

// systemTables are the tables of SQLite's own that users may see. It does not let them
// write to the schema's.
var systemTables = map[string]bool{
	"sqlite_schema": true, "sqlite_master": true, "sqlite_temp_schema": true, "sqlite_temp_master": true,
	"sqlite_sequence": true, "sqlite_stat1": true, "sqlite_stat4": true,
}

// internalTable tells whether a name is that of a table that SQLite makes up, and which
// would show the pages of ours (S41).
func internalTable(name string) bool {
	name = strings.ToLower(name)
	return name == "dbstat" || strings.HasPrefix(name, "sqlite_") && !systemTables[name]
}

// isTempSchema tells whether a table is the schema of the temp database. It is always
// empty, and ALTER TABLE looks there.
func isTempSchema(table, database string) bool {
	return database == "temp" && (table == "sqlite_temp_master" || table == "sqlite_temp_schema")
}

// action says in words what was refused.
func action(code int32, a, b string) string {
	name, ok := actions[code]
	switch {
	case !ok:
		return "an unknown action"
	case code == lib.SQLITE_FUNCTION:
		return name + b
	case code == lib.SQLITE_PRAGMA && b != "":
		return name + a + " with this argument"
	case code == lib.SQLITE_ALTER_TABLE:
		return name + b
	case code == lib.SQLITE_CREATE_VTABLE && !reserved(a):
		return name + "USING " + b
	case code == lib.SQLITE_ATTACH || code == lib.SQLITE_DETACH:
		return name
	case code == lib.SQLITE_SAVEPOINT:
		return a + " SAVEPOINT: use Transaction"
	case code == lib.SQLITE_TRANSACTION:
		return a + ": use Transaction"
	}
	return name + a
}

var actions = map[int32]string{
	lib.SQLITE_READ: "reading ", lib.SQLITE_INSERT: "writing ", lib.SQLITE_UPDATE: "writing ", lib.SQLITE_DELETE: "writing ",
	lib.SQLITE_CREATE_TABLE: "CREATE TABLE ", lib.SQLITE_DROP_TABLE: "DROP TABLE ",
	lib.SQLITE_CREATE_VIEW: "CREATE VIEW ", lib.SQLITE_DROP_VIEW: "DROP VIEW ",
	lib.SQLITE_CREATE_INDEX: "CREATE INDEX ", lib.SQLITE_DROP_INDEX: "DROP INDEX ",
	lib.SQLITE_CREATE_TRIGGER: "CREATE TRIGGER ", lib.SQLITE_DROP_TRIGGER: "DROP TRIGGER ",
	lib.SQLITE_CREATE_VTABLE: "CREATE VIRTUAL TABLE ", lib.SQLITE_DROP_VTABLE: "DROP TABLE ",
	lib.SQLITE_CREATE_TEMP_TABLE: "CREATE TEMP TABLE ", lib.SQLITE_CREATE_TEMP_VIEW: "CREATE TEMP VIEW ",
	lib.SQLITE_CREATE_TEMP_INDEX: "CREATE TEMP INDEX ", lib.SQLITE_CREATE_TEMP_TRIGGER: "CREATE TEMP TRIGGER ",
	lib.SQLITE_ALTER_TABLE: "ALTER TABLE ", lib.SQLITE_FUNCTION: "the function ", lib.SQLITE_PRAGMA: "PRAGMA ",
	lib.SQLITE_ATTACH: "ATTACH", lib.SQLITE_DETACH: "DETACH",
	lib.SQLITE_TRANSACTION: "", lib.SQLITE_SAVEPOINT: "",
}
