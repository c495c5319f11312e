-- name: CreateAuthor :one
INSERT INTO authors (name, born) VALUES (?, ?) RETURNING *;

-- name: AddBook :execresult
INSERT INTO books (author_id, title, pages, added) VALUES (?, ?, ?, ?);

-- name: BooksOf :many
SELECT books.title, books.added, authors.name AS author, authors.born
FROM books JOIN authors ON authors.id = books.author_id
WHERE authors.name = ?
ORDER BY books.title;

-- name: CountBooks :one
SELECT count(*) FROM books;

-- name: DeleteBooks :execrows
DELETE FROM books WHERE pages < ?;
