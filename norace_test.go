//go:build !race

package do_test

const raceEnabled = false
