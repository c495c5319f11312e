package alarm

// Decision is what is to be done when the schedule has fired (A9).
type Decision uint8

// The decisions.
const (
	Skip Decision = iota // there is none to run: forget it (A9.4)
	Wait                 // it is later than the schedule knew: do not run it (A9.3)
	Go                   // run it (A9.1, A9.2)
	Bury                 // nobody can run it: it is dead (A9.5)
)

// Decide compares the alarm in an object's database with the clock, both in nanoseconds since
// 1970. early says that it may run before its time: a retry, or on demand.
func Decide(isSet bool, at, now int64, early, handled bool) Decision {
	switch {
	case !isSet:
		return Skip
	case !handled:
		return Bury
	case at > now && !early:
		return Wait
	}
	return Go
}
