//go:build race

package layering_test

const raceEnabled = true
