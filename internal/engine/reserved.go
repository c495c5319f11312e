package engine

import "github.com/durablego/do/internal/sqlite"

// intruder finds what a statement that changed the schema must not leave behind, and what
// SQLite does not tell beforehand: a name like those of our tables, given by ALTER TABLE,
// and a foreign key to one of them (S36). A key's table is in the text of its own.
const intruder = `SELECT name FROM sqlite_schema
		WHERE substr(lower(name), 1, 4) = '_do_' AND name NOT IN ('_do_kv', '_do_meta')
	UNION ALL
	SELECT k."table" FROM sqlite_schema AS t, pragma_foreign_key_list(t.name) AS k
		WHERE t.type = 'table' AND t.rootpage <> 0 AND instr(lower(t.sql), '_do_') > 0
			AND substr(lower(k."table"), 1, 4) = '_do_'
	LIMIT 1`

// checkSchema refuses a schema with something that looks like ours.
func (o *opening) checkSchema() error {
	row, err := o.row(intruder, 1)
	if err == nil && row != nil {
		err = sqlite.NotAuthorized("the name " + row[0] + ", which is reserved")
	}
	return err
}
