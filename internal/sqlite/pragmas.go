package sqlite

import (
	"strconv"
	"strings"

	lib "modernc.org/sqlite/lib"
)

// Flag is a setting of a connection that user statements may change, by the pragma of
// that name (S48).
type Flag uint8

// The flags. All but ForeignKeys are off when a connection is opened.
const (
	CaseSensitiveLike Flag = iota
	ForeignKeys            // changes only outside a transaction
	DeferForeignKeys       // SQLite switches it off when the transaction ends
	IgnoreCheckConstraints
	LegacyAlterTable
	RecursiveTriggers
	ReverseUnorderedSelects
	Flags // how many there are
)

var flagNames = [Flags]string{
	"case_sensitive_like", "foreign_keys", "defer_foreign_keys", "ignore_check_constraints", "legacy_alter_table",
	"recursive_triggers", "reverse_unordered_selects",
}

var flags = func() map[string]Flag {
	m := map[string]Flag{}
	for f, name := range flagNames {
		m[name] = Flag(f)
	}
	return m
}()

// Default gives what the flag is when a connection is opened.
func (f Flag) Default() bool { return f == ForeignKeys }

// SetFlag sets a flag, inside a transaction too. No statement may be between Step and
// Reset.
func (c *Conn) SetFlag(f Flag, on bool) error {
	if c.db == 0 {
		return errClosed
	}
	t := enter()
	defer t.leave()
	var value int32
	if on {
		value = 1
	}
	switch f {
	case ForeignKeys:
		return c.configure(t, lib.SQLITE_DBCONFIG_ENABLE_FKEY, value)
	case LegacyAlterTable:
		return c.configure(t, lib.SQLITE_DBCONFIG_LEGACY_ALTER_TABLE, value)
	}
	return c.exec(t, "PRAGMA "+flagNames[f]+"="+strconv.Itoa(int(value)))
}

// truth is what a flag may be set to, in lower case: exactly this (V17).
var truth = map[string]bool{
	"true": true, "yes": true, "on": true, "1": true,
	"false": false, "no": false, "off": false, "0": false,
}

// allowsPragma tells whether a user may give PRAGMA name, with arg unless that is "".
// What it sets, if it does, is noted. SQLite hands over the name in the case of its own
// table or the user's.
func (w *watched) allowsPragma(name, arg string) bool {
	name = strings.ToLower(name)
	if f, ok := flags[name]; ok {
		if arg == "" {
			return true
		}
		value, ok := truth[strings.ToLower(arg)]
		if ok && w.preparing {
			w.sets, w.flag, w.value = true, f, value
		}
		return ok
	}
	switch name {
	case "table_list": // S45
		return true
	case "table_info", "table_xinfo", "foreign_key_list", "index_info", "index_list", "index_xinfo": // S46
		return arg != "" && !ours(arg)
	case "data_version", "page_size": // S47
		return arg == ""
	case "foreign_key_check", "quick_check": // S49, S50
		return !ours(arg)
	case "optimize": // S51
		w.note(&w.writes)
		_, err := strconv.ParseInt(arg, 0, 64)
		return arg == "" || err == nil
	}
	return false // S52
}

// ours tells whether a table or index is one of our own.
func ours(name string) bool {
	const auto = "sqlite_autoindex_"
	if len(name) > len(auto) && strings.EqualFold(name[:len(auto)], auto) {
		name = name[len(auto):]
	}
	return reserved(name)
}

// String gives the name of the pragma.
func (f Flag) String() string { return flagNames[f] }
