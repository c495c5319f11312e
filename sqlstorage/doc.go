// Package sqlstorage is the SQL face of an object's database.
//
//	cursor, err := state.SQL().Exec(ctx, "SELECT name FROM users WHERE age > ?", 30)
//	if err != nil {
//		return err
//	}
//	for cursor.Next() {
//		var name string
//		if err := cursor.Scan(&name); err != nil {
//			return err
//		}
//	}
//	return cursor.Err()
//
// # Turns
//
// Every call needs the ctx of the object's live turn, else it gives [ErrOutsideTurn]. Within
// the turn a read sees every write made before it, by this face or the key-value one: both share
// one database and one transaction, which commits when the turn ends or waits. BEGIN, COMMIT and
// the like are refused; Storage.Transaction undoes a part. Reading makes no file: until the first
// write every query sees an empty database.
//
// # Values
//
//	Go                                        SQLite
//	nil, nil pointers, nil []byte, NaN        NULL
//	int…, uint…, bool as 0 or 1               INTEGER, 64 bits
//	float32, float64                          REAL
//	string                                    TEXT, any bytes
//	[]byte                                    BLOB
//	time.Time                                 TEXT 2006-01-02T15:04:05.000000000Z
//
// A driver.Valuer is asked first, named types go by their kind, and pointers by what they point
// to. Anything else is [ErrInvalidValue]: nothing is turned into JSON by itself. Read into an
// any, values are nil, int64, float64, string and []byte. Into other types they convert as in
// database/sql; NULL needs a pointer, a sql.Null, an any or a []byte. A time.Time is read from
// TEXT: in the form above, RFC 3339, or one of SQLite's forms with a date, which are UTC.
//
// # What is refused
//
// [ErrNotAuthorized] is given for what would reach around the object: tables whose names begin
// with _do_, ATTACH, VACUUM, TEMP, transaction statements, virtual tables but fts5, fts5vocab,
// rtree and rtree_i32, and pragmas and functions that are not on the list in docs/spec.md,
// section 3.3. foreign_keys is on.
//
// # Limits
//
// 100 parameters, 100,000 bytes of text and 2,097,152 bytes for a row, a string or a blob, unless
// Options says otherwise; 100 columns, 127 arguments of a function, patterns of 50 bytes,
// expressions 100 deep, 5 terms in a compound SELECT, triggers 10 deep. Exceeding one is an
// [*Error] and breaks nothing.
//
// # Errors
//
// What SQLite reports is an [*Error]. If SQLite itself ended the transaction, because of a full
// disk or ON CONFLICT ROLLBACK, say, this and every later call gives that error and the object is
// reset.
package sqlstorage
