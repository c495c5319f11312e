package engine

import "context"

// Size gives the bytes of the database that hold something, our own tables included; 0
// where there is none (S17).
func (s *Session) Size(ctx context.Context) (bytes int64, err error) {
	if err := s.enter(ctx); err != nil {
		return 0, err
	}
	defer s.leave()
	exists, err := s.d.reading()
	if err != nil || !exists {
		return 0, err
	}
	o := s.d.db
	pages, err := o.number("PRAGMA page_count")
	if err != nil {
		return 0, s.failed(err)
	}
	free, err := o.number("PRAGMA freelist_count")
	if err != nil {
		return 0, s.failed(err)
	}
	return (pages - free) * pageSize, nil
}

// number gives the one value of a query.
func (o *opening) number(query string) (n int64, err error) {
	st, _, err := o.conn.Prepare(query)
	if err != nil {
		return 0, err
	}
	row, err := st.Step()
	if row {
		n = st.ColumnInt64(0)
	}
	if ferr := st.Finalize(); err == nil {
		err = ferr
	}
	return n, err
}

// Migrations are kept in _do_meta, under this prefix and their ID, with a sum of their
// text (S18).
const (
	migrationPrefix = "migration/"
	getMigrations   = "SELECT substr(key, 11), value FROM _do_meta WHERE key >= 'migration/' AND key < 'migration0'"
	putMigration    = "INSERT INTO _do_meta(key, value) VALUES(?, ?)"
)

// Migrations gives the sums of the migrations that were recorded, by ID.
func (s *Session) Migrations(ctx context.Context) (map[string]string, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	exists, err := s.d.reading()
	if err != nil || !exists {
		return nil, err
	}
	st, _, err := s.d.db.conn.Prepare(getMigrations)
	if err != nil {
		return nil, s.failed(err)
	}
	sums := map[string]string{}
	row, err := st.Step()
	for row {
		sums[st.ColumnText(0)] = st.ColumnText(1)
		row, err = st.Step()
	}
	if ferr := st.Finalize(); err == nil {
		err = ferr
	}
	if err != nil {
		return nil, s.failed(err)
	}
	return sums, nil
}

// RecordMigration records a migration that was not recorded before.
func (s *Session) RecordMigration(ctx context.Context, id, sum string) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	if err := s.recordMigration(id, sum); err != nil {
		return s.failed(err)
	}
	return nil
}

func (s *Session) recordMigration(id, sum string) error {
	d := s.d
	if err := d.writing(); err != nil {
		return err
	}
	st, _, err := d.db.conn.Prepare(putMigration)
	if err != nil {
		return err
	}
	if err = d.begin(); err == nil {
		err = st.BindText(1, migrationPrefix+id)
	}
	if err == nil {
		err = st.BindText(2, sum)
	}
	if err == nil {
		_, err = st.Step()
	}
	if ferr := st.Finalize(); err == nil {
		err = ferr
	}
	return err
}
