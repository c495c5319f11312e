package layering_test

import (
	"strings"
	"testing"
)

// TestEveryRuleHasATest compares the rules this version claims with those its tests cite: in comments, in the names of test functions,
// and in strings that begin with a rule, as names of sub-tests and rows do.
func TestEveryRuleHasATest(t *testing.T) {
	tr := source(t)
	text, err := tr.read("internal/layering/testdata/rules.txt")
	if err != nil {
		t.Fatal(err)
	}
	var claimed []rule
	for line := range strings.SplitSeq(string(text), "\n") {
		if _, list, found := strings.Cut(line, ": "); found && !strings.HasPrefix(line, "#") {
			claimed = append(claimed, rulesIn(list)...)
		}
	}
	if len(claimed) < 100 {
		t.Fatalf("rules.txt claims %d rules only: is it being read?", len(claimed))
	}
	cited := map[rule]bool{}
	for _, f := range tr.code {
		if f.test && f.folder != "internal/layering" {
			for _, r := range citations(f.syntax) {
				cited[r] = true
				cited[rule{r.letter, r.number, 0}] = true // a row of a table cites the table
			}
		}
	}
	var missing []string
	for _, r := range claimed {
		if !cited[r] {
			missing = append(missing, r.String())
		}
	}
	if len(missing) > 0 {
		t.Errorf("%d of %d rules are cited by no test: %s", len(missing), len(claimed), strings.Join(missing, " "))
	}
}
