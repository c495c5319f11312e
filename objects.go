package do

import (
	"context"
	"iter"
	"time"

	"github.com/durablego/do/internal/index"
)

// ObjectInfo is what is known of an object without waking it (L17).
type ObjectInfo struct {
	// ID has the object's name, if it was ever reached by it.
	ID ID
	// Created is when it got data, since it last had none. If the namespace's index was lost
	// (L20), it is the time of the rebuilding.
	Created time.Time
	// Used is when it last had nothing left to do, but not before Created; after an unclean
	// stop it may be an earlier such time.
	Used time.Time
	// Size is that of its database, in bytes.
	Size int64
	// Alarm is when its alarm is due, or was if it is Dead; zero without one.
	Alarm time.Time
	// Dead says that the handler of its alarm failed for good: it does not run any more (A14).
	Dead bool
	// Original is the size in bytes of the file as the reference had written it, before it was
	// taken over (Class.UniqueKey), and which may be removed. 0: there is none. Every listed object of such a class costs one
	// question to the file system.
	Original int64
}

// ObjectsOptions are the optional arguments of Namespace.Objects.
type ObjectsOptions struct {
	// StartAfter is an id, of which only the bytes count: the list goes on behind it. Zero:
	// it begins with the first object.
	StartAfter ID
	// Limit is how many objects are listed at most. Zero or negative: all.
	Limit int
}

// objectsPage is how many rows are read at once.
const objectsPage = 500

// Objects lists the objects that have data, in the order of their ids, whether or not they
// are in memory; it wakes none (L17). An object is in the list once the commit that gives it
// data is durable, until its database is found empty and closed, or deleted. The list is read page by page, at a cost that does not depend on how many objects
// there are, and nothing is held between two pages: objects that come and go meanwhile are
// there or not. To go on some other time, give the last ID as StartAfter.
//
// An error ends the list: ctx's, ErrClosed, ErrUnserved, ErrOutsideTurn for a namespace of an Env, those
// of the disk. ctx may be any, also a turn's: reading is no wait.
func (n *Namespace) Objects(ctx context.Context, o ObjectsOptions) iter.Seq2[ObjectInfo, error] {
	return func(yield func(ObjectInfo, error) bool) {
		_, _, err := callerFor(ctx, n.owner)
		if err == nil && n.unserved {
			err = n.check(ID{})
		}
		if err != nil {
			yield(ObjectInfo{}, err)
			return
		}
		if n.away != nil {
			yield(ObjectInfo{}, errAway)
			return
		}
		after, left := o.StartAfter.bytes, o.Limit
		for {
			page := objectsPage
			if o.Limit > 0 {
				page = min(page, left)
			}
			if page == 0 {
				return
			}
			rows, err := n.index.List(ctx, after, page)
			if err != nil {
				yield(ObjectInfo{}, err)
				return
			}
			for _, row := range rows {
				info, ok := n.present(row)
				if !ok {
					continue
				}
				if left--; !yield(info, nil) {
					return
				}
			}
			if len(rows) < page {
				return
			}
			after = rows[page-1].ID
		}
	}
}

// present makes an ObjectInfo of a row, with what is known better if the object is in
// memory; false if that has no data any more.
func (s *served) present(row index.Row) (ObjectInfo, bool) {
	info := ObjectInfo{ID: ID{bytes: row.ID}, Size: row.Size, Dead: row.AlarmState == index.AlarmDead}
	if c := s.peek(info.ID); c != nil {
		if now, ok := c.db.TryInfo(); ok {
			if now.Empty {
				return ObjectInfo{}, false
			}
			row.Name, info.Size = now.Name, now.Size
		}
		row.Used = max(row.Used, c.lastUsed())
	}
	info.Created, info.Used = time.Unix(0, row.Created), time.Unix(0, row.Used)
	if row.Alarm != 0 {
		info.Alarm = time.Unix(0, row.Alarm).UTC()
	}
	if row.Name != "" && s.key.fromName(row.Name).Equal(info.ID) { // else it is not its own (I14)
		info.ID.name = row.Name
	}
	info.Original = s.original(info.ID)
	return info, true
}
