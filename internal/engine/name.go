package engine

import "context"

// Name returns the object's name (I13): the one given to SetName, else the one stored in
// the database; empty if there is none. It does not make the file.
func (d *DB) Name() (string, error) {
	if err := d.lock.acquire(context.Background()); err != nil {
		return "", err
	}
	defer d.lock.release()
	if err := d.Broken(); err != nil {
		return "", err
	}
	if d.name != "" {
		return d.name, nil
	}
	exists, err := d.reading()
	if err != nil || !exists {
		return "", err
	}
	st, err := d.db.stmt(stmtName)
	if err != nil {
		return "", err
	}
	row, err := st.Step()
	if row {
		d.name = st.ColumnText(0)
		d.db.named = true
	}
	if rerr := st.Reset(); err == nil {
		err = rerr
	}
	return d.name, err
}

// SetName gives the object's name, which the next commit that writes stores. An empty
// name is none. The caller has checked that it hashes to the object's id (I14).
func (d *DB) SetName(name string) {
	if err := d.lock.acquire(context.Background()); err != nil {
		return // not with this context
	}
	defer d.lock.release()
	if name == "" || name == d.name {
		return
	}
	d.name = name
	if d.db != nil {
		d.db.named = false
	}
}

// storeName writes the name into the open transaction, if it is not known to be in the
// database. REQUIRES: lock held.
func (d *DB) storeName() error {
	if d.name == "" || d.db.named {
		return nil
	}
	st, err := d.db.stmt(stmtSetName)
	if err != nil {
		return err
	}
	if err := st.BindText(1, d.name); err != nil {
		return err
	}
	return finish(st)
}
