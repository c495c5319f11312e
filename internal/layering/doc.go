// Package layering holds the house's own rules as tests; it has no code to import.
//
// Each test reads the source of the whole module as it lies there, for all systems at once, and fails with the place and the reason:
//
//   - imports run downward only, as the table in CONTRIBUTING.md says, which is the one copy of it;
//   - files, the root package's surface and the README stay small;
//   - every package says what it is for, every example is a program with a test, nothing is left unfinished, and no file names a
//     machine;
//   - the module builds on the systems it names;
//   - every rule that this version claims (testdata/rules.txt) is cited by a test.
//
// Nested modules (folders with a go.mod of their own) and testdata are outside. The files are those git knows or would take in; without
// git, those that are there.
package layering
