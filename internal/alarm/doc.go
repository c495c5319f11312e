// Package alarm decides when the alarms of a runtime's objects run. It knows neither objects
// nor storage: what an alarm is, and whether it is still the one that was told, is for its
// owner to say.
//
// # Terms
//
// An alarm has a key: its object's namespace and id. It is waiting, for its time or for a
// retry, or running: claimed by a [Run]. The horizon of a namespace is the time up to which
// all its waiting alarms are in memory; later ones are only in the index that
// [Options].Load reads.
//
// # Invariants
//
//  1. Nothing is run before its time by the wall clock, which is read again after each timer;
//     no timer is longer than a minute, so that a clock that was set is noticed (A10).
//  2. At most one Run of a key at a time (A11), and at most Options.Max in all, those that are
//     due longest first (A18).
//  3. What the schedule has may be earlier than the truth, or about an alarm that is gone, but
//     never later: who runs one looks first (A9).
//  4. Options.Store is called, in the order of the changes of one key, with everything that
//     the index needs to know, before the change may be left to the horizon. The index may be told
//     later: then Stored sees whether it was read too early.
//  5. There is no timer without a waiting alarm, and no goroutine but for runs and loads.
package alarm
