package engine

import (
	"errors"
	"strings"

	"github.com/durablego/do/internal/sqlite"
)

// redact takes values out of the message of a statement that failed when it ran (S7):
// FTS5 and JSON quote what they were given. What SQLite says when it prepares a statement
// is about its text alone.
func redact(err error, args []sqlite.Arg) error {
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok || e.Code != "SQLITE_ERROR" {
		return err
	}
	if i := strings.IndexAny(e.Msg, `"'`); i >= 0 {
		e.Msg = strings.TrimRight(e.Msg[:i], " :")
	}
	if i := strings.LastIndex(e.Msg, ": "); i >= 0 {
		for _, a := range args {
			if strings.Contains(a.Text, e.Msg[i+2:]) {
				e.Msg = e.Msg[:i]
				break
			}
		}
	}
	return err
}
