package layering_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestBuildsElsewhere builds and vets the module, tests included, for the systems it names beside Linux. A first run compiles SQLite once
// per system, about half a minute each on two cores; later ones take seconds.
func TestBuildsElsewhere(t *testing.T) {
	if testing.Short() {
		t.Skip("-short leaves out the cross builds: they compile SQLite for four systems")
	}
	if raceEnabled {
		t.Skip("the race detector has nothing to see in a build; the run without it builds")
	}
	for _, system := range []string{"darwin/amd64", "darwin/arm64", "windows/amd64", "freebsd/amd64"} {
		t.Run(system, func(t *testing.T) {
			goos, goarch, _ := strings.Cut(system, "/")
			for _, verb := range []string{"build", "vet"} {
				c := exec.Command("go", verb, "-buildvcs=false", "./...")
				c.Dir = source(t).root
				c.Env = append(os.Environ(), "GOOS="+goos, "GOARCH="+goarch, "CGO_ENABLED=0")
				if out, err := c.CombinedOutput(); err != nil {
					t.Fatalf("go %s for %s: %v\n%s", verb, system, err, out)
				}
			}
		})
	}
}
