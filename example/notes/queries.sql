-- name: Add :exec
INSERT INTO notes (title, body, written) VALUES (?, ?, ?);

-- name: Remove :exec
DELETE FROM notes WHERE id = ?;

-- name: Newest :many
SELECT * FROM notes ORDER BY id DESC LIMIT 50;

-- name: Search :many
SELECT notes.id, notes.title, CAST(snippet(search, 0, char(2), char(3), '...', 16) AS TEXT) AS body, notes.written
FROM search JOIN notes ON notes.id = search.rowid WHERE search.text MATCH sqlc.arg(words) ORDER BY rank LIMIT 50;
