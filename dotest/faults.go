package dotest

import "github.com/durablego/do"

// FailCommits lets the next n commits of the object fail, as if what they write had met an I/O
// error (D11, T34.7). The turn's writes are undone, the
// object is reset, callers get do.ErrReset, and older commits stay. Commits that write
// nothing are not counted. Restart and Crash forget what is left of n.
func (r *Runtime) FailCommits(stub *do.Stub, n int) {
	now := r.present()
	now.power.failCommits(now.control.Path(stub), max(n, 0))
}

// FailSyncs lets the next n fsyncs of commits of the object, or of its files, fail (D11,
// T34.8): everything that was not durable yet is undone, held answers become do.ErrReset,
// and the object is reset, and with it those whose commits had to become durable by the
// same fsync. Cutting off what was undone takes an fsync too: with n over 1 the object
// gives do.ErrReset until that works. Restart and Crash forget what is left of n.
func (r *Runtime) FailSyncs(stub *do.Stub, n int) {
	now := r.present()
	now.power.failSyncs(now.control.Path(stub), max(n, 0))
}
