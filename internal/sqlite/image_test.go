package sqlite_test

import (
	"encoding/binary"
	"testing"

	"github.com/durablego/do/internal/sqlite"
)

func TestImage(t *testing.T) {
	image := newImage(t, schema+"INSERT INTO _do_meta VALUES ('x', 'y')")
	if len(image)%pageSize != 0 || image[18] != 2 || image[19] != 2 {
		t.Errorf("%d bytes, versions %d and %d", len(image), image[18], image[19])
	}
	if got := binary.BigEndian.Uint16(image[16:]); got != pageSize {
		t.Errorf("page size %d", got)
	}
	if got, want := binary.BigEndian.Uint32(image[28:]), len(image)/pageSize; int(got) != want {
		t.Errorf("%d pages in the header, want %d", got, want)
	}
	d := openWAL(t, newFile(t, image))
	d.quickCheck()
	for sql, want := range map[string]string{
		"PRAGMA user_version":                     "1",
		"PRAGMA journal_mode":                     "wal",
		"SELECT value FROM _do_meta":              "y",
		"SELECT count(*) FROM _do_kv":             "0",
		"PRAGMA schema_version":                   "2",
		"SELECT count(*) FROM main.sqlite_schema": "2",
	} {
		if got := d.value(sql); got != want {
			t.Errorf("%s = %s, want %s", sql, got, want)
		}
	}
}

func TestImageErrors(t *testing.T) {
	for _, schema := range []string{"", "CREATE TABLE", "SELECT 1"} {
		if _, err := sqlite.Image(schema); err == nil {
			t.Errorf("Image(%q) = nil", schema)
		}
	}
}
