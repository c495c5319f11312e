CREATE TABLE notes (
    id      INTEGER PRIMARY KEY,
    title   TEXT NOT NULL,
    body    TEXT NOT NULL,
    written TIMESTAMP NOT NULL
);

CREATE VIRTUAL TABLE search USING fts5(text, tokenize = 'porter');

CREATE TRIGGER notes_added AFTER INSERT ON notes BEGIN
    INSERT INTO search (rowid, text) VALUES (new.id, new.title || char(10) || new.body);
END;

CREATE TRIGGER notes_removed AFTER DELETE ON notes BEGIN
    DELETE FROM search WHERE rowid = old.id;
END;
