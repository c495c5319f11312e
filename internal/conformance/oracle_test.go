package conformance

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var modeNames = flag.String("conformance.mode", "", "modes of TestOracle: memory, disk, evict, restart; by default the first two, with -short a third of the cases on disk")

// oracle loads the scenarios of ORACLE_DIR, or those in testdata. A relative folder may also be one below the module's root.
func oracle(t *testing.T) []*Topic {
	t.Helper()
	dir := os.Getenv("ORACLE_DIR")
	if dir == "" {
		dir = filepath.Join("testdata", "oracle")
	} else if _, err := os.Stat(dir); err != nil && !filepath.IsAbs(dir) {
		dir = filepath.Join("..", "..", dir)
	}
	topics, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	return topics
}

// TestOracle compares every case with what the reference did.
//
//	ORACLE_DIR=DIR go test ./internal/conformance -run TestOracle -v
func TestOracle(t *testing.T) {
	var modes []Mode
	names := *modeNames
	switch {
	case names != "":
	case testing.Short():
		names = Disk.Name
	default:
		names = Memory.Name + "," + Disk.Name
	}
	for name := range strings.SplitSeq(names, ",") {
		m, ok := Modes[name]
		if !ok {
			t.Fatalf("-conformance.mode: no mode %q", name)
		}
		modes = append(modes, m)
	}
	topics := oracle(t)
	if names == Disk.Name && testing.Short() {
		thin(topics)
	}
	Suite(t, topics, modes, os.Stdout)
}

// thin leaves every third case of each topic.
func thin(topics []*Topic) {
	for _, topic := range topics {
		var few []*Case
		for i := 0; i < len(topic.Cases); i += 3 {
			few = append(few, topic.Cases[i])
		}
		topic.Cases = few
	}
}

// TestModes plays the cases that never look at an instance's memory with every object evicted, or the runtime restarted, after every event.
func TestModes(t *testing.T) {
	if testing.Short() {
		t.Skip("-short plays them in the modes of TestOracle only")
	}
	topics := oracle(t)
	for _, m := range []Mode{Evict, Restart} {
		t.Run(m.Name, func(t *testing.T) { Suite(t, topics, []Mode{m}, prefixed(m.Name)) })
	}
}

// prefixed writes to standard output with the mode before each report.
type prefixed string

func (p prefixed) Write(report []byte) (int, error) {
	if _, err := os.Stdout.WriteString("after each event " + string(p) + ": " + string(report)); err != nil {
		return 0, err
	}
	return len(report), nil
}
