package engine

import "github.com/durablego/do/internal/sqlite"

// flagSet holds flags that differ from what a new connection has: one bit each.
type flagSet uint8

func (f flagSet) differs(flag sqlite.Flag) bool { return f&(1<<flag) != 0 }

// with gives f with a flag at a value.
func (f flagSet) with(flag sqlite.Flag, on bool) flagSet {
	if on == flag.Default() {
		return f &^ (1 << flag)
	}
	return f | 1<<flag
}

// apply gives the connection the flags in want (S53): those an instance set before its
// database was closed and opened again, and none that another instance has set.
func (x *texts) apply(want flagSet) error {
	for flag := range sqlite.Flags {
		if x.flags.differs(flag) == want.differs(flag) {
			continue
		}
		if err := x.conn.SetFlag(flag, want.differs(flag) != flag.Default()); err != nil {
			return err
		}
		x.flags ^= 1 << flag
	}
	return nil
}

// flagged remembers the flag that preparing t has set.
func (s *Session) flagged(x *texts, t *text) {
	flag, on, ok := t.Sets()
	if !ok || flag == sqlite.ForeignKeys && x.conn.InTransaction() { // SQLite ignores it then
		return
	}
	s.flags = s.flags.with(flag, on)
	x.flags = x.flags.with(flag, on)
}

// defers sets defer_foreign_keys again if the instance has set it: a read outside the
// transaction has switched it off.
func (s *Session) defers(x *texts) error {
	if !s.flags.differs(sqlite.DeferForeignKeys) {
		return nil
	}
	return x.conn.SetFlag(sqlite.DeferForeignKeys, true)
}
