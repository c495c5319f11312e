package sqlstorage

import (
	"errors"
	"strings"
	"time"

	"github.com/durablego/do/internal/sqlite"
)

// timeForm is how a time is stored (S26): of fixed width, so that it sorts.
const timeForm = "2006-01-02T15:04:05.000000000Z"

// instant is the argument for a time.
func instant(t time.Time) (sqlite.Arg, error) {
	t = t.UTC()
	if t.Year() < 0 || t.Year() > 9999 {
		return sqlite.Arg{}, errors.New("a year outside 0 to 9999")
	}
	return sqlite.Arg{Type: sqlite.Text, Text: t.Format(timeForm)}, nil
}

// dateForms are what SQLite's date functions give and take, as far as they have a date.
// Seconds may have a fraction.
var dateForms = []string{"2006-01-02 15:04:05", "2006-01-02", "2006-01-02 15:04"}

// parseTime reads a stored time, in UTC (S33).
func parseTime(s string) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return t.UTC(), nil
	}
	form := strings.Replace(s, "T", " ", 1)
	zone := ""
	if len(form) > len("2006-01-02") {
		if strings.HasSuffix(form, "Z") {
			zone = "Z07:00"
		} else if i := len(form) - len("+07:00"); i > 0 && (form[i] == '+' || form[i] == '-') && form[i+3] == ':' {
			zone = "Z07:00"
			form = strings.TrimRight(form[:i], " ") + form[i:]
		}
	}
	for _, layout := range dateForms {
		if t, err := time.Parse(layout+zone, form); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, errors.New("not a time in a known form")
}
