package alarm

import (
	"bytes"
	"cmp"
	"math"
	"slices"
	"time"
)

// never is later than every alarm that can be set.
const never = math.MaxInt64

// space is a namespace: how far its alarms are in memory.
type space struct {
	complete bool         // all of them are
	upTo     Stored       // else those up to here
	waiting  int          // entries
	loading  bool         // more are being read
	touched  map[Key]bool // told meanwhile: what is read of these may be older
	again    int64        // when to try again to read; 0: now
	failures int          // to read, in a row
}

// covers says whether the alarm belongs in memory. While more are read all do.
func (sp *space) covers(a Alarm) bool {
	return sp.complete || sp.loading || a.At <= sp.upTo.At || a.Gen == unknown
}

func (sp *space) touch(k Key) {
	if sp.loading {
		sp.touched[k] = true
	}
}

// loadLocked begins to read where few are left. It gives the time of the next attempt where
// reading has failed.
func (s *Schedule) loadLocked(now int64) (next int64) {
	next = never
	for i := range s.spaces {
		sp := &s.spaces[i]
		switch {
		case sp.complete || sp.loading || sp.waiting > s.o.Horizon/2:
		case sp.again > now:
			next = min(next, sp.again)
		default:
			sp.loading, sp.touched = true, map[Key]bool{}
			after := sp.upTo
			s.loaders.Go(func() { s.load(i, after) })
		}
	}
	return next
}

// load reads the next alarms of a namespace.
func (s *Schedule) load(i int, after Stored) {
	rows, err := s.o.Load(s.ctx, i, after, s.o.Horizon)
	if err != nil && s.ctx.Err() == nil && s.o.Failed != nil {
		s.o.Failed(i, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	sp := &s.spaces[i]
	now := time.Now().UnixNano()
	touched := sp.touched
	sp.loading, sp.touched = false, nil
	if err != nil {
		sp.again = now + int64(time.Second<<min(sp.failures, 6))
		sp.failures++
		s.advanceLocked()
		return
	}
	sp.failures = 0
	for _, row := range rows {
		k := Key{i, row.ID}
		if s.entries[k] != nil || touched[k] {
			continue
		}
		e := &entry{key: k, alarm: Alarm{At: row.At}, when: row.At, place: -1, vague: true}
		if row.Begun { // the process died in it
			var delay time.Duration
			e.retry, delay, _ = e.retry.Failed(false, s.o.Jitter)
			e.when = max(e.when, now+int64(delay))
		}
		s.entries[k] = e
		s.waitLocked(e)
	}
	if sp.complete = len(rows) < s.o.Horizon; !sp.complete {
		sp.upTo = rows[len(rows)-1]
	}
	s.trimLocked(i)
	s.advanceLocked()
}

// trimLocked leaves to the index what is far away, if there is much in memory.
func (s *Schedule) trimLocked(i int) {
	sp := &s.spaces[i]
	if s.o.Load == nil || sp.loading || sp.waiting <= 2*s.o.Horizon {
		return
	}
	var plain []*entry // those of which the index knows everything
	for _, e := range s.waiting {
		if e.key.Space == i && !e.retry.Any() && e.alarm.Gen != unknown {
			plain = append(plain, e)
		}
	}
	if len(plain) <= s.o.Horizon {
		return
	}
	slices.SortFunc(plain, func(a, b *entry) int {
		return cmp.Or(cmp.Compare(a.alarm.At, b.alarm.At), bytes.Compare(a.key.ID[:], b.key.ID[:]))
	})
	last := plain[s.o.Horizon-1]
	sp.complete, sp.upTo = false, Stored{At: last.alarm.At, ID: last.key.ID}
	for _, e := range plain[s.o.Horizon:] {
		s.dropLocked(e)
	}
}
