package index

// ID is the identity of an object within its namespace.
type ID = [32]byte

// AlarmState says how an object's alarm stands.
type AlarmState uint8

// The states of an alarm.
const (
	AlarmNone AlarmState = iota
	AlarmSet
	AlarmDead  // its handler failed for good
	AlarmBegun // set, and its handler may have begun; odd like AlarmSet: see the index due
)

// Row is what the index has about one object. Times are nanoseconds since 1970.
type Row struct {
	ID         ID
	Name       string // empty if not known
	Created    int64  // when it got data first
	Used       int64  // when it was used last
	Size       int64  // of its database, in bytes
	Alarm      int64  // 0: none
	AlarmState AlarmState
}

// fields are those parts of a Row that a change is about.
type fields uint8

const (
	hasName fields = 1 << iota
	hasUsed
	hasSize
	hasAlarm
)

// change is what is new about the object row.ID.
type change struct {
	row    Row
	set    fields // these replace what is stored
	insert bool   // without a stored row, row is the whole of it
	older  int64  // a row that is stored was used then, too: said before row was
	fresh  bool   // row is the whole of it, whatever is stored
	gone   bool   // there is no row
}

// over gives the one change that old and then c make.
func (c change) over(old change) change {
	switch {
	case c.fresh || c.gone:
		return c
	case old.gone && !c.insert:
		return old
	case old.gone:
		return change{row: c.row, fresh: true}
	case c.insert && !old.insert && !old.fresh:
		// What old alone could not have made a row of.
		row := c.row
		if c.set&hasAlarm == 0 {
			row.Alarm, row.AlarmState = old.row.Alarm, old.row.AlarmState
		}
		if old.set&hasUsed != 0 {
			c.older = max(c.older, old.row.Used)
		}
		return change{row: row, set: old.set&^hasUsed | c.set, insert: true, older: c.older}
	}
	merged := old
	merged.set |= c.set
	c.put(&merged.row)
	return merged
}

// put puts what c is about into r.
func (c change) put(r *Row) {
	if c.set&hasName != 0 {
		r.Name = c.row.Name
	}
	if c.set&hasUsed != 0 {
		r.Used = max(r.Used, c.row.Used)
	}
	if c.set&hasSize != 0 {
		r.Size = c.row.Size
	}
	if c.set&hasAlarm != 0 {
		r.Alarm, r.AlarmState = c.row.Alarm, c.row.AlarmState
	}
}

// apply gives the row after c, of one that is stored or is not.
func (c change) apply(stored Row, exists bool) (row Row, ok bool) {
	switch {
	case c.gone || !exists && !c.insert && !c.fresh:
		return Row{}, false
	case c.fresh || !exists:
		return c.row, true
	}
	c.put(&stored)
	stored.Used = max(stored.Used, c.older)
	return stored, true
}
