// Package disktest has disks for tests: [Faulty] fails on command, [Recorder] knows
// what a power cut may leave behind. Both wrap a [disk.FS] and can wrap each other: a
// Recorder around a Faulty sees the failed syncs, and no longer trusts what they
// should have covered.
package disktest
