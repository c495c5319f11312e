package engine

import "context"

// Abandon closes the files of a database that neither Close nor Recover could close, as
// they are: nothing more is made durable, and tickets that are not open stay so. It waits
// for a running call and fsync. The DB is not used afterwards.
func (d *DB) Abandon() {
	if s := d.session.Load(); s != nil {
		s.Fence()
	}
	if err := d.lock.acquireNudging(context.Background(), interruptEvery, d.interrupt); err != nil {
		return // cannot be: the context does not end
	}
	defer d.lock.release()
	d.endStatements()
	if d.db == nil {
		return
	}
	d.db.log.Close()
	if d.journal != nil {
		if err := d.db.WriteBack(d.db.log.Durable); err != nil {
			d.journal.Doubt(d.o.Path, err) // only the journal has it
		}
	}
	_ = d.disconnect() // who gives it up has been told why
}
