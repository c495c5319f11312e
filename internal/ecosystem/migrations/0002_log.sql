-- +goose Up
CREATE TABLE log (what TEXT NOT NULL);

-- +goose StatementBegin
CREATE TRIGGER books_added AFTER INSERT ON books
BEGIN
    INSERT INTO log (what) VALUES ('added; ' || new.title);
END;
-- +goose StatementEnd

-- +goose Down
DROP TRIGGER books_added;
DROP TABLE log;
