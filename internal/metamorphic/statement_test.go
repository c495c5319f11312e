package metamorphic

// statements are what the operations on the table run.
var statements = map[string]string{
	"create":        "CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, qty INTEGER CHECK (qty >= 0), note)",
	"createMaybe":   "CREATE TABLE IF NOT EXISTS item(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, qty INTEGER CHECK (qty >= 0), note)",
	"drop":          "DROP TABLE item",
	"index":         "CREATE INDEX IF NOT EXISTS item_qty ON item(qty)",
	"insert":        "INSERT INTO item VALUES (?, ?, ?, ?)",
	"insertIgnore":  "INSERT OR IGNORE INTO item VALUES (?, ?, ?, ?)",
	"insertReplace": "INSERT OR REPLACE INTO item VALUES (?, ?, ?, ?)",
	"upsert":        "INSERT INTO item(name, qty) VALUES (?, ?) ON CONFLICT(name) DO UPDATE SET qty = qty + excluded.qty RETURNING id, qty",
	"add":           "UPDATE item SET qty = qty + ? WHERE id >= ? RETURNING id, qty",
	"rename":        "UPDATE item SET name = ? WHERE id = ?",
	"remove":        "DELETE FROM item WHERE qty < ? RETURNING id, qty",
	"select":        "SELECT id, name, qty, note FROM item WHERE id > ? ORDER BY id LIMIT ?",
	"selectAll":     "SELECT id, name, qty, note FROM item ORDER BY id DESC",
	"sum":           "SELECT count(*), sum(qty), min(name), max(id) FROM item",
	"one":           "SELECT id FROM item WHERE qty = ?",
	"two":           "INSERT INTO item(name, qty) VALUES (:name, 1); SELECT 1",
	"both":          "INSERT INTO item(name, qty) VALUES ('m1', 1); INSERT INTO item(name, qty) VALUES ('m2', -1)",
	"endAll":        "INSERT OR ROLLBACK INTO item(id, name) VALUES (1, NULL)",
}

// refused are texts that give an error and change nothing, whatever the state.
var refused = []struct{ text, kind string }{
	{"SELEC 1", "SQLITE_ERROR"},
	{"SELECT * FROM nowhere", "SQLITE_ERROR"},
	{"SELECT ?", "ErrParameters"},
	{"BEGIN", "ErrNotAuthorized"},
	{"ROLLBACK", "ErrNotAuthorized"},
	{"SELECT value FROM _do_kv", "ErrNotAuthorized"},
	{"CREATE TABLE _DO_mine(x)", "ErrNotAuthorized"},
	{"PRAGMA journal_mode = DELETE", "ErrNotAuthorized"},
	{"VACUUM", "ErrNotAuthorized"},
	{"", "ErrNoStatement"},
	{"SELECT 1;;", "ErrNoStatement"},
}
