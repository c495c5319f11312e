// Package conformance runs recorded histories of the reference against this library, through its public API.
//
// A scenario (testdata/oracle/scenarios) is a list of cases, a case a list of steps taken from outside objects, most of them turns: lists
// of ops that run inside one. The trace beside it holds what the reference answered, one result per step. testdata/oracle/README.md
// defines both; the recorder is there too.
//
// # Terms
//
// A node is a step or an op. A difference ([Diff]) is one result, as deep inside a step as it can be found, that is not equal to the
// recorded one. A case is equal if it has none, or only such as the list in accept.go explains one by one; it is skipped if the list says
// why it is not run, or forgives all it does by its tag; else it is different. A mode says where data lives and what happens between
// events.
//
// # Invariants
//
//  1. The interpreter shows what the library does. It never looks at the trace; errors become kinds by errors.Is and errors.As alone
//     (and by SQLite's own messages, where it has one code for many failures).
//  2. What the list explains it explains by tags, ops and results, never by the name of a case or topic: unknown scenarios are judged by
//     it as well. Every entry is a rule of the specification (nearly all of section 13), a tag of the scenario format, or a missing part
//     of the library.
//  3. A difference with consequences for later results is not waved through: the list rewrites the case so that the difference is spelled
//     out (a call that the reference refused is left out, a commit that it made is asked for with sync) and runs it again. Then
//     everything else has to be equal.
//  4. Each case has a runtime and a bubble of virtual time of its own. So cases are independent, the slow ones cost nothing, and calls
//     that are started together arrive in the order of the scenario.
//
// # Failures
//
// A call that never returns is cut off after an hour of virtual time and shows as the error kind timeout. A library that deadlocks ends
// the test process: testing/synctest names the goroutines. An error without a kind shows as unclassified, with its text.
package conformance
