// Package ecosystem runs what Go people use on SQL, unchanged, inside objects: sqlc, goose, sqlx,
// bun, squirrel, gorm. It is a module of its own, so that programs which use the library need not
// know of them. docs/sql.md has the table of what works.
package ecosystem
