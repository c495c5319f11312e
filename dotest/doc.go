// Package dotest runs objects in tests: an isolated runtime with a data folder of its own,
// ways to look into an object, to evict it, to restart, to crash, and to let its disk fail.
//
//	func TestCounter(t *testing.T) {
//		env := dotest.New(t, dotest.Options{})
//		stub := env.Namespace("COUNTER").GetByName("hits")
//		total, err := do.Call(t.Context(), stub, (*Counter).Add, 5)
//		…
//		env.Crash() // what was answered for is still there
//	}
//
// # Time
//
// Inside a bubble of [testing/synctest] time is virtual: an idle time-out or a limit of
// 30 seconds passes at once, when everything in the bubble waits. Make the Runtime in the
// bubble, since channels must not cross its border, and use no network there. To let
// something happen, sleep and then call synctest.Wait; never poll.
//
//	synctest.Test(t, func(t *testing.T) {
//		env := dotest.New(t, dotest.Options{})
//		…
//		time.Sleep(11 * time.Second) // the object is idle, and leaves memory
//		synctest.Wait()
//	})
//
// # The end of a test
//
// The runtime is closed when the test and its subtests are over. What is still in use
// then fails the test: a handler or WaitUntil work that does not end, a response body
// that nobody closed, a database or goroutine left behind. Every database file is
// checked by SQLite's quick_check.
//
// # What is different from do.Open
//
// Dir empty means a folder that the test removes, with durability as the Options say.
// Files are written but not really synced, which is faster; what a power cut would
// leave is known all the same (see [Runtime.Crash]). Logs go to the test's output unless
// Options.Runtime has a Logger. And each call of storage checks that it comes from the
// goroutine of its turn, else it gives do.ErrOutsideTurn: outside tests a context in the
// hands of a second goroutine is a data race that may go unnoticed.
package dotest
