// Package crash shows that what was answered for outlives the end of a process and of the
// power. It has no code to import but for its own tests: a program like a user's, with
// objects whose data checks itself, and a way to ask them.
//
// # Tests
//
// TestKill runs the program in a child process under concurrent load, kills it with SIGKILL
// at random moments and starts it again on the same folder, -kills times. TestPowerCut runs
// it in this process on a disk that knows what was synced, and opens what a power cut might
// leave at random moments. TestCrashAtEveryCommitPoint crashes at each one of a script.
//
// # Invariants
//
//  1. Every operation that was answered is there (T13, T34.13).
//  2. Each operation is there as a whole or not at all: the accounts of a ledger are what its
//     entries add up to, the counter is their number, both halves of a pair are equal (T11).
//  3. An operation is there at most once, and none that nobody asked for.
//  4. quick_check finds nothing in any database.
//
// The operations that nobody got an answer for may be there or not.
package crash
